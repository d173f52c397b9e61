//! A server for tests: one for all tests of a process, with names of its own for each test; or one
//! for a test that stops it, fills it or empties it. It ends with the process that started it,
//! however that ends.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::task::JoinHandle;

use super::metrics::StoreMetrics;
use super::{Redis, Settings};
use crate::domain::Phone;
use crate::store::Lifecycle as _;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::ticket::Key;

/// Returns whether no server can be started, because Redis is not installed. Then a line on stderr
/// names the test that is left out.
pub(crate) fn is_missing() -> bool {
    static MISSING: OnceLock<bool> = OnceLock::new();
    let is_missing = *MISSING.get_or_init(|| {
        let mut version = Command::new("redis-server");
        version.arg("--version").stdout(Stdio::null());
        version.status().is_err()
    });
    if is_missing {
        let thread = std::thread::current();
        let line = format!(
            "left out: {} on Redis needs redis-server (scripts/test installs it)\n",
            thread.name().unwrap_or("a test")
        );
        // `eprintln!` would not be seen: the output of a passing test is not shown.
        let _told = std::io::stderr().write_all(line.as_bytes());
    }
    is_missing
}

/// Starts a server of the test's own; `None`: the test is left out, as [`is_missing`] says.
pub(crate) fn own() -> Option<RedisServer> {
    (!is_missing()).then(|| RedisServer::start(&[]))
}

/// Time limit for the start of a server.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server behind a socket in a folder of its own.
#[derive(Debug)]
pub(crate) struct RedisServer {
    folder: PathBuf,
    child: Child,
}

impl RedisServer {
    /// Starts a server with further options.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("tablecall-redis-{}", uuid::Uuid::new_v4()));
        let child = Self::spawn(&folder, options);
        Self { folder, child }
    }

    /// A shell stands between: it ends the server and removes the folder when the pipe to this
    /// process is closed.
    fn spawn(folder: &std::path::Path, options: &[&str]) -> Child {
        std::fs::create_dir_all(folder).unwrap();
        let script = "redis-server \"$@\" & server=$!; cat > /dev/null; kill -9 $server; wait; rm -r \"$PWD\"";
        let mut child = Command::new("sh")
            .args([
                "-c",
                script,
                "sh",
                "--port",
                "0",
                "--unixsocket",
                "socket",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(["--logfile", "log", "--pidfile", "pid", "--daemonize", "no"])
            .args(options)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !answers(folder) {
            assert!(
                begun.elapsed() < PATIENCE,
                "redis-server did not start; is the package redis-server installed?"
            );
            assert!(child.try_wait().unwrap().is_none(), "redis-server ended");
            std::thread::yield_now();
        }
        child
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        drop(self.child.stdin.take());
        let _status = self.child.wait();
        let _gone = std::fs::remove_file(self.folder.join("socket"));
    }

    /// Starts it again, empty.
    pub(crate) fn start_again(&mut self) {
        self.child = Self::spawn(&self.folder, &[]);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }

    /// A connection for the test itself.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .unwrap()
            .get_connection()
            .unwrap()
    }

    /// All that it holds, as it would be copied to another.
    pub(crate) fn every_value(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.connection();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let dump = |key: String| {
            let value = redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap();
            (key, value)
        };
        keys.into_iter().map(dump).collect()
    }

    /// Holds this and nothing else, as one that took over without the last writes.
    pub(crate) fn goes_back_to(&self, values: &[(String, Vec<u8>)]) {
        let mut connection = self.connection();
        self.empty();
        for (key, value) in values {
            let mut restore = redis::cmd("RESTORE");
            restore.arg(key).arg(0).arg(value);
            restore.exec(&mut connection).unwrap();
        }
    }

    /// A store on this server, connected.
    pub(crate) fn store(&self, prefix: &str, per_second: u32) -> (Arc<Store>, KeepsConnected) {
        store(self.url(), prefix, per_second, &[b"seal"], &[])
    }

    /// Loses everything, and stays connected.
    pub(crate) fn empty(&self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection()).unwrap();
    }

    /// The same, which knows of a number that must not be called.
    pub(crate) fn opted_out(&self, prefix: &str, phone: Phone) -> (Arc<Store>, KeepsConnected) {
        store(self.url(), prefix, 0, &[b"seal"], &[phone])
    }

    /// The same with other ticket keys.
    pub(crate) fn sealed_with(&self, prefix: &str, keys: &[&[u8]]) -> (Arc<Store>, KeepsConnected) {
        store(self.url(), prefix, 0, keys, &[])
    }
}

fn store(
    url: String,
    prefix: &str,
    per_second: u32,
    keys: &[&[u8]],
    opted_out: &[Phone],
) -> (Arc<Store>, KeepsConnected) {
    let settings = Settings {
        url: url.parse().unwrap(),
        index_key: Key::derive(b"index"),
        retention: SignedDuration::from_hours(24),
        per_second,
        opted_out: opted_out.iter().copied().collect(),
    };
    let metrics = Metrics::new("0", "test", crate::call::example::start());
    let keys: Vec<Key> = keys.iter().map(|key| Key::derive(key)).collect();
    let redis = Redis::with_prefix(prefix, &settings, &keys, StoreMetrics::new(&metrics));
    let store = Arc::new(Store::Redis(redis));
    let task = keep_connected(store.clone());
    (
        store.clone(),
        KeepsConnected {
            store,
            task,
            url,
            prefix: prefix.to_owned(),
        },
    )
}

fn keep_connected(store: Arc<Store>) -> JoinHandle<()> {
    tokio::spawn(async move { store.keep_connected().await })
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn answers(folder: &std::path::Path) -> bool {
    let url = format!("redis+unix://{}", folder.join("socket").display());
    let client = redis::Client::open(url).unwrap();
    client
        .get_connection()
        .is_ok_and(|mut connection| redis::cmd("PING").query::<String>(&mut connection).is_ok())
}

/// A store's connection; ends with the test.
#[derive(Debug)]
pub(crate) struct KeepsConnected {
    store: Arc<Store>,
    task: JoinHandle<()>,
    url: String,
    prefix: String,
}

impl Drop for KeepsConnected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KeepsConnected {
    fn redis(&self) -> &Redis {
        match &*self.store {
            Store::Redis(redis) => redis,
            Store::Memory(_) => unreachable!("it is on a server"),
        }
    }

    fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url.as_str())
            .unwrap()
            .get_connection()
            .unwrap()
    }

    /// Another instance with the same names on the same server.
    pub(crate) fn another(&self, per_second: u32) -> (Arc<Store>, Self) {
        store(self.url.clone(), &self.prefix, per_second, &[b"seal"], &[])
    }

    /// Loses the connection, and makes no other.
    pub(crate) async fn lose(&mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
        self.redis().link.disconnected();
    }

    /// Makes a connection again.
    pub(crate) fn connect(&mut self) {
        self.task = keep_connected(self.store.clone());
    }

    /// Number of calls that are listed for an owner in the shard of a call.
    pub(crate) fn listed(&self, owner: &str, id: crate::domain::CallId) -> usize {
        let names = &self.redis().names;
        let key = names.calls_of(owner, super::keys::Names::shard(id)).calls;
        redis::cmd("ZCARD")
            .arg(key)
            .query(&mut self.connection())
            .unwrap()
    }

    /// Loses a call.
    pub(crate) fn delete(&self, id: crate::domain::CallId) {
        redis::cmd("DEL")
            .arg(self.redis().names.call(id))
            .query::<()>(&mut self.connection())
            .unwrap();
    }

    /// All names and values, as far as they are text.
    pub(crate) fn everything(&self) -> String {
        let mut connection = self.connection();
        let mut all = String::new();
        for (key, _) in self.lives() {
            let value: Vec<u8> = redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap();
            all.push_str(&key);
            all.push_str(&String::from_utf8_lossy(&value));
        }
        all
    }

    /// Every key of this test with what is left of its life.
    pub(crate) fn lives(&self) -> Vec<(String, i64)> {
        let mut connection = self.connection();
        let pattern = format!("{}:*", self.prefix);
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query(&mut connection)
            .unwrap();
        let life = |key: String| {
            let left = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
            (key, left)
        };
        keys.into_iter().map(life).collect()
    }

    /// Lets time pass: what would have expired is gone.
    pub(crate) fn pass(&self, time: SignedDuration) {
        let passed = i64::try_from(time.as_millis()).unwrap();
        let mut connection = self.connection();
        for (key, left) in self.lives() {
            assert!(left > 0, "{key} would stay for ever");
            let mut cmd = if left <= passed {
                redis::cmd("DEL")
            } else {
                redis::cmd("PTTL")
            };
            let _done: i64 = cmd.arg(key).query(&mut connection).unwrap();
        }
    }
}

/// A store with names of its own on the server of all tests.
pub(crate) fn shared(per_second: u32) -> (Arc<Store>, KeepsConnected) {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    let server = SERVER.get_or_init(|| RedisServer::start(&[]));
    server.store(&format!("p-{}", uuid::Uuid::new_v4()), per_second)
}
