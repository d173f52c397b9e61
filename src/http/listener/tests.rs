//! Attacks on the listener over real sockets, with limits short enough to wait for.

use std::net::SocketAddr;

use poem::{EndpointExt, endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;

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
    let server = Server::start(
        ConnectionLimits {
            first_byte: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    assert_eq!(server.sends(b"").await, "");
}

#[tokio::test]
async fn a_half_sent_head_is_closed() {
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    assert_eq!(server.sends(b"GET /a HTTP/1.1\r\nHost:").await, "");
    assert_eq!(
        server.sends(b"P").await,
        "",
        "also before the version of HTTP is known"
    );
}

#[tokio::test]
async fn a_half_sent_head_on_a_kept_alive_connection_is_closed_too() {
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "/a 0").await;
    stream.write_all(b"GET /b").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_head_that_trickles_gets_no_more_time_than_one_that_stalls() {
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
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
    let server = Server::start(
        ConnectionLimits {
            body: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let answer = server
        .sends(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_with_and_without_its_length() {
    let server = Server::start(
        ConnectionLimits {
            body_bytes: 4,
            ..patient()
        },
        PATIENCE,
    )
    .await;
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
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            idle: SHORT * 4,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "/a 0").await;
    let answered = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(answered.elapsed() >= SHORT * 3, "{:?}", answered.elapsed());
}

#[tokio::test]
async fn frames_between_requests_of_http_2_are_not_taken_for_a_slow_head() {
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            idle: SHORT * 4,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let mut stream = server.connect().await;
    let begun = Instant::now();
    // The preface and an empty SETTINGS frame (RFC 9113, 3.4).
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    rest(&mut stream).await;
    assert!(begun.elapsed() >= SHORT * 3, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let server = Server::start(patient(), PATIENCE).await;
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
async fn http_2_without_negotiation_is_answered() {
    let server = Server::start(
        ConnectionLimits {
            head: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let client = multiplexed();
    let url = format!("http://{}/a", server.address);
    for _ in 0..2 {
        let answer = client.post(&url).body("abc").send().await.unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        assert_eq!(answer.text().await.unwrap(), "/a 3");
    }
}

#[tokio::test]
async fn requests_at_once_on_one_connection_of_http_2_are_limited() {
    let server = Server::start(
        ConnectionLimits {
            streams: 1,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let client = multiplexed();
    let ask = |path: &str| {
        tokio::spawn(
            client
                .get(format!("http://{}{path}", server.address))
                .send(),
        )
    };
    // The first answer tells the client how many requests it may have under way.
    assert_eq!(
        timeout(PATIENCE, ask("/a"))
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let first = ask("/hold");
    timeout(PATIENCE, server.held.notified())
        .await
        .expect("the first is under way");
    let second = ask("/hold");
    assert!(
        timeout(SHORT, server.held.notified()).await.is_err(),
        "the second waits for the first"
    );
    server.release.notify_one();
    assert_eq!(
        timeout(PATIENCE, first)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .status(),
        StatusCode::OK
    );
    timeout(PATIENCE, server.held.notified())
        .await
        .expect("now the second is under way");
    server.release.notify_one();
    assert_eq!(
        timeout(PATIENCE, second)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .status(),
        StatusCode::OK
    );
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn requests_that_are_begun_and_taken_back_end_the_connection() {
    let server = Server::start(patient(), PATIENCE).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for stream in (1..4_000).step_by(2) {
        // HEADERS with GET, http and / from the static table, then RST_STREAM with CANCEL
        // (CVE-2023-44487).
        bytes.extend(frame(1, 5, stream, &[0x82, 0x86, 0x84]));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut stream = server.connect().await;
    let (mut reader, mut writer) = stream.split();
    // It may be closed while it is still written to.
    let mut answer = Vec::new();
    let (_written, closed) = tokio::join!(
        writer.write_all(&bytes),
        timeout(PATIENCE, reader.read_to_end(&mut answer))
    );
    drop(closed.expect("the connection is closed in time"));
    assert!(
        server.sends(GET_CLOSE).await.ends_with("/a 0"),
        "others are served"
    );
}

#[tokio::test]
async fn a_head_of_http_2_that_is_never_ended_is_closed() {
    let server = Server::start(
        ConnectionLimits {
            idle: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // HEADERS without END_HEADERS: more of the head would have to follow.
    bytes.extend(frame(1, 1, 1, &[0x82, 0x86]));
    let mut stream = server.connect().await;
    stream.write_all(&bytes).await.unwrap();
    rest(&mut stream).await;
}

#[tokio::test]
async fn a_peer_that_will_send_no_more_still_gets_its_answer() {
    let server = Server::start(patient(), PATIENCE).await;
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

/// A client of HTTP/2 only.
fn multiplexed() -> reqwest::Client {
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    client.tls_backend_preconfigured(tls()).build().unwrap()
}

fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(
        ConnectionLimits {
            headers: 4,
            ..patient()
        },
        PATIENCE,
    )
    .await;
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

#[tokio::test]
async fn a_request_without_an_answer_in_time_is_given_up() {
    let server = Server::start(
        ConnectionLimits {
            request: SHORT,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let answer = server
        .sends(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_a_stream_that_is_read_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let endless = endpoint::make_sync(move |_request| {
        let tell = Tell(Arc::clone(&told));
        let chunks = futures_util::stream::repeat_with(move || {
            let _kept = &tell;
            Ok::<_, io::Error>(bytes::Bytes::from_static(&[b'x'; 4_096]))
        });
        poem::Body::from_bytes_stream(chunks)
    });
    let limits = ConnectionLimits {
        request: SHORT,
        idle: SHORT,
        ..patient()
    };
    tokio::spawn(serve(
        listener,
        limits,
        endless,
        CancellationToken::new(),
        PATIENCE,
    ));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let begun = Instant::now();
    let mut buffer = [0; 4_096];
    while begun.elapsed() < SHORT * 4 {
        assert!(
            timeout(PATIENCE, stream.read(&mut buffer))
                .await
                .unwrap()
                .unwrap()
                > 0
        );
    }
    timeout(PATIENCE, ended.notified())
        .await
        .expect("the stream is dropped once nobody reads it");
}

struct Tell(Arc<Notify>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_peer_with_too_many_connections_is_closed_at_once_and_gets_its_place_back() {
    let limits = ConnectionLimits {
        connections_per_peer: 1,
        unlimited_peers: vec![],
        ..patient()
    };
    let server = Server::start(limits, PATIENCE).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "/a 0").await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    drop(first);
    let begun = Instant::now();
    while server.sends_leniently(GET_CLOSE).await.is_none() {
        assert!(begun.elapsed() < PATIENCE, "the place is never given back");
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

#[tokio::test]
async fn while_the_system_refuses_connections_they_are_asked_for_ever_more_rarely() {
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let (mut tries, begun) = (0, Instant::now());
    let accepted = accept(|| {
        tries += 1;
        let failed = match tries {
            1..=4 => Some(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES)),
            5 => Some(io::Error::from(io::ErrorKind::ConnectionAborted)),
            _ => None,
        };
        async move { failed.map_or(Ok("a connection"), Err) }
    });
    assert_eq!(timeout(PATIENCE, accepted).await.unwrap(), "a connection");
    assert_eq!(tries, 6);
    assert!(
        begun.elapsed() >= Duration::from_millis(5) * (1 + 2 + 4 + 8),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn connections_leave_files_for_the_process_itself() {
    let of = |files| ConnectionLimits::default().within(files).connections;
    assert_eq!(
        (of(1_024), of(300), of(64), of(u64::MAX)),
        (768, 150, 32, 4_096)
    );
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_room() {
    let server = Server::start(
        ConnectionLimits {
            connections: 1,
            ..patient()
        },
        PATIENCE,
    )
    .await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "/a 0").await;
    let mut second = server.connect().await;
    second.write_all(GET_CLOSE).await.unwrap();
    assert!(
        timeout(SHORT, second.read_u8()).await.is_err(),
        "it is not answered while the first is open"
    );
    drop(first);
    assert!(rest(&mut second).await.ends_with("/a 0"));
}

#[tokio::test]
async fn stopping_finishes_the_request_in_progress_and_closes_the_rest() {
    let server = Server::start(patient(), PATIENCE).await;
    let (mut silent, mut idle, mut busy) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    idle.write_all(GET).await.unwrap();
    until(&mut idle, "/a 0").await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, server.held.notified()).await.unwrap();
    server.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(!server.done.is_finished());
    server.release.notify_one();
    let answer = rest(&mut busy).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("/hold 0"),
        "{answer}"
    );
    timeout(PATIENCE, server.done)
        .await
        .expect("it ends with its last request")
        .unwrap();
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nothing is accepted any more"
    );
}

#[tokio::test]
async fn stopping_finishes_requests_over_http_2_too() {
    let server = Server::start(patient(), PATIENCE).await;
    let url = format!("http://{}/hold", server.address);
    let answer = tokio::spawn(async move { multiplexed().get(url).send().await?.text().await });
    timeout(PATIENCE, server.held.notified()).await.unwrap();
    server.stop.cancel();
    server.release.notify_one();
    assert_eq!(
        timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap(),
        "/hold 0"
    );
    timeout(PATIENCE, server.done)
        .await
        .expect("it ends with its last request")
        .unwrap();
}

#[tokio::test]
async fn a_crowd_that_only_half_speaks_keeps_nobody_waiting() {
    let server = Server::start(patient(), PATIENCE).await;
    let mut crowd = Vec::new();
    for begun in [
        b"".as_slice(),
        b"P",
        b"GET /a HTTP/1.1\r\nHo",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    ] {
        for _ in 0..50 {
            let mut stream = server.connect().await;
            stream.write_all(begun).await.unwrap();
            crowd.push(stream);
        }
    }
    assert!(server.sends(GET_CLOSE).await.ends_with("/a 0"));
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_is_cut_off() {
    let server = Server::start(patient(), SHORT).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, server.held.notified()).await.unwrap();
    server.stop.cancel();
    timeout(PATIENCE, server.done)
        .await
        .expect("the grace is over")
        .unwrap();
    assert_eq!(rest(&mut busy).await, "");
}
