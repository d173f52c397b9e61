//! Many connections that do nothing: Twilio must not notice them.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use ring::hmac;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::app::{RESTAURANT, within};
use crate::pair::Pair;
use crate::process::{ACCOUNT, Program, TOKEN};
use crate::webhook::Webhook;

const IDLE: usize = 2_000;
const HALF: usize = 100;
/// Twilio waits 15 seconds for an answer, and the person on the line hears nothing meanwhile.
const PROMPT: Duration = Duration::from_secs(5);

/// A connection on which `bytes` were sent.
async fn connected(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = within("a connection", TcpStream::connect(address))
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// A connection that was used once and is kept, as those of proxies are.
async fn idle(address: SocketAddr) -> TcpStream {
    let mut stream = connected(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        assert!(
            within("an answer", stream.read_buf(&mut answer))
                .await
                .unwrap()
                > 0,
            "closed: {answer:?}"
        );
    }
    stream
}

/// `count` connections, some of them at once.
async fn crowd<F: Future<Output = TcpStream>>(
    count: usize,
    connect: impl Fn() -> F,
) -> Vec<TcpStream> {
    futures_util::stream::iter((0..count).map(|_| connect()))
        .buffer_unordered(50)
        .collect()
        .await
}

fn is_open(stream: &TcpStream) -> bool {
    let read = stream.try_read(&mut [0]);
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Somebody rings our number: a webhook that is signed, and how long its answer took.
async fn rings_us(pair: &Pair) -> Duration {
    let url = format!("http://{}/twiml/inbound", pair.address);
    let webhook = Webhook {
        url: url.clone(),
        params: Vec::new(),
    }
    .with("AccountSid", ACCOUNT)
    .with("CallSid", "CA0123456789abcdef0123456789abcdef")
    .with("From", "+14155550100")
    .with("To", "+15005550006")
    .with("CallStatus", "ringing");
    let signature = webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
    let request = pair
        .http
        .post(url)
        .form(&webhook.params)
        .header("x-twilio-signature", signature);
    let begun = Instant::now();
    let answer = Answer::of(request).await;
    let took = begun.elapsed();
    assert!(
        answer.status == 200 && answer.text.contains("<Response>"),
        "{}: {}",
        answer.status,
        answer.text
    );
    took
}

#[tokio::test]
async fn a_crowd_of_idle_and_half_open_connections_keeps_no_webhook_waiting() {
    let files = u64::try_from(IDLE + 4 * HALF).unwrap();
    let allowed = rlimit::increase_nofile_limit(files).unwrap();
    assert!(
        allowed >= files,
        "this test needs {files} open files: raise the hard limit (ulimit -H -n)"
    );
    let pair = Pair::new().await;
    // What most systems allow a program that does not ask for more.
    let service = Program::limited(&pair.carrier, pair.address, "-S -n 1024").await;
    let address = pair.address;
    let idle = crowd(IDLE, || idle(address)).await;
    let head = b"POST /twiml/inbound HTTP/1.1\r\nHost: x\r\nX-Twi";
    let body = b"POST /twiml/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nCallSid=";
    let half = (
        crowd(HALF, || connected(address, head)).await,
        crowd(HALF, || connected(address, body)).await,
    );
    let took = rings_us(&pair).await;
    assert!(took < PROMPT, "a webhook waited for {took:?}");
    // And a whole call, all of whose webhooks come over connections of their own.
    let id = pair.asks(RESTAURANT).await;
    pair.answers().await;
    pair.declines().await;
    pair.until(&id, "is finished", |call| {
        call["final"] == true && call["outcome"] == "rejected"
    })
    .await;
    let open = idle.iter().filter(|stream| is_open(stream)).count();
    assert_eq!(open, IDLE, "they were there all the time");
    drop((idle, half));
    let (code, log) = service.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cannot accept connections"), "{log}");
}

#[tokio::test]
async fn a_process_that_may_open_few_files_says_so_and_serves_who_it_can() {
    let pair = Pair::new().await;
    let service = Program::limited(&pair.carrier, pair.address, "-n 200").await;
    let address = pair.address;
    let silent = crowd(150, || connected(address, b"")).await;
    drop(silent);
    rings_us(&pair).await;
    let (code, log) = service.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("raise it (ulimit -n)") && !log.contains("cannot accept connections"),
        "{log}"
    );
}
