//! The app behind a door that can be shut: what the browser reaches is a forwarder that counts
//! bytes, cuts connections, and can serve the service worker of another version.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clock::Clock;
use serde_json::Value;
use tablecall::app::App;
use tablecall::config::{Config, RawConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::tab::Tab;
use crate::real_time::poll;

/// Simulated seconds a second: a conversation of half a minute is over in a few seconds.
const SPEED: u32 = 4;
/// The version after this one.
pub(crate) const NEWER: &str = "ffffffffffffffff";

/// An app in simulator mode, and the door to it.
pub(crate) struct TestSite {
    /// Address of the site for the browser.
    pub(crate) origin: String,
    pub(crate) clock: Clock,
    door: Arc<Door>,
    stop: CancellationToken,
}

struct Door {
    inside: parking_lot::Mutex<SocketAddr>,
    open: AtomicBool,
    newer: AtomicBool,
    cut: Notify,
    sent: AtomicU64,
}

impl TestSite {
    /// Starts it as `cargo run` does.
    pub(crate) async fn start() -> Self {
        Self::with(RawConfig::default()).await
    }

    /// The same, with the tab of a guest.
    pub(crate) async fn with_guest() -> (Self, Tab) {
        let site = Self::start().await;
        let guest = Tab::open(&site.origin).await;
        (site, guest)
    }

    /// With settings.
    pub(crate) async fn with(given: RawConfig) -> Self {
        let clock = Clock::simulated(Clock::system().now());
        clock.run(SPEED);
        let app = app(given, &clock).await;
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let door = Arc::new(Door {
            inside: parking_lot::Mutex::new(app.address()),
            open: AtomicBool::new(true),
            newer: AtomicBool::new(false),
            cut: Notify::new(),
            sent: AtomicU64::new(0),
        });
        tokio::spawn(app.run_until(stop.clone().cancelled_owned()));
        tokio::spawn(guard(listener, door.clone(), stop.clone()));
        Self {
            origin,
            clock,
            door,
            stop,
        }
    }

    /// Refuses new connections and closes the open ones.
    pub(crate) fn shut(&self) {
        self.door.open.store(false, Ordering::SeqCst);
        self.door.cut.notify_waiters();
    }

    /// All is as before.
    pub(crate) fn open(&self) {
        self.door.open.store(true, Ordering::SeqCst);
    }

    /// Another process takes the place of this one, and knows nothing of its calls.
    pub(crate) async fn restart(&self) {
        self.shut();
        let app = app(RawConfig::default(), &self.clock).await;
        *self.door.inside.lock() = app.address();
        tokio::spawn(app.run_until(self.stop.clone().cancelled_owned()));
        self.open();
    }

    /// Serves a service worker of another version from now on.
    pub(crate) fn release(&self) {
        self.door.newer.store(true, Ordering::SeqCst);
    }

    /// Stops the clock: nothing runs out, however long a browser takes to act.
    pub(crate) fn pause(&self) {
        self.clock.run(0);
    }

    /// Lets the clock run again.
    pub(crate) fn resume(&self) {
        self.clock.run(SPEED);
    }

    /// Waits until the newest phone rings, and stops the clock: it rings until it is resumed.
    pub(crate) async fn pause_while_it_rings(&self) {
        let rings = async || self.newest_phone().await["status"] == "ringing";
        poll("the phone rings", async || rings().await.then_some(())).await;
        self.pause();
    }

    /// Bytes that went to the browser so far, headers included.
    pub(crate) fn sent(&self) -> u64 {
        self.door.sent.load(Ordering::SeqCst)
    }

    /// Does something to the newest phone, such as `answer` or `press`, however slow the browsers
    /// are.
    pub(crate) async fn phone_acts(&self, deed: &str, body: Value) {
        let phone = self.newest_phone().await;
        let sid = phone["sid"].as_str().unwrap();
        let http = tablecall::http_client().unwrap();
        let url = format!("{}/simulator/api/calls/{sid}/{deed}", self.origin);
        let answer = http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{deed}: {}", answer.status());
    }

    /// Picks up the newest phone once it rings, and listens.
    pub(crate) async fn phone_answers(&self) {
        let rings = async || self.newest_phone().await["status"] == "ringing";
        poll("the phone rings", async || rings().await.then_some(())).await;
        self.phone_acts("answer", serde_json::json!({})).await;
        let speaks = async || !self.newest_phone().await["saying"].is_null();
        poll("the machine speaks", async || speaks().await.then_some(())).await;
    }

    /// Waits until the newest phone has heard the whole message, so that key 1 counts at once.
    pub(crate) async fn phone_hears_all(&self) {
        let listens = async || self.newest_phone().await["gather"]["listening"] == true;
        poll("the message is said", async || {
            listens().await.then_some(())
        })
        .await;
    }

    /// Hears the whole message and presses 1.
    pub(crate) async fn phone_accepts(&self) {
        self.phone_hears_all().await;
        self.phone_acts("press", serde_json::json!({"digits": "1"}))
            .await;
    }

    /// The newest phone, by the simulator's API.
    pub(crate) async fn newest_phone(&self) -> Value {
        let http = tablecall::http_client().unwrap();
        let state: Value = http
            .get(format!("{}/simulator/api/state", self.origin))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        state["calls"][0].clone()
    }
}

impl Door {
    fn inside(&self) -> SocketAddr {
        *self.inside.lock()
    }
}

impl Drop for TestSite {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn app(given: RawConfig, clock: &Clock) -> App {
    let given = given.with(|it| it.server.listen = Some("127.0.0.1:0".to_owned()));
    let config = Config::read(&given).expect("the settings are right");
    App::bind(config, clock.clone())
        .await
        .expect("the app can be built")
}

async fn guard(listener: TcpListener, door: Arc<Door>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((browser, _)) = accepted else { continue };
        if door.open.load(Ordering::SeqCst) {
            tokio::spawn(forward(browser, door.clone()));
        }
    }
}

async fn forward(browser: TcpStream, door: Arc<Door>) {
    let Ok(app) = TcpStream::connect(door.inside()).await else {
        return;
    };
    let _nodelay = (browser.set_nodelay(true), app.set_nodelay(true));
    let (mut from_browser, to_browser) = browser.into_split();
    let (mut from_app, mut to_app) = app.into_split();
    let to_browser = Mutex::new(to_browser);
    let asked = async {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = from_browser.read(&mut buffer).await {
            let chunk = &buffer[..length];
            // A browser sends a request only after the answer to the one before: each begins a
            // chunk.
            if door.newer.load(Ordering::SeqCst) && chunk.starts_with(b"GET /sw.js ") {
                let worker = newer_worker(door.inside()).await;
                let _sent = to_browser.lock().await.write_all(worker.as_bytes()).await;
                return;
            }
            if to_app.write_all(chunk).await.is_err() {
                return;
            }
        }
    };
    let answered = async {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = from_app.read(&mut buffer).await {
            door.sent.fetch_add(length as u64, Ordering::SeqCst);
            if to_browser
                .lock()
                .await
                .write_all(&buffer[..length])
                .await
                .is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = asked => {}
        () = answered => {}
        () = door.cut.notified() => {}
    }
}

/// The answer that the next release would give for the service worker: the same with another
/// version.
async fn newer_worker(app: SocketAddr) -> String {
    let http = tablecall::http_client().unwrap();
    let worker = http
        .get(format!("http://{app}/sw.js"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let (before, rest) = worker
        .split_once("const VERSION = \"")
        .expect("the worker has a version");
    let (version, after) = rest.split_once('"').unwrap();
    assert_eq!(version.len(), 16, "the build puts the version in");
    let body = format!("{before}const VERSION = \"{NEWER}\"{after}");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/javascript\r\ncache-control: no-cache\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
