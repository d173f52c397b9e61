//! The client against a server made by hand, which says exactly what a test wants it to say.
//!
//! Real sockets, no sleeping: the one test of a time limit has a short limit of its own.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::config::DEFAULT_TIMEOUT;
use super::*;
use crate::twilio::{AccountSid, AnsweredBy, CallStatus, StatusCallbackEvent};

mod attempts;
mod resources;
mod tokens;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const CALL: &str = "CA0123456789abcdef0123456789abcdef";

/// Serves each answer to one request, one connection each, and gives the requests back.
async fn serve(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (origin, served)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        assert_ne!(
            stream.read_buf(&mut request).await.unwrap(),
            0,
            "the request ended early: {text}"
        );
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

fn client_at(origin: &str, timeout: Duration) -> Client {
    let account: AccountSid = ACCOUNT.parse().unwrap();
    let mut config = ClientConfig::new(account, Credentials::auth_token(account, "geheim"));
    config.api_url = origin.to_owned();
    config.timeout = timeout;
    Client::new(config).unwrap()
}

fn call() -> NewCall {
    let url = "https://a.example/twiml/answer/x".to_owned();
    NewCall::minimal("+15557654321".into(), "+15551234567".into(), url, None)
}

/// The outcome of one create, given one answer.
async fn create(answer: String) -> Result<CallSid, TwilioError> {
    let (origin, served) = serve(vec![answer]).await;
    let outcome = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), None)
        .await;
    served.await.unwrap();
    outcome
}

fn created() -> String {
    format!(
        r#"{{"sid":"{CALL}","date_created":null,"start_time":null,"end_time":null,"status":"queued","to":"+15557654321",
        "from":"+15551234567","duration":null,"answered_by":null,"price":null,"new_field":{{"a":[1]}},"queue_time":"0"}}"#
    )
}

#[tokio::test]
async fn a_create_is_one_form_with_credentials_and_repeated_events() {
    let (origin, served) = serve(vec![answer("201 Created", "", &created())]).await;
    let detection = MachineDetection::asynchronous(
        MachineDetectionMode::DetectMessageEnd,
        "https://a.example/m".to_owned(),
    );
    let call = NewCall {
        fallback_url: Some("https://a.example/f#rc=2".into()),
        status_callback: Some("https://a.example/s".into()),
        status_callback_events: StatusCallbackEvent::ALL.to_vec(),
        timeout: Some(30),
        time_limit: Some(300),
        machine_detection: Some(detection),
        ..call()
    };
    let made = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call, None)
        .await
        .unwrap();
    assert_eq!(made.to_string(), CALL);
    let request = served.await.unwrap().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with(&format!(
            "POST /2010-04-01/Accounts/{ACCOUNT}/Calls.json HTTP/1.1\r\n"
        )),
        "{head}"
    );
    for header in [
        // base64 of "AC0123456789abcdef0123456789abcdef:geheim"
        "authorization: Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpnZWhlaW0=",
        "content-type: application/x-www-form-urlencoded",
        "accept: application/json",
        concat!("user-agent: tablecall/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(
            head.lines().any(|line| line == header),
            "{header} is not in {head}"
        );
    }
    let expected = "To=%2B15557654321&From=%2B15551234567&Url=https%3A%2F%2Fa.example%2Ftwiml%2Fanswer%2Fx\
        &FallbackUrl=https%3A%2F%2Fa.example%2Ff%23rc%3D2&StatusCallback=https%3A%2F%2Fa.example%2Fs\
        &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
        &StatusCallbackEvent=completed&Timeout=30&TimeLimit=300&MachineDetection=DetectMessageEnd&AsyncAmd=true\
        &AsyncAmdStatusCallback=https%3A%2F%2Fa.example%2Fm";
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_queued_call_is_read_without_what_it_has_not_yet() {
    let (origin, served) = serve(vec![answer("200 OK", "", &created())]).await;
    let call = client_at(&origin, DEFAULT_TIMEOUT)
        .fetch(CALL.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (call.sid.to_string().as_str(), call.status),
        (CALL, Some(CallStatus::Queued))
    );
    assert_eq!(
        (call.date_created, call.duration, call.answered_by),
        (None, None, None)
    );
    served.await.unwrap();
}

#[tokio::test]
async fn an_ended_call_is_read_with_its_times() {
    let body = format!(
        r#"{{"sid":"{CALL}","status":"completed","start_time":"Fri, 18 Oct 2019 17:00:00 +0000","end_time":"nonsense",
        "duration":"15","answered_by":"machine_start"}}"#
    );
    let (origin, served) = serve(vec![answer("200 OK", "", &body)]).await;
    let call = client_at(&origin, DEFAULT_TIMEOUT)
        .fetch(CALL.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        call.start_time,
        Some("2019-10-18T17:00:00Z".parse().unwrap())
    );
    assert_eq!((call.end_time, call.to), (None, None));
    assert_eq!(
        (call.duration, call.answered_by),
        (
            Some(Duration::from_secs(15)),
            Some(AnsweredBy::MachineStart)
        )
    );
    assert!(served.await.unwrap()[0].starts_with(&format!(
        "GET /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json "
    )));
}

#[test]
fn only_web_addresses_serve_as_the_apis_url() {
    let account: AccountSid = ACCOUNT.parse().unwrap();
    for bad in [
        "",
        "api.twilio.com",
        "ftp://a.example",
        "https://a.example/?q",
        "https://u:p@a.example",
        "https://",
    ] {
        let mut config = ClientConfig::new(account, Credentials::api_key("SK1", "geheim"));
        config.api_url = bad.to_owned();
        assert_eq!(Client::new(config).map(drop), Err(InvalidApiUrl), "{bad}");
    }
}

#[tokio::test]
async fn an_answer_without_a_sid_of_twilios_shape_has_an_error_of_its_own() {
    for body in [
        r#"{"sid":"0192f3c1-7c3e-7bb0-a1de-1f0f0f0f0f0f"}"#,
        r#"{"sid":null}"#,
        r#"{"call_id":7}"#,
        r#"{"sid":17}"#,
    ] {
        let error = create(answer("200 OK", "", body)).await.unwrap_err();
        assert!(
            matches!(
                error,
                TwilioError::Unanswered {
                    why: UnansweredCause::NoSid
                }
            ),
            "{body}: {error:?}"
        );
    }
    let error = create(answer("200 OK", "", "<Response/>"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            TwilioError::Unanswered {
                why: UnansweredCause::Unreadable
            }
        ),
        "{error:?}"
    );
}
