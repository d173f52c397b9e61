//! The bytes that leave the socket: request lines, signatures, cookies, encodings.

use std::io::Write;
use std::sync::Arc;

use http::Method;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::harness::{Harness, TOKEN};
use crate::{SignatureAlgorithm, form, signing};

/// A request as it came: the head and the body.
#[derive(Clone, Debug)]
struct RawRequest {
    head: String,
    body: String,
}

impl RawRequest {
    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns whether the signature holds over the bytes of the request line and the `Host`
    /// header.
    fn is_signed(&self) -> bool {
        let url = format!("http://{}{}", self.header("host").unwrap(), self.target());
        let pairs = form::parse(&self.body);
        let signature = signing::sign(SignatureAlgorithm::HmacSha1, TOKEN, &url, &pairs);
        self.header("x-twilio-signature") == Some(signature.as_str())
    }
}

/// A server that answers the n-th request with the n-th answer, and with the last one after that.
struct RawServer {
    port: u16,
    received: Arc<Mutex<Vec<RawRequest>>>,
}

impl RawServer {
    async fn start(answers: impl FnOnce(u16) -> Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = answers(port);
        let received = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read(&mut stream).await;
                let number = {
                    let mut requests = requests.lock();
                    requests.push(request);
                    requests.len() - 1
                };
                let answer = answers.get(number).or(answers.last()).unwrap();
                stream.write_all(answer).await.unwrap();
            }
        });
        Self { port, received }
    }

    fn requests(&self) -> Vec<RawRequest> {
        self.received.lock().clone()
    }
}

async fn read(stream: &mut TcpStream) -> RawRequest {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "the request ended early");
            continue;
        };
        let request = RawRequest {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let length = request.header("content-length");
        if body.len() >= length.map_or(0, |it| it.parse().unwrap()) {
            return request;
        }
    }
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {headers}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn twiml(verbs: &str, headers: &str) -> Vec<u8> {
    let body = format!("<Response>{verbs}</Response>");
    answer(
        &format!("200 OK\r\nContent-Type: text/xml{headers}"),
        body.as_bytes(),
    )
}

/// Calls `+14155550101`, which answers and presses 1, with these parameters; waits for the end.
async fn whole_call(harness: &Harness, params: &[(&str, &str)]) -> serde_json::Value {
    let mut all = vec![("To", "+14155550101"), ("From", "+15005550006")];
    all.extend_from_slice(params);
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &all).await;
    let sid = call["sid"].as_str().unwrap_or_else(|| panic!("{call}"));
    harness.ended(sid).await
}

#[tokio::test]
async fn the_bytes_that_are_signed_are_the_bytes_that_are_sent() {
    let harness = Harness::running().await;
    let odd = "/a/../b/./c%2fd%2F;x=1/|'(){}[]^\\~\"?q=\"|'&r=%2f&s=a+b&t=..&u=/./";
    // A quotation mark cannot stand in a query; it is escaped before it is signed.
    let sent = "/a/../b/./c%2fd%2F;x=1/|'(){}[]^\\~\"?q=%22|'&r=%2f&s=a+b&t=..&u=/./";
    let there = |port| format!("http://LocalHost:{port}{odd}");
    let in_xml = |port| there(port).replace('&', "&amp;").replace('"', "&quot;");

    for way in ["Url", "action", "Redirect", "GET", "Location", "Fallback"] {
        let server = RawServer::start(|port| {
            let here = in_xml(port);
            let first = match way {
                "Url" => twiml("<Hangup/>", ""),
                "action" => twiml(&format!("<Gather numDigits='1' action=\"{here}\"/>"), ""),
                "Redirect" => twiml(&format!("<Redirect>{here}</Redirect>"), ""),
                "GET" => twiml(&format!("<Redirect method='GET'>{here}</Redirect>"), ""),
                "Location" => {
                    let location = there(port);
                    answer(&format!("307 There\r\nLocation: {location}"), b"")
                }
                _ => answer("500 No", b""),
            };
            vec![first, twiml("<Hangup/>", "")]
        })
        .await;
        let plain = format!("http://127.0.0.1:{}/plain", server.port);
        let odd_url = there(server.port);
        let url = if way == "Url" { &odd_url } else { &plain };
        whole_call(&harness, &[("Url", url), ("FallbackUrl", &odd_url)]).await;

        let requests = server.requests();
        let last = requests.last().unwrap();
        assert_eq!(requests.len(), if way == "Url" { 1 } else { 2 }, "{way}");
        assert!(last.target().starts_with(sent), "{way}: {}", last.target());
        assert_eq!(
            last.header("host"),
            Some(format!("LocalHost:{}", server.port).as_str())
        );
        assert!(requests.iter().all(RawRequest::is_signed), "{way}");
    }
}

#[tokio::test]
async fn a_status_callback_is_sent_to_the_bytes_that_were_given() {
    let harness = Harness::running().await;
    let server = RawServer::start(|_| vec![answer("204 No Content", b"")]).await;
    let url = format!("http://127.0.0.1:{}/s/./|?a=\"b\"&c=%2f", server.port);
    let params = [("Twiml", "<Response/>"), ("StatusCallback", url.as_str())];
    whole_call(&harness, &params).await;
    harness.quiet().await;
    let requests = server.requests();
    assert_eq!(requests[0].target(), "/s/./|?a=%22b%22&c=%2f");
    assert!(requests[0].is_signed());
    assert_eq!(requests[0].header("cookie"), None);
}

#[tokio::test]
async fn cookies_live_as_long_as_their_call_and_go_where_they_belong() {
    let harness = Harness::running().await;
    let set = "\r\nSet-Cookie: session=\"a b\"; Path=/; HttpOnly\
               \r\nSet-Cookie: deep=1; Path=/steps/deep\
               \r\nSet-Cookie: elsewhere=1; Path=/other\
               \r\nSet-Cookie: foreign=1; Domain=example.com\
               \r\nSet-Cookie: only_tls=1; Secure\
               \r\nSet-Cookie: gone=1; Max-Age=0\
               \r\nSet-Cookie: old=1; Expires=Thu, 01 Jan 2015 00:00:00 GMT\
               \r\nSet-Cookie: here=1";
    let server = RawServer::start(|_| {
        vec![
            twiml("<Redirect>/steps/deep/2</Redirect>", set),
            twiml(
                "<Redirect>/steps/deep/3</Redirect>",
                "\r\nSet-Cookie: session=new; Path=/\r\nSet-Cookie: deep=; Path=/steps/deep; Max-Age=0",
            ),
            twiml("<Redirect>/top</Redirect>", ""),
            twiml("<Hangup/>", ""),
        ]
    })
    .await;
    let url = format!("http://127.0.0.1:{}/steps/1", server.port);
    whole_call(&harness, &[("Url", &url)]).await;
    whole_call(&harness, &[("Url", &url)]).await;

    let requests = server.requests();
    let cookies: Vec<_> = requests.iter().map(|it| it.header("cookie")).collect();
    assert_eq!(
        cookies,
        [
            None,
            Some("deep=1; here=1; session=\"a b\""),
            Some("here=1; session=new"),
            Some("session=new"),
            None,
        ]
    );
}

#[tokio::test]
async fn a_compressed_document_is_read_and_a_bomb_is_not() {
    let harness = Harness::running().await;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        let head = "200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip";
        answer(head, &encoder.finish().unwrap())
    };
    for (body, code) in [
        ("<Response><Say>Hello</Say></Response>".to_owned(), None),
        ("<Response>".repeat(1_000_000), Some(11_750)),
    ] {
        let server = RawServer::start(|_| vec![gzip(&body)]).await;
        let url = format!("http://127.0.0.1:{}/x", server.port);
        let call = whole_call(&harness, &[("Url", &url)]).await;
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("gzip"));
        match code {
            None => assert_eq!(call["transcript"][0]["text"], "Hello"),
            Some(code) => assert_eq!(call["warnings"][0]["code"], code),
        }
    }
}

#[tokio::test]
async fn credentials_in_a_url_are_sent_as_basic_auth_and_not_signed() {
    let harness = Harness::running().await;
    let server = RawServer::start(|_| vec![twiml("<Hangup/>", "")]).await;
    let url = format!("http://me:s%40cret@127.0.0.1:{}/x", server.port);
    whole_call(&harness, &[("Url", &url)]).await;
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Basic bWU6c0BjcmV0"));
    assert!(request.is_signed());
}
