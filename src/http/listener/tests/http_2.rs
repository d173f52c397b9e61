//! Connections of HTTP/2.

use super::*;

#[tokio::test]
async fn frames_between_requests_of_http_2_are_not_taken_for_a_slow_head() {
    let server = Server::with(|limits| {
        limits.head = SHORT;
        limits.idle = SHORT * 4;
    })
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
async fn http_2_without_negotiation_is_answered() {
    let server = Server::with(|limits| limits.head = SHORT).await;
    let client = multiplexed();
    let url = format!("http://{}/a", server.address);
    for _ in 0..2 {
        let answer = client.post(&url).body("abc").send().await.unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        assert_eq!(answer.text().await.unwrap(), "/a 3");
    }
}

/// The request is answered with 200.
async fn is_ok(request: JoinHandle<reqwest::Result<reqwest::Response>>) {
    let answer = timeout(PATIENCE, request).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn requests_at_once_on_one_connection_of_http_2_are_limited() {
    let server = Server::with(|limits| limits.streams = 1).await;
    let client = multiplexed();
    let ask = |path: &str| {
        tokio::spawn(
            client
                .get(format!("http://{}{path}", server.address))
                .send(),
        )
    };
    // The first answer announces to the client how many requests it may have under way.
    is_ok(ask("/a")).await;
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
    is_ok(first).await;
    timeout(PATIENCE, server.held.notified())
        .await
        .expect("now the second is under way");
    server.release.notify_one();
    is_ok(second).await;
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn requests_that_are_begun_and_taken_back_end_the_connection() {
    let server = Server::with(|_| {}).await;
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
    let server = Server::with(|limits| limits.idle = SHORT).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // HEADERS without END_HEADERS: more of the head would have to follow.
    bytes.extend(frame(1, 1, 1, &[0x82, 0x86]));
    let mut stream = server.connect().await;
    stream.write_all(&bytes).await.unwrap();
    rest(&mut stream).await;
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
async fn stopping_finishes_requests_over_http_2_too() {
    let server = Server::with(|_| {}).await;
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
async fn a_peer_of_http_2_that_is_gone_is_noticed_while_a_request_is_under_way() {
    let server = Server::with(|limits| {
        limits.ping = SHORT;
        limits.pong = SHORT;
    })
    .await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    let hold = [&[0x82, 0x86, 0x04, 5], b"/hold".as_slice()].concat();
    bytes.extend(frame(1, 5, 1, &hold));
    let mut stream = server.connect().await;
    stream.write_all(&bytes).await.unwrap();
    server.held.notified().await;
    let mut received = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut received))
        .await
        .expect("the connection is closed in time")
        .unwrap();
    let pings = received
        .windows(9)
        .filter(|bytes| *bytes == &frame(6, 0, 0, &[0; 8])[..9])
        .count();
    assert_eq!(pings, 1, "{received:?}");
}

#[tokio::test]
async fn a_preface_that_comes_byte_by_byte_is_one_of_http_2() {
    let server = Server::with(|_| {}).await;
    let mut stream = server.connect().await;
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let mut settings = [0; 9];
    timeout(PATIENCE, stream.read_exact(&mut settings))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(settings[3], 4, "its own SETTINGS come first: {settings:?}");
}

#[tokio::test]
async fn a_request_of_http_1_that_begins_like_http_2_is_one_of_http_1() {
    let server = Server::with(|_| {}).await;
    let mut stream = server.connect().await;
    for part in [
        "P",
        "RI",
        "VATE /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_peer_of_http_2_that_takes_nothing_of_an_answer_gets_no_more_of_it() {
    let server = Server::with(|limits| limits.request = SHORT).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // A window of no bytes for each answer (RFC 9113, 6.5.2).
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    bytes.extend(frame(1, 5, 1, &[0x82, 0x86, 0x84]));
    let mut stream = server.connect().await;
    stream.write_all(&bytes).await.unwrap();
    let reset = frame(3, 0, 1, &[0, 0, 0, 8]);
    let mut received = Vec::new();
    let is_reset = async {
        while !received.windows(reset.len()).any(|part| part == reset) {
            assert_ne!(
                stream.read_buf(&mut received).await.unwrap(),
                0,
                "{received:?}"
            );
        }
    };
    timeout(PATIENCE, is_reset)
        .await
        .expect("the answer is given up in time");
}
