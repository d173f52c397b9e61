//! Over real sockets: endpoints that misbehave, and names that lead where they should not.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Each name leads to these addresses, one set for each time that it is asked for.
struct Names(Mutex<VecDeque<Vec<IpAddr>>>);

impl Resolve for Names {
    fn resolve(&self, _name: Name) -> Resolving {
        let found = self.0.lock().pop_front().unwrap_or_default();
        let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
        Box::pin(async move { Ok(Box::new(found) as Addrs) })
    }
}

fn post(allow_private: bool, names: &[&[&str]]) -> EventSender {
    let names = names
        .iter()
        .map(|found| found.iter().map(|ip| ip.parse().unwrap()).collect())
        .collect();
    let secret = Secret::made().unwrap();
    EventSender::new(
        vec![secret],
        allow_private,
        &Authorities::default(),
        Arc::new(Names(Mutex::new(names))),
    )
    .unwrap()
}

fn delivery(url: &str) -> EventDelivery {
    EventDelivery {
        url: CallbackUrl::parse(url, true).unwrap(),
        id: "evt_1".into(),
        body: "{}".into(),
    }
}

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

async fn why(post: &EventSender, url: &str) -> FailureCause {
    post.send(&delivery(url), now()).await.unwrap_err().why
}

/// An endpoint that takes one request and answers with these bytes.
async fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).await.unwrap();
        // Held open until the other side has enough of it.
        while stream.write_all(b"more and more of it\n").await.is_ok() {}
    });
    address
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to_whenever_it_turns_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lists: [&[&str]; 5] = [
        &["127.0.0.1"],
        &["10.0.0.1", "::1"],
        &["169.254.169.254"],
        &["fd00:ec2::254"],
        &[],
    ];
    let post = post(false, &lists);
    for _ in 0..lists.len() {
        assert_eq!(
            why(&post, &format!("https://turns.example:{port}/")).await,
            FailureCause::PrivateAddress
        );
    }
    let accepted = listener.accept();
    tokio::pin!(accepted);
    assert!(futures_util::poll!(accepted).is_pending(), "nobody knocked");
}

#[tokio::test]
async fn private_addresses_and_plain_http_in_the_url_itself_are_refused_again_before_sending() {
    let post = post(false, &[]);
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "http://example.com/",
    ] {
        assert_eq!(why(&post, url).await, FailureCause::NotAllowed, "{url}");
    }
}

#[tokio::test]
async fn names_are_asked_for_and_what_they_lead_to_is_connected_to_where_that_is_allowed() {
    let address = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let post = post(true, &[&["127.0.0.1"]]);
    assert_eq!(
        post.send(
            &delivery(&format!("http://named.example:{}/", address.port())),
            now()
        )
        .await,
        Ok(())
    );
}

#[tokio::test]
async fn answers_are_judged_by_their_head_and_never_read_to_a_far_end() {
    let post = post(true, &[]);
    let again = |why, seconds: Option<u64>| {
        Err(DeliveryFailure {
            why,
            retry_after: seconds.map(Duration::from_secs),
        })
    };
    for (answer, judged) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Ok(())),
        (
            "HTTP/1.1 202 Accepted\r\ncontent-length: 99999999999\r\n\r\n",
            Ok(()),
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n",
            again(FailureCause::Redirected(302), None),
        ),
        ("HTTP/1.1 410 Gone\r\n\r\n", again(FailureCause::Gone, None)),
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            again(FailureCause::Answered(404), None),
        ),
        (
            "HTTP/1.1 503 Away\r\nretry-after: 120\r\n\r\n",
            again(FailureCause::Answered(503), Some(120)),
        ),
        (
            "HTTP/1.1 503 Away\r\nretry-after: 99999999999999999999999\r\n\r\n",
            Err(DeliveryFailure {
                why: FailureCause::Answered(503),
                retry_after: Some(Duration::MAX),
            }),
        ),
        (
            "HTTP/1.1 429 No\r\nretry-after: Tue, 01 Dec 2026 12:01:00 GMT\r\n\r\n",
            again(FailureCause::Answered(429), Some(60)),
        ),
        (
            "HTTP/1.1 429 No\r\nretry-after: Tue, 01 Dec 2026 11:00:00 GMT\r\n\r\n",
            again(FailureCause::Answered(429), None),
        ),
        (
            "HTTP/1.1 500 Oops\r\nretry-after: soon\r\n\r\n",
            again(FailureCause::Answered(500), None),
        ),
        (
            "nothing that could be read\r\n\r\n",
            again(FailureCause::Broken, None),
        ),
    ] {
        let address = answering(answer).await;
        assert_eq!(
            post.send(&delivery(&format!("http://{address}/")), now())
                .await,
            judged,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_or_does_not_answer_is_told_apart() {
    let post = post(true, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}/");
    // It takes connections, in the backlog, and says nothing.
    assert_eq!(why(&post, &url).await, FailureCause::TimedOut);
    drop(listener);
    assert_eq!(why(&post, &url).await, FailureCause::NotConnected);
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_signed() {
    let post = EventSender::new(
        vec![],
        true,
        &Authorities::default(),
        Arc::new(Names(Mutex::default())),
    )
    .unwrap();
    assert_eq!(
        why(&post, "http://127.0.0.1:1/").await,
        FailureCause::NoSecret
    );
    assert!(FailureCause::NoSecret.is_final());
}
