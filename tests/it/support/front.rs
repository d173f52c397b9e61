//! Real proxies before the service, from Debian's packages, with the lines that docs/operations.md
//! shows.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::real_time::poll;

/// A proxy that runs until it is dropped.
pub(crate) struct Front {
    child: Child,
    _files: TempDir,
}

/// A proxy in one of the ways that the documents describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    HaproxyHttp,
    HaproxyHttp2,
    HaproxyTcp,
    HaproxyProxyProtocol,
    Apache,
    Caddy,
    CaddyHttp2,
}

impl Kind {
    /// The heading in docs/operations.md, and which block under it.
    const fn place(self) -> (&'static str, usize) {
        match self {
            Self::Nginx => ("## nginx", 0),
            Self::HaproxyHttp => ("## HAProxy, as a proxy of HTTP", 0),
            Self::HaproxyHttp2 => ("## HAProxy, as a proxy of HTTP", 1),
            Self::HaproxyTcp => ("## HAProxy, passing bytes on", 0),
            Self::HaproxyProxyProtocol => ("## HAProxy, passing bytes on", 1),
            Self::Apache => ("## Apache", 0),
            Self::Caddy => ("## Caddy", 0),
            Self::CaddyHttp2 => ("## Caddy", 1),
        }
    }

    /// The lines of the document, for a service at `back`.
    fn documented(self, back: SocketAddr) -> String {
        let (heading, block) = self.place();
        let document = include_str!("../../../docs/operations.md");
        let section = document.split_once(heading).expect(heading).1;
        let section = section.split("\n## ").next().unwrap();
        let fenced = section.split("\n```").skip(1).step_by(2).nth(block);
        // The first line names the language.
        let (_, lines) = fenced.expect(heading).split_once('\n').unwrap();
        assert!(lines.contains("127.0.0.1:8080"), "{lines}");
        lines.replace("127.0.0.1:8080", &back.to_string())
    }

    /// The whole configuration for a proxy at `front` with its files in `dir`.
    fn configuration(self, front: SocketAddr, back: SocketAddr, dir: &str) -> String {
        let lines = self.documented(back);
        match self {
            Self::Nginx => format!(
                "daemon off; master_process off; pid {dir}/pid; error_log stderr;\n\
                 events {{}}\n\
                 http {{\n\
                 access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;\n\
                 fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
                 server {{ listen {front};\n{lines}\n}}\n}}\n"
            ),
            Self::HaproxyHttp
            | Self::HaproxyHttp2
            | Self::HaproxyTcp
            | Self::HaproxyProxyProtocol => {
                let mode = if matches!(self, Self::HaproxyHttp | Self::HaproxyHttp2) {
                    "http"
                } else {
                    "tcp"
                };
                format!(
                    "defaults\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                     frontend in\n mode {mode}\n bind {front}\n default_backend tablecall\n{lines}\n"
                )
            }
            Self::Apache => {
                let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"];
                let loads = modules.map(|name| {
                    format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
                });
                format!(
                    "{}ServerRoot {dir}\nServerName {front}\nListen {front}\nPidFile {dir}/pid\nErrorLog {dir}/log\n{lines}\n",
                    loads.concat()
                )
            }
            Self::Caddy | Self::CaddyHttp2 => {
                format!("{{\n admin off\n auto_https off\n}}\nhttp://{front} {{\n{lines}\n}}\n")
            }
        }
    }

    fn command(self, dir: &str, file: &str) -> Command {
        let (program, arguments) = match self {
            Self::Nginx => (
                "/usr/sbin/nginx",
                vec!["-p", dir, "-e", "stderr", "-c", file],
            ),
            Self::HaproxyHttp
            | Self::HaproxyHttp2
            | Self::HaproxyTcp
            | Self::HaproxyProxyProtocol => ("/usr/sbin/haproxy", vec!["-db", "-f", file]),
            Self::Apache => ("/usr/sbin/apache2", vec!["-X", "-f", file]),
            Self::Caddy | Self::CaddyHttp2 => (
                "/usr/bin/caddy",
                vec!["run", "--adapter", "caddyfile", "--config", file],
            ),
        };
        let mut command = Command::new("setpriv");
        // As root they would change their user, and forget whom they are tied to.
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--", program]);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Front {
    /// Starts a proxy at `front` before a service at `back`, and waits until it listens.
    pub(crate) async fn start(kind: Kind, front: SocketAddr, back: SocketAddr) -> Self {
        let files = tempfile::tempdir().unwrap();
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(files.path(), everybody).unwrap();
        let dir = files.path().to_str().unwrap().to_owned();
        let file = files.path().join("configuration");
        std::fs::write(&file, kind.configuration(front, back, &dir)).unwrap();
        let mut child = kind.command(&dir, file.to_str().unwrap()).spawn().unwrap();
        poll("the proxy listens", async || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{kind:?} ended before it listened"
            );
            TcpStream::connect(front).await.ok()
        })
        .await;
        Self {
            child,
            _files: files,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}
