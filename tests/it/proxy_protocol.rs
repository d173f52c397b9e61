//! The PROXY protocol: whose address is believed, on bytes as proxies send them.

use tablecall::config::RawConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::app::{SECRET, TestApp, within};

fn with_a_key() -> RawConfig {
    RawConfig::default().with(|it| it.clients.api_keys = Some(format!("app:{SECRET}")))
}

/// Answer to bytes on a connection of their own.
async fn answer_to(app: &TestApp, bytes: &[u8]) -> String {
    let address = app.origin.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // Who is closed on before all was read may be told so by a reset.
    let _end = within("an answer", stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_proxy_tells_the_clients_address_in_the_proxy_protocol() {
    let app = TestApp::with(with_a_key().with(|it| {
        it.server.trusted_proxies = Some("127.0.0.0/8".to_owned());
        it.server.proxy_protocol = Some("on".to_owned());
    }))
    .await;
    let request = "GET /api/call/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a-guess\r\nConnection: close\r\n\r\n";
    let line = format!("PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n{request}");
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([203, 0, 113, 8, 192, 0, 2, 1, 0xc3, 0x50, 1, 0xbb]);
    binary.extend(request.as_bytes());
    // Wrong keys are counted by the address that is told.
    for _ in 0..10 {
        let answer = answer_to(&app, line.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let one_too_many = answer_to(&app, line.as_bytes()).await;
    assert!(one_too_many.starts_with("HTTP/1.1 429 "), "{one_too_many}");
    let another = answer_to(&app, &binary).await;
    assert!(another.starts_with("HTTP/1.1 401 "), "{another}");
    let garbled = answer_to(&app, b"PROXY TCP4 nobody\r\nGET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(garbled, "");
    // This machine looks whether the service is alive without a proxy.
    assert_eq!(app.send(app.get("/healthz")).await.status, 200);
    app.stops().await;
}

#[tokio::test]
async fn nobody_but_a_trusted_proxy_is_believed_an_address() {
    let app = TestApp::with(with_a_key().with(|it| {
        it.server.trusted_proxies = Some("192.0.2.0/24".to_owned());
        it.server.proxy_protocol = Some("on".to_owned());
    }))
    .await;
    let lie = "PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n\
               GET /api/call/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = answer_to(&app, lie.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let log = app.stops().await;
    assert!(!log.contains("203.0.113.7"), "{log}");
}
