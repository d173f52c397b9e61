//! Clients that ask before they send a body (`Expect: 100-continue`), over both versions of HTTP.

use bytes::Bytes;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{TestApp, table, within};
use crate::door::with_a_key;

const PATHS: [(&str, &str, u16); 3] = [
    ("/api/call", "the-secret-of-the-app", 202),
    ("/api/call/check", "the-secret-of-the-app", 200),
    // Whether a webhook is Twilio's, only its body can show.
    ("/twiml/voice/x", "", 403),
];

/// Asks over HTTP/2 and sends the body only when told to; the statuses, and whether it was told to.
async fn over_http_2(app: &TestApp, path: &str, key: &str, length: usize) -> (bool, StatusCode) {
    let address = app.origin.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("{}{path}", app.origin))
        .header("expect", "100-continue")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("content-length", length)
        .body(())
        .unwrap();
    let mut client = client.ready().await.unwrap();
    let (mut answer, mut body) = client.send_request(request, false).unwrap();
    let interim = std::future::poll_fn(|cx| answer.poll_informational(cx));
    let interim = within("an answer", interim).await;
    let told = interim.is_some_and(|interim| interim.unwrap().status() == StatusCode::CONTINUE);
    if told {
        body.send_data(Bytes::from(table().to_string()), true)
            .unwrap();
    }
    let answer = within("the final answer", answer).await.unwrap();
    (told, answer.status())
}

/// The same over HTTP/1.1.
async fn over_http_1(app: &TestApp, path: &str, key: &str, length: usize) -> (bool, StatusCode) {
    let address = app.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    within("an answer", stream.read_exact(&mut start))
        .await
        .unwrap();
    let told = start == *b"HTTP/1.1 100";
    if told {
        stream
            .write_all(table().to_string().as_bytes())
            .await
            .unwrap();
        let mut end = [0; 25 - 12];
        stream.read_exact(&mut end).await.unwrap();
        within("the final answer", stream.read_exact(&mut start))
            .await
            .unwrap();
    }
    let status = str::from_utf8(&start[9..]).unwrap().parse().unwrap();
    (told, status)
}

#[tokio::test]
async fn whoever_asks_before_sending_a_body_is_told_to_and_answered() {
    for (path, key, status) in PATHS {
        let status = StatusCode::from_u16(status).unwrap();
        let length = table().to_string().len();
        let app = TestApp::with(with_a_key()).await;
        assert_eq!(
            over_http_2(&app, path, key, length).await,
            (true, status),
            "{path}"
        );
        let app = TestApp::with(with_a_key()).await;
        assert_eq!(
            over_http_1(&app, path, key, length).await,
            (true, status),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_its_head_refuses_is_refused_without_the_body() {
    let app = TestApp::with(with_a_key()).await;
    for (key, length, status) in [
        ("a guess", 100, StatusCode::UNAUTHORIZED),
        (
            "the-secret-of-the-app",
            1_000_000,
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        assert_eq!(
            over_http_2(&app, "/api/call", key, length).await,
            (false, status)
        );
        assert_eq!(
            over_http_1(&app, "/api/call", key, length).await,
            (false, status)
        );
    }
}
