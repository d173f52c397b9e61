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
async fn create(answer: String) -> Result<CallSid, Error> {
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
        .fetch(&CALL.parse().unwrap())
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
        .fetch(&CALL.parse().unwrap())
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

#[tokio::test]
async fn a_refusal_keeps_twilios_code_and_says_what_to_do() {
    let body = r#"{"code":21215,"message":"Account not authorized to call +1","more_info":"x","status":400}"#;
    let error = create(answer("400 Bad Request", "", body))
        .await
        .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.code, refusal.class),
        (400, Some(21_215), Class::FixAccount)
    );
    assert_eq!(refusal.message, "Account not authorized to call +1");
    assert!(
        refusal.advice().contains("Geographic permissions"),
        "{}",
        refusal.advice()
    );
}

#[tokio::test]
async fn an_error_page_is_a_refusal_without_a_code() {
    let error = create(answer(
        "403 Forbidden",
        "content-type: text/html\r\n",
        "<html>no</html>",
    ))
    .await
    .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.code, refusal.message.as_str()),
        (403, None, "")
    );
}

#[tokio::test]
async fn only_answers_that_say_so_allow_another_try() {
    let error = create(answer(
        "429 Too Many Requests",
        "retry-after: 3\r\n",
        r#"{"code":20429}"#,
    ))
    .await
    .unwrap_err();
    let Error::TryLater { retry_after, code } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (retry_after, code),
        (Some(Duration::from_secs(3)), Some(20_429))
    );
    let busy = create(answer("503 Service Unavailable", "", r#"{"code":20503}"#))
        .await
        .unwrap_err();
    assert!(
        matches!(
            busy,
            Error::TryLater {
                retry_after: None,
                code: Some(20_503)
            }
        ),
        "{busy:?}"
    );
}

#[tokio::test]
async fn after_other_answers_the_call_may_exist() {
    for (answer, status) in [
        (answer("503 Service Unavailable", "", "<html>"), Some(503)),
        (
            answer("500 Internal Server Error", "", r#"{"code":20500}"#),
            Some(500),
        ),
        (
            answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""),
            Some(302),
        ),
        (answer("201 Created", "", "<html>"), None),
        (
            answer(
                "201 Created",
                "",
                &format!("{}{}", created(), " ".repeat(256 * 1024)),
            ),
            None,
        ),
    ] {
        let error = create(answer).await.unwrap_err();
        let Error::Unanswered { why } = error else {
            panic!("{error:?}")
        };
        let found = if let Why::Status(found) = why {
            Some(found)
        } else {
            None
        };
        assert_eq!(found, status, "{why:?}");
        assert!(found.is_some() || matches!(why, Why::Unreadable), "{why:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_call_open() {
    let error = create(String::new()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unanswered {
                why: Why::Broken(_)
            }
        ),
        "{error:?}"
    );
    let cut = "HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{".to_owned();
    let error = create(cut).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unanswered {
                why: Why::Broken(_)
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_create_on_a_kept_connection_that_breaks_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_request(&mut first).await;
        let kept = answer("201 Created", "", &created()).replace("connection: close\r\n", "");
        first.write_all(kept.as_bytes()).await.unwrap();
        read_request(&mut first).await;
        // Without an answer, as a proxy does whose time is over.
        drop(first);
        listener
    });
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    client.create(&call(), None).await.unwrap();
    let broken = client.create(&call(), None).await;
    assert!(
        matches!(
            broken,
            Err(Error::Unanswered {
                why: Why::Broken(_)
            })
        ),
        "{broken:?}"
    );
    let listener = served.await.unwrap();
    let again = std::pin::pin!(listener.accept()).now_or_never();
    assert!(again.is_none(), "nobody has connected once more");
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotSent(_)), "{error:?}");
    assert!(!format!("{error:?}").contains(ACCOUNT), "{error:?}");
}

#[tokio::test]
async fn a_failed_handshake_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotSent(_)), "{error:?}");
    served.await.unwrap();
}

#[tokio::test]
async fn silence_ends_at_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let error = client_at(&origin, Duration::from_millis(100))
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unanswered { why: Why::Timeout }),
        "{error:?}"
    );
    drop(listener);
}

#[tokio::test]
async fn pages_are_followed_as_they_are_given() {
    let next =
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=2&Page=1&PageToken=PACA%2Fx");
    let first = format!(
        r#"{{"calls":[{}],"next_page_uri":"{next}","page":0}}"#,
        created()
    );
    let last = r#"{"calls":[],"next_page_uri":null}"#;
    let (origin, served) = serve(vec![
        answer("200 OK", "", &first),
        answer("200 OK", "", last),
    ])
    .await;
    let client = client_at(&format!("{origin}/simulator/"), DEFAULT_TIMEOUT);
    let page = client
        .list(&ListQuery {
            page_size: Some(2),
            ..ListQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(
        (page.calls.len(), page.next_page_uri.as_deref()),
        (1, Some(next.as_str()))
    );
    assert_eq!(
        client.list_next(&next).await.unwrap(),
        CallPage {
            calls: vec![],
            next_page_uri: None
        }
    );
    let lines: Vec<String> = served
        .await
        .unwrap()
        .iter()
        .map(|all| all.lines().next().unwrap().to_owned())
        .collect();
    let root = format!("GET /simulator/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let second = format!("{root}?PageSize=2&Page=1&PageToken=PACA%2Fx HTTP/1.1");
    assert_eq!(lines, [format!("{root}?PageSize=2 HTTP/1.1"), second]);
}

#[tokio::test]
async fn credentials_are_not_taken_to_other_places() {
    let client = client_at("http://127.0.0.1:9/simulator", DEFAULT_TIMEOUT);
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    for uri in [
        format!("//evil.example{calls}"),
        format!("http://evil.example{calls}"),
        format!("/\\evil.example{calls}"),
        format!("{calls}/../Other.json"),
        "/2010-04-01/Accounts/ACffffffffffffffffffffffffffffffff/Calls.json".to_owned(),
        "/elsewhere".to_owned(),
        String::new(),
    ] {
        let error = client.list_next(&uri).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unanswered {
                    why: Why::ForeignPage
                }
            ),
            "{uri}: {error:?}"
        );
        let words = error.to_string();
        assert!(words.contains("continues at an address"), "{words}");
    }
}

#[tokio::test]
async fn events_of_all_pages_are_read() {
    let next = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}/Events.json?Page=1");
    let event = r#"{"request":{"method":"POST","url":"https://a.example/g","parameters":{"digits":"1","n":2,"z":null}},
        "response":{"response_code":200,"date_created":"Mon, 13 Sep 2021 20:00:00 +0000"}}"#;
    let first = format!(r#"{{"events":[{event}],"next_page_uri":"{next}"}}"#);
    let last = r#"{"events":[{"request":null}]}"#;
    let (origin, served) = serve(vec![
        answer("200 OK", "", &first),
        answer("200 OK", "", last),
    ])
    .await;
    let events = client_at(&origin, DEFAULT_TIMEOUT)
        .events(&CALL.parse().unwrap())
        .await
        .unwrap();
    served.await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (events[0].parameter("digits"), events[0].parameter("z")),
        (Some("1"), None)
    );
    assert_eq!(
        (events[0].response_code, events[0].method.as_deref()),
        (Some(200), Some("POST"))
    );
    assert_eq!(
        events[0].response_date,
        Some("2021-09-13T20:00:00Z".parse().unwrap())
    );
    assert_eq!(
        (events[1].parameters.len(), events[1].response_code),
        (0, None)
    );
}

#[tokio::test]
async fn the_accounts_standing_and_balance_are_read() {
    let account = format!(r#"{{"sid":"{ACCOUNT}","status":"active","type":"Trial"}}"#);
    let balance = format!(r#"{{"account_sid":"{ACCOUNT}","balance":"-1.50","currency":"USD"}}"#);
    let (origin, served) = serve(vec![
        answer("200 OK", "", &account),
        answer("200 OK", "", &balance),
    ])
    .await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    let account = client.account().await.unwrap();
    assert!(account.is_active() && account.is_trial());
    assert_eq!(
        client.balance().await.unwrap().balance.as_deref(),
        Some("-1.50")
    );
    let requests = served.await.unwrap();
    assert!(requests[0].starts_with(&format!("GET /2010-04-01/Accounts/{ACCOUNT}.json ")));
    assert!(requests[1].starts_with(&format!("GET /2010-04-01/Accounts/{ACCOUNT}/Balance.json ")));
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
async fn the_country_of_a_call_is_looked_up_at_another_host_of_twilios() {
    let allowed = answer(
        "200 OK",
        "",
        r#"{"iso_code":"GB","low_risk_numbers_enabled":true}"#,
    );
    let forbidden = answer(
        "200 OK",
        "",
        r#"{"iso_code":"LV","low_risk_numbers_enabled":false}"#,
    );
    let (origin, served) = serve(vec![allowed, forbidden]).await;
    let client = client_at("http://127.0.0.1:1", DEFAULT_TIMEOUT);
    assert!(
        client
            .may_call_country(&format!("{origin}/"), "GB")
            .await
            .unwrap()
    );
    assert!(!client.may_call_country(&origin, "LV").await.unwrap());
    let requests = served.await.unwrap();
    assert!(
        requests[0].starts_with("GET /v1/DialingPermissions/Countries/GB HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].contains("authorization: Basic "),
        "{}",
        requests[0]
    );
}

#[tokio::test]
async fn a_number_is_ours_or_verified_or_neither() {
    let number = |voice: bool| {
        let body = format!(
            r#"{{"incoming_phone_numbers":[{{"phone_number":"+14155550199","capabilities":{{"voice":{voice},"sms":true}}}}]}}"#
        );
        answer("200 OK", "", &body)
    };
    let none = answer("200 OK", "", r#"{"incoming_phone_numbers":[]}"#);
    let verified = answer(
        "200 OK",
        "",
        r#"{"outgoing_caller_ids":[{"phone_number":"+14155550199"}]}"#,
    );
    let (origin, served) = serve(vec![number(true), number(false), none, verified]).await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    assert!(
        client
            .own_number("+14155550199")
            .await
            .unwrap()
            .unwrap()
            .voice
    );
    assert!(
        !client
            .own_number("+14155550199")
            .await
            .unwrap()
            .unwrap()
            .voice
    );
    assert_eq!(client.own_number("+14155550199").await.unwrap(), None);
    assert!(client.is_verified_caller_id("+14155550199").await.unwrap());
    let requests = served.await.unwrap();
    assert!(
        requests[3].contains("/OutgoingCallerIds.json?PhoneNumber=%2B14155550199 "),
        "{}",
        requests[3]
    );
}

#[tokio::test]
async fn the_time_at_twilio_is_told_by_any_answer() {
    let date = "date: Tue, 01 Dec 2026 12:00:00 GMT\r\n";
    let (origin, served) = serve(vec![
        answer("401 Unauthorized", date, "{}"),
        answer("200 OK", "", "{}"),
    ])
    .await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    assert_eq!(
        client.time().await.unwrap(),
        "2026-12-01T12:00:00Z".parse().ok()
    );
    assert_eq!(client.time().await.unwrap(), None);
    served.await.unwrap();
}

#[tokio::test]
async fn a_create_whose_time_is_over_when_the_connection_stands_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let at: jiff::Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
    let clock = clock::Clock::simulated(at);
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await.unwrap();
        request
    });
    clock.advance(Duration::from_millis(1));
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), Some(SendDeadline { clock, at }))
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Unanswered { .. }), "{error:?}");
    assert!(heard.await.unwrap().is_empty(), "not a byte");
}

/// A client with an OAuth client of its own.
fn oauth_client_at(origin: &str) -> Client {
    let mut config = ClientConfig::new(
        ACCOUNT.parse().unwrap(),
        Credentials::oauth("OQ1", "geheim & so"),
    );
    config.api_url = origin.to_owned();
    Client::new(config).unwrap()
}

fn token(name: &str, life: u64) -> String {
    let body = format!(
        r#"{{"access_token":"{name}","id_token":null,"token_type":"Bearer","expires_in":{life}}}"#
    );
    answer("200 OK", "", &body)
}

/// The token or the path of each request.
fn asked(requests: &[String]) -> Vec<&str> {
    let each = requests.iter().map(|request| {
        let token = request
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "));
        token.unwrap_or_else(|| request.split(' ').nth(1).unwrap())
    });
    each.collect()
}

#[tokio::test]
async fn an_oauth_client_asks_for_one_token_and_uses_it_until_its_end() {
    let call_made = || answer("201 Created", "", &created());
    let (origin, served) = serve(vec![
        token("one", 1_438_315_200_000),
        call_made(),
        call_made(),
        token("two", 0),
        call_made(),
    ])
    .await;
    let client = oauth_client_at(&origin);
    client.create(&call(), None).await.unwrap();
    client.create(&call(), None).await.unwrap();
    let other = oauth_client_at(&origin);
    other.create(&call(), None).await.unwrap();
    let requests = served.await.unwrap();
    assert_eq!(
        asked(&requests),
        ["/v2/token", "one", "one", "/v2/token", "two"]
    );
    let (head, form) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v2/token HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=OQ1&client_secret=geheim+%26+so"
    );
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_before_the_request() {
    let (origin, served) = serve(vec![
        token("one", 0),
        answer("200 OK", "", &created()),
        token("two", 60),
        answer("200 OK", "", &created()),
    ])
    .await;
    let client = oauth_client_at(&origin);
    for _ in 0..2 {
        client.fetch(&CALL.parse().unwrap()).await.unwrap();
    }
    let requests = served.await.unwrap();
    assert_eq!(asked(&requests), ["/v2/token", "one", "/v2/token", "two"]);
}

#[tokio::test]
async fn a_token_that_twilio_refuses_is_replaced_once() {
    let refused = || answer("401 Unauthorized", "", r#"{"code":20003,"message":""}"#);
    let (origin, served) = serve(vec![
        token("one", 3_600),
        refused(),
        token("two", 3_600),
        answer("201 Created", "", &created()),
    ])
    .await;
    oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap();
    assert_eq!(
        asked(&served.await.unwrap()),
        ["/v2/token", "one", "/v2/token", "two"]
    );
    let (origin, served) = serve(vec![
        token("one", 3_600),
        refused(),
        token("two", 3_600),
        refused(),
    ])
    .await;
    let error = oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert_eq!(error.refusal().unwrap().code, Some(20_003));
    served.await.unwrap();
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_told() {
    let body = r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#;
    let (origin, served) = serve(vec![answer("401 Unauthorized", "", body)]).await;
    let error = oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.token_error, Some("invalid_client"));
    assert_eq!(refusal.scope(), Scope::Account);
    assert!(refusal.advice().contains("TWILIO_OAUTH_CLIENT_ID"));
    served.await.unwrap();
    for broken in [
        answer("500 Internal Server Error", "", ""),
        answer("200 OK", "", "{}"),
    ] {
        let (origin, served) = serve(vec![broken]).await;
        let error = oauth_client_at(&origin)
            .create(&call(), None)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotSent(_)), "{error:?}");
        served.await.unwrap();
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
            matches!(error, Error::Unanswered { why: Why::NoSid }),
            "{body}: {error:?}"
        );
    }
    let error = create(answer("200 OK", "", "<Response/>"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unanswered {
                why: Why::Unreadable
            }
        ),
        "{error:?}"
    );
}
