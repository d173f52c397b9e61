//! Sentinels of a test's own, real ones, which agree on the primary that is used.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::{free_addresses_at, own_host, tied};
use crate::real_time::eventually;
use crate::redis_server::RedisServer;

/// The name that they have for the primary.
pub(crate) const NAME: &str = "mymaster";
/// Milliseconds of silence after which a primary counts as gone.
const DOWN_AFTER: u32 = 1_500;

/// Three of them.
pub(crate) struct Sentinels {
    children: Vec<Child>,
    addresses: [SocketAddr; 3],
    _folder: TempDir,
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Sentinels {
    /// They watch a primary with a replica, and know each other.
    pub(crate) async fn watch(primary: &RedisServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (host, port) = (primary.address.ip(), primary.address.port());
        let addresses: [_; 3] = free_addresses_at(own_host());
        let mut children = Vec::new();
        for (number, address) in addresses.iter().enumerate() {
            let own = address.ip();
            let file = folder.path().join(format!("{number}.conf"));
            let text = format!(
                "port {}\nbind {own}\ndir {}\nlogfile {number}.log\nsentinel announce-ip {own}\n\
                 sentinel monitor {NAME} {host} {port} 2\n\
                 sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\nsentinel failover-timeout {NAME} 5000\n",
                address.port(),
                folder.path().display()
            );
            std::fs::write(&file, text).unwrap();
            let mut command = tied("redis-server");
            command.arg(&file).arg("--sentinel");
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            children.push(command.spawn().expect("redis-server can be started"));
        }
        let all = Self {
            children,
            addresses,
            _folder: folder,
        };
        eventually("they agree and know the replica", || {
            all.addresses.iter().all(|address| {
                asked(*address, &["SENTINEL", "CKQUORUM", NAME]).starts_with("OK 3 usable")
                    && asked(*address, &["SENTINEL", "REPLICAS", NAME]).contains("slave")
            })
        })
        .await;
        all
    }

    /// The address of the primary that they name, for a login such as `user:password@`.
    pub(crate) fn url(&self, login: &str) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        format!("redis+sentinel://{login}{}/{NAME}", addresses.join(","))
    }

    /// They make the replica the primary, though nothing is wrong.
    pub(crate) async fn fail_over(&self) {
        eventually("a failover begins", || {
            asked(self.first(), &["SENTINEL", "FAILOVER", NAME]) == "OK"
        })
        .await;
    }

    /// The address of one of them.
    pub(crate) fn first(&self) -> SocketAddr {
        self.addresses[0]
    }
}

fn asked(address: SocketAddr, command: &[&str]) -> String {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let output = Command::new("redis-cli")
        .args(["-h", &host, "-p", &port])
        .args(command)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
