//! Processes of the program that share a Redis or have none, and what they cost.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::webhook::{ORIGIN, TOKEN};

pub(crate) const SECRET: &str = "the-secret-of-the-bench";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A build of the program.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// Its name in the report.
    pub(crate) name: &'static str,
    path: String,
}

impl Build {
    /// The one that was made for this bench, after the one that `--baseline=PATH` names, if any:
    /// figures of two builds are compared in the same rounds.
    pub(crate) fn all() -> Vec<Self> {
        let before = std::env::args().find_map(|argument| {
            let path = argument.strip_prefix("--baseline=")?.to_owned();
            Some(Self {
                name: "before: ",
                path,
            })
        });
        before.into_iter().chain([Self::this()]).collect()
    }

    pub(crate) fn this() -> Self {
        Self {
            name: "",
            path: env!("CARGO_BIN_EXE_tablecall").to_owned(),
        }
    }
}

/// A child that ends with its handle, or with this process.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn tied(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", program])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Program {
    pub(crate) fn redis() -> Self {
        let address = free_address();
        let mut command = tied("redis-server");
        let port = address.port().to_string();
        command.args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let program = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "redis-server does not listen"
            );
            std::thread::yield_now();
        }
        program
    }

    /// The service as it is deployed, and with its usual log, which nothing reads.
    pub(crate) fn service(build: &Build, carrier: SocketAddr, redis: Option<&Self>) -> Self {
        let address = free_address();
        let mut command = tied(&build.path);
        command.arg("serve").env_clear().envs([
            ("TABLECALL_LISTEN", address.to_string().as_str()),
            ("TABLECALL_PUBLIC_URL", ORIGIN),
            ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000000"),
            ("TWILIO_AUTH_TOKEN", TOKEN),
            ("TWILIO_API_URL", &format!("http://{carrier}")),
            ("TWILIO_FROM_NUMBER", "+15005550006"),
            ("TWILIO_CPS", "0"),
            ("TABLECALL_API_KEYS", &format!("bench:{SECRET}")),
            ("TABLECALL_CALL_HOURS", "always"),
            ("TABLECALL_ALLOWED_COUNTRIES", "*"),
            (
                "TABLECALL_LIMITS",
                "number_hour=100,number_day=100,key_minute=1000000,service_day=1000000",
            ),
            ("TABLECALL_TICKET_KEYS", KEY),
        ]);
        if let Some(redis) = redis {
            command
                .env("REDIS_URL", format!("redis://{}", redis.address))
                .env("TABLECALL_INDEX_KEY", KEY);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.next().is_some(),
            "the service ended before it listened"
        );
        Self { child, address }
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> f64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4_096.0
    }

    /// Time on a processor.
    pub(crate) fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// The answer of a Redis to a command.
    pub(crate) fn asked(&self, command: &[&str]) -> String {
        let port = self.address.port().to_string();
        let output = Command::new("redis-cli")
            .args(["-p", &port])
            .args(command)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}
