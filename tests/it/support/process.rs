//! The real program as child processes: the service, and the simulator alone as its carrier. Each
//! is killed when its handle is dropped. Clocks are real here, so nothing may depend on how long a
//! call lasts.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::within;
use crate::needs::is_installed;

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(crate) const SECRET: &str = "the-secret-of-the-app";

/// The time in which a process without requests stops, on a machine with much else to do.
const PROMPT: Duration = Duration::from_secs(5);

/// An address of this machine for a child process, at a host that no other process uses.
pub(crate) fn free_address() -> SocketAddr {
    let [address] = free_addresses_at(own_host());
    address
}

/// A host of this machine that no other process uses: Linux has all of 127.0.0.0/8. A child binds
/// its port itself, so at a shared host another program could take the port before it does.
pub(crate) fn own_host() -> IpAddr {
    let own = Ipv4Addr::new(
        127,
        fastrand::u8(1..),
        fastrand::u8(..),
        fastrand::u8(1..255),
    );
    let host = if TcpListener::bind((own, 0)).is_ok() {
        own
    } else {
        Ipv4Addr::LOCALHOST
    };
    host.into()
}

/// Addresses at this host with ports that are free and differ: all are bound before one is let go.
pub(crate) fn free_addresses_at<const COUNT: usize>(host: IpAddr) -> [SocketAddr; COUNT] {
    let bound = [(); COUNT].map(|()| TcpListener::bind((host, 0)).unwrap());
    bound.each_ref().map(|it| it.local_addr().unwrap())
}

/// Sends a child a signal. After `STOP` it runs no more.
pub(crate) fn signalled(child: &Child, signal: &str) {
    // The shell's own: no other program is needed for it.
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", child.id())])
        .status()
        .unwrap();
    assert!(sent.success(), "{signal}");
    // On a busy machine its other threads go on until the one that gets the signal has its turn.
    while signal == "STOP" && !is_stopped(child) {
        std::thread::yield_now();
    }
}

/// Returns whether every thread of a child is stopped.
fn is_stopped(child: &Child) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    threads.flatten().all(|thread| {
        // One that has ended meanwhile runs no more either.
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')')
            .is_none_or(|(_, rest)| rest.trim_start().starts_with('T'))
    })
}

/// A child process, and its standard error in full once it has ended.
pub(crate) struct Program {
    child: Child,
    pub(crate) origin: String,
    log: Option<JoinHandle<String>>,
}

/// A program that ends when this one does, whatever ends it: a test run that is killed leaves
/// nothing behind. The kernel watches the thread that starts it, so a test starts it from its own.
pub(crate) fn tied(program: &str) -> Command {
    if !is_installed("setpriv") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// The program of this package with nothing of our environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_tablecall"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Program {
    /// The simulator alone.
    pub(crate) async fn carrier() -> Self {
        let address = free_address();
        let listen = address.to_string();
        let arguments = [
            "simulator",
            "--listen",
            &listen,
            "--account-sid",
            ACCOUNT,
            "--auth-token",
            TOKEN,
        ];
        Self::started(program(&arguments), address).await
    }

    /// The service with an account at `carrier`, at an address that stays its own over restarts,
    /// and further settings.
    pub(crate) async fn service(
        carrier: &Self,
        address: SocketAddr,
        further: &[(&str, String)],
    ) -> Self {
        let mut command = Self::serve(address, &format!("http://{address}"), &carrier.origin);
        command.envs(further.iter().map(|(name, value)| (name, value)));
        Self::started(command, address).await
    }

    /// The same with other settings.
    pub(crate) async fn set_up(
        carrier: &Self,
        address: SocketAddr,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = Self::serve(address, &format!("http://{address}"), &carrier.origin);
        command.envs(settings.iter().copied());
        Self::started(command, address).await
    }

    /// The command of a service that listens at `address`, is reached at `public` and has an
    /// account at `carrier`.
    pub(crate) fn serve(address: SocketAddr, public: &str, carrier: &str) -> Command {
        let mut command = program(&["serve"]);
        Self::with_account(&mut command, address, public, carrier);
        command
    }

    /// The same with few open files at first: `ulimit` is the argument for a shell, such as `-S -n
    /// 1024`.
    pub(crate) async fn limited(carrier: &Self, address: SocketAddr, ulimit: &str) -> Self {
        let mut command = tied("sh");
        command.args([
            "-c",
            &format!("ulimit {ulimit} && exec \"$0\" serve"),
            env!("CARGO_BIN_EXE_tablecall"),
        ]);
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self::with_account(
            &mut command,
            address,
            &format!("http://{address}"),
            &carrier.origin,
        );
        Self::started(command, address).await
    }

    fn with_account(command: &mut Command, address: SocketAddr, public: &str, carrier: &str) {
        command.envs([
            ("TABLECALL_LISTEN", address.to_string().as_str()),
            ("TABLECALL_PUBLIC_URL", public),
            ("TWILIO_ACCOUNT_SID", ACCOUNT),
            ("TWILIO_AUTH_TOKEN", TOKEN),
            ("TWILIO_API_URL", carrier),
            ("TWILIO_FROM_NUMBER", "+15005550006"),
            ("TWILIO_CPS", "0"),
            ("TABLECALL_API_KEYS", &format!("app:{SECRET}")),
            ("TABLECALL_CALL_HOURS", "always"),
            ("TABLECALL_ALLOWED_COUNTRIES", "*"),
            ("RUST_LOG", "info,tablecall=trace"),
        ]);
    }

    /// The service with these settings alone; without an account the simulator is its carrier.
    pub(crate) async fn with(settings: &BTreeMap<String, String>, address: SocketAddr) -> Self {
        let mut command = program(&["serve"]);
        command.envs(settings);
        Self::started(command, address).await
    }

    /// Runs it, and waits until it listens at `address`.
    pub(crate) async fn started(command: Command, address: SocketAddr) -> Self {
        Self::greeted(command, address).await.0
    }

    /// The same with the first line that it prints.
    pub(crate) async fn greeted(mut command: Command, address: SocketAddr) -> (Self, String) {
        let mut child = command.spawn().expect("the program starts");
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let program = Self {
            child,
            origin: format!("http://{address}"),
            log: Some(log),
        };
        // The first line on standard output is written once the program listens.
        let first = tokio::task::spawn_blocking(move || BufReader::new(stdout).lines().next());
        let first = within("the program says that it is ready", first)
            .await
            .unwrap();
        match first {
            Some(line) => (program, line.unwrap()),
            None => panic!("it ended before it listened: {}", program.dies().await),
        }
    }

    /// Ends it as a power cut would (SIGKILL). What it had logged.
    pub(crate) async fn dies(mut self) -> String {
        self.child.kill().unwrap();
        self.ends().await.1
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn gets(&self, signal: &str) {
        signalled(&self.child, signal);
    }

    /// Time that processors have spent on it.
    pub(crate) fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name stands in parentheses and may hold anything; time in the program and in the
        // kernel come 12th and 13th after it, in hundredths of a second.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Asks it to stop (SIGTERM), and waits until it has: its exit code and what it had logged.
    pub(crate) async fn stops_when_told(self) -> (Option<i32>, String) {
        self.stops_within(PROMPT).await
    }

    /// The same where something may have to be waited for.
    pub(crate) async fn stops_within(mut self, most: Duration) -> (Option<i32>, String) {
        self.gets("TERM");
        let begun = Instant::now();
        let ended = self.ends().await;
        assert!(begun.elapsed() < most, "it took {:?}", begun.elapsed());
        ended
    }

    /// The log ends with the process, so that waiting for it blocks no other task.
    async fn ends(&mut self) -> (Option<i32>, String) {
        let log = self.log.take().unwrap();
        let log = within(
            "it ends",
            tokio::task::spawn_blocking(|| log.join().unwrap()),
        )
        .await
        .unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where a test has ended it.
        drop(self.child.kill());
        drop(self.child.wait());
        if let (true, Some(log)) = (std::thread::panicking(), self.log.take()) {
            let log = log.join().unwrap_or_default();
            #[expect(
                clippy::print_stdout,
                reason = "it is told with the test that fails, and with no other"
            )]
            {
                println!("what {} had logged:\n{log}", self.origin);
            }
        }
    }
}
