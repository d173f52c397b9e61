//! A Redis of a test's own: real, on a port of its own, without persistence, gone with the test.
//! Three of them make a cluster.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};

use crate::app::within;
use crate::process::{free_address, free_addresses_at, own_host, signalled, tied};
use crate::real_time::eventually;

/// A server that is running.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
    options: Vec<String>,
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It has ended already where a test has ended it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl RedisServer {
    pub(crate) async fn starts() -> Self {
        Self::with(&[]).await
    }

    /// With options of its command line.
    pub(crate) async fn with(options: &[&str]) -> Self {
        Self::at(free_address(), options).await
    }

    /// One that listens on this host, with options of its command line.
    pub(crate) async fn also_at(host: IpAddr, options: &[&str]) -> Self {
        let [address] = free_addresses_at(host);
        Self::at(address, options).await
    }

    async fn at(address: SocketAddr, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self {
            child: spawned(address, folder.path(), &options),
            address,
            folder,
            options,
        };
        server.listens().await;
        server
    }

    /// A copy of another, which has everything by now.
    pub(crate) async fn follows(other: &Self) -> Self {
        let (address, primary) = (free_address(), other.address);
        let primary = format!("{} {}", primary.ip(), primary.port());
        let host = address.ip().to_string();
        let options = ["--replicaof", &primary, "--replica-announce-ip", &host];
        let copy = Self::at(address, &options).await;
        eventually("it has everything", || {
            copy.asked(&["INFO", "replication"])
                .contains("master_link_status:up")
        })
        .await;
        copy
    }

    /// Follows nobody any more.
    pub(crate) fn leads(&self) {
        assert_eq!(self.asked(&["REPLICAOF", "NO", "ONE"]), "OK");
    }

    /// Three that share everything among them, and serve.
    pub(crate) async fn cluster() -> [Self; 3] {
        let host = own_host();
        let [one, two, three, buses @ ..] = free_addresses_at::<6>(host);
        let mut nodes = Vec::new();
        for (address, bus) in [one, two, three].into_iter().zip(buses) {
            let (host, bus) = (host.to_string(), bus.port().to_string());
            // A node believes that its address is the one from which the others hear it.
            let options = [
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &bus],
                ["--cluster-announce-ip", &host],
                ["--bind-source-addr", &host],
            ];
            nodes.push(Self::at(address, options.as_flattened()).await);
        }
        let mut create = vec!["--cluster".to_owned(), "create".to_owned()];
        create.extend(nodes.iter().map(|node| node.address.to_string()));
        create.push("--cluster-yes".to_owned());
        let made = tied("timeout")
            .args(["30", "redis-cli"])
            .args(&create)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stdout)
        );
        for node in &nodes {
            let serves = || {
                node.asked(&["CLUSTER", "INFO"])
                    .contains("cluster_state:ok")
            };
            eventually("the cluster serves", serves).await;
        }
        nodes.try_into().ok().unwrap()
    }

    async fn listens(&mut self) {
        let (address, child) = (self.address, &mut self.child);
        eventually("redis-server listens", || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "redis-server has ended"
            );
            std::net::TcpStream::connect(address).is_ok()
        })
        .await;
        assert_eq!(self.asked(&["PING"]), "PONG");
    }

    /// Its answer to a command.
    pub(crate) fn asked(&self, command: &[&str]) -> String {
        let (host, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let output = Command::new("redis-cli")
            .args(["-h", &host, "-p", &port])
            .args(command)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A number of its `INFO`.
    pub(crate) fn info(&self, name: &str) -> u64 {
        self.info_line(name).parse().unwrap()
    }

    /// A value of its `INFO`.
    fn info_line(&self, name: &str) -> String {
        let info = self.asked(&["INFO", "everything"]);
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.unwrap_or_else(|| panic!("{name} is not in {info}"));
        value.trim().to_owned()
    }

    /// Writes down every command from now on.
    pub(crate) async fn watched(&self) -> Watched {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
        Watched { lines }
    }

    /// As a power cut would end it; what it held is gone.
    pub(crate) fn dies(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Runs again where it ran, and holds nothing.
    pub(crate) async fn starts_again(&mut self) {
        self.child = spawned(self.address, self.folder.path(), &self.options);
        self.listens().await;
    }

    /// Answers nothing any more, but its connections stand.
    pub(crate) fn stalls(&self) {
        signalled(&self.child, "STOP");
    }

    /// Answers again.
    pub(crate) fn goes_on(&self) {
        signalled(&self.child, "CONT");
    }

    /// Is to save snapshots, and has failed to: its file is a folder.
    pub(crate) fn fails_to_save(&self) {
        std::fs::create_dir(self.folder.path().join("dump.rdb")).unwrap();
        assert_eq!(self.asked(&["CONFIG", "SET", "save", "3600 1000000"]), "OK");
        self.asked(&["BGSAVE"]);
        while self.info_line("rdb_last_bgsave_status") != "err" {
            std::thread::yield_now();
        }
    }

    /// Has no room for anything more (`OOM command not allowed`), or has again.
    pub(crate) fn is_full(&self, full: bool) {
        let most = if full { "1" } else { "0" };
        assert_eq!(self.asked(&["CONFIG", "SET", "maxmemory", most]), "OK");
    }
}

/// The commands that a server is sent, and those of the scripts that it runs.
pub(crate) struct Watched {
    lines: Lines<BufReader<tokio::net::TcpStream>>,
}

impl Watched {
    /// All of them until now, in order.
    pub(crate) async fn ends(mut self, server: &RedisServer) -> Vec<String> {
        const END: &str = "nothing more is written down";
        server.asked(&["PING", END]);
        let mut all = Vec::new();
        within("the end is written down", async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(END) {
                    return;
                }
                all.push(line);
            }
        })
        .await;
        all
    }
}

fn spawned(address: SocketAddr, folder: &Path, options: &[String]) -> Child {
    let mut command = tied("redis-server");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command
        .args([
            "--port",
            &port,
            "--bind",
            &host,
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .args(options);
    command
        .args(["--loglevel", "warning", "--repl-diskless-sync-delay", "0"])
        .arg("--dir")
        .arg(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("redis-server can be started")
}
