//! Attacks on the listener over real sockets, with limits short enough to wait for.

use std::net::SocketAddr;

use poem::{EndpointExt, endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;

mod crowds;
mod http_2;
mod interim;
mod stopping;

/// The longest wait of the tests, far longer than any limit they set.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    done: JoinHandle<()>,
    /// Notified when `/hold` was asked for, and the signal that ends it.
    held: Arc<Notify>,
    release: Arc<Notify>,
}

impl Server {
    /// With the limits of [`patient`] but for a change.
    async fn with(change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        let mut limits = patient();
        change(&mut limits);
        Self::start(limits, PATIENCE).await
    }

    async fn start(limits: ConnectionLimits, grace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, held, release) = (
            CancellationToken::new(),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let (held_there, release_there) = (Arc::clone(&held), Arc::clone(&release));
        let (bytes, time) = (limits.body_bytes, limits.body);
        let endpoint = endpoint::make(move |mut request: Request| {
            let (held, release) = (Arc::clone(&held_there), Arc::clone(&release_there));
            async move {
                if request.uri().path() == "/hold" {
                    held.notify_one();
                    release.notified().await;
                }
                let body = read_body(&mut request, bytes, time).await?;
                Ok::<_, poem::Error>(format!("{} {}", request.uri().path(), body.len()))
            }
        })
        .with(TimeLimit(limits.request));
        let done = tokio::spawn(serve(listener, limits, endpoint, stop.clone(), grace));
        Self {
            address,
            stop,
            done,
            held,
            release,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` on a connection of its own and returns all that comes back until it is closed.
    async fn sends(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }
}

/// Everything until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed in time")
    {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Until `end` has come.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let byte = timeout(PATIENCE, stream.read_u8())
            .await
            .expect("an answer in time")
            .unwrap();
        answer.push(char::from(byte));
    }
    answer
}

/// Limits of which none ends a test by itself.
fn patient() -> ConnectionLimits {
    let long = PATIENCE * 3;
    ConnectionLimits {
        first_byte: long,
        head: long,
        idle: long,
        body: long,
        request: long,
        ..ConnectionLimits::default()
    }
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_CLOSE: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = Server::with(|limits| limits.first_byte = SHORT).await;
    assert_eq!(server.sends(b"").await, "");
}

#[tokio::test]
async fn a_half_sent_head_is_closed() {
    let server = Server::with(|limits| limits.head = SHORT).await;
    assert_eq!(server.sends(b"GET /a HTTP/1.1\r\nHost:").await, "");
    assert_eq!(
        server.sends(b"P").await,
        "",
        "also before the version of HTTP is known"
    );
}

#[tokio::test]
async fn a_half_sent_head_on_a_kept_alive_connection_is_closed_too() {
    let server = Server::with(|limits| limits.head = SHORT).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "/a 0").await;
    stream.write_all(b"GET /b").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_head_that_trickles_gets_no_more_time_than_one_that_stalls() {
    let server = Server::with(|limits| limits.head = SHORT).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let begun = Instant::now();
    let mut gone = [0];
    loop {
        let _closed = writer.write_all(b"x").await;
        if let Ok(read) = timeout(SHORT / 10, reader.read(&mut gone)).await {
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn a_half_sent_body_is_answered_and_closed() {
    let server = Server::with(|limits| limits.body = SHORT).await;
    let answer = server
        .sends(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_with_and_without_its_length() {
    let server = Server::with(|limits| limits.body_bytes = 4).await;
    let announced = server
        .sends(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let chunked = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    let answer = server.sends(chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_slow_head_does_not_make_it_less_patient() {
    let server = Server::with(|limits| {
        limits.head = SHORT;
        limits.idle = SHORT * 4;
    })
    .await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "/a 0").await;
    let answered = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(answered.elapsed() >= SHORT * 3, "{:?}", answered.elapsed());
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let server = Server::with(|_| {}).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream
            .write_all(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            .await
            .unwrap();
        let answer = until(&mut stream, "/a 3").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn a_peer_that_will_send_no_more_still_gets_its_answer() {
    let server = Server::with(|_| {}).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    server.held.notified().await;
    // Its end has arrived before this one's answer to another.
    assert!(server.sends(GET_CLOSE).await.ends_with("/a 0"));
    server.release.notify_one();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("/hold 0"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::with(|limits| limits.headers = 4).await;
    let many = server
        .sends(b"GET /a HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n")
        .await;
    assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
    let long = [
        b"GET /a HTTP/1.1\r\nHost: ".as_slice(),
        &[b'x'; 17 * 1024],
        b"\r\n\r\n",
    ]
    .concat();
    let long = server.sends(&long).await;
    assert!(
        long.is_empty() || long.starts_with("HTTP/1.1 431 "),
        "{long}"
    );
}

struct Tell(Arc<Notify>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Server {
    /// Like `sends`, but the connection may be refused while it is written to.
    async fn sends_leniently(&self, bytes: &[u8]) -> Option<String> {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.ok()?;
        Some(rest(&mut stream).await).filter(|answer| !answer.is_empty())
    }
}
