//! Whole calls leave no private data in logs, metrics, problems and URLs: no name, no number, no
//! note, no secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table, with};
use crate::pair::Pair;
use crate::process::{Program, SECRET, TOKEN};

#[tokio::test]
async fn no_name_and_no_number_is_in_the_logs_or_the_metrics_of_a_whole_call() {
    let app = TestApp::with(crate::events::telling()).await;
    let receiver = crate::receiver::Receiver::start().await;
    let private = json!({
        "name": "Ana Quetzalcoatl", "restaurant": "Chez Xanthippe", "notes": "allergic to zucchini",
        "guest_phone": "+442079460018", "callback_url": receiver.url,
    });
    let request = with(table(), private);
    app.goes_wrong(json!({"create_500_after_accepting": {"count": 1}}))
        .await;
    let call = app.asks(request.clone()).await;
    app.goes_wrong(json!({})).await;
    app.tries(request.clone())
        .await
        .is_problem(409, "duplicate_call");
    app.tries(with(
        request.clone(),
        json!({"party_size": 0, "Xanthippe": 1}),
    ))
    .await
    .is_problem(422, "invalid_request");
    app.send(app.get("/Quetzalcoatl?phone=%2B14155552671"))
        .await
        .is_problem(404, "not_found");
    app.send(app.post("/twiml/answer/Quetzalcoatl")).await;
    let mut phone = app.phone(RESTAURANT).picks_up("Quetzalcoatl").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.goes_wrong(json!({"create_error": {"code": 21_215, "status": 400}}))
        .await;
    app.tries(with(request, json!({"name": "Bea Quetzalcoatl"})))
        .await
        .is_problem(502, "call_refused");
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(metrics.contains("tablecall_calls_total"), "{metrics}");
    let log = app.finish().await;
    assert!(
        log.contains("\"event\":\"finished\"") || log.contains("finished"),
        "{log}"
    );
    for private in [
        "Quetzalcoatl",
        "Xanthippe",
        "zucchini",
        "4155552671",
        "2079460018",
        "5005550006",
        "hidden-path",
        "token=hidden",
    ] {
        for (place, text) in [("log", &log), ("metrics", &metrics)] {
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(private)).collect();
            assert!(lines.is_empty(), "{private} is in the {place}: {lines:#?}");
        }
    }
}

const NAME: &str = "Ana Quetzalcóatl";
const PLACE: &str = "Chez Xanthippe";
const NOTES: &str = "allergic to zucchini & nuts";
const GUEST: &str = "+442079460018";
const WRONG_KEY: &str = "a-wrong-key-Pumpernickel";
const TICKET_KEY: &str = "UXVpc3F1aWxpYWVfYXJlX3ZlcnlfcHJpdmF0ZV8xMjM=";
const WEBHOOK_SECRET: &str = "whsec_VHJvbW1lbHdpcmJlbF9pc3RfZ2VoZWltXzEyMzQ1";

/// Every way in which `text` might have been written.
fn writings(text: &str) -> Vec<String> {
    let escaped = |plain: &dyn Fn(u8) -> bool| {
        let byte = |b: u8| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        };
        text.bytes().map(byte).collect::<String>()
    };
    let mut all = vec![
        text.to_owned(),
        escaped(&|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
        escaped(&|b| b.is_ascii_alphanumeric() || b"-._*".contains(&b)).replace("%20", "+"),
        escaped(&|b| b.is_ascii()),
        text.trim_start_matches('+').to_owned(),
        serde_json::to_string(text)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
        text.escape_default().to_string(),
        text.bytes().map(|b| format!("{b:02x}")).collect(),
    ];
    // In base64 a text looks otherwise at each of three places; its first and last letters depend
    // on its neighbours.
    for before in 0..3 {
        let bytes = [&vec![0; before], text.as_bytes()].concat();
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        all.extend(
            [
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
            ]
            .map(|it| it[own.clone()].to_owned()),
        );
    }
    all.extend(all.clone().into_iter().map(|it| it.to_lowercase()));
    all.sort();
    all.dedup();
    all
}

fn nothing_of(private: &str, place: &str, text: &str) {
    let lower = text.to_lowercase();
    for written in writings(private) {
        let found = text.contains(&written) || lower.contains(&written);
        let line = text
            .lines()
            .find(|line| line.to_lowercase().contains(&written.to_lowercase()));
        assert!(!found, "{private} is in the {place} as {written}: {line:?}");
    }
}

#[test]
fn every_writing_of_a_text_is_found() {
    let seen = |text: &str| std::panic::catch_unwind(|| nothing_of(NAME, "text", text)).is_err();
    for text in [
        format!("x{NAME}y"),
        "q=Ana%20Quetzalc%C3%B3atl".to_owned(),
        "q=Ana+Quetzalc%C3%B3atl".to_owned(),
        "ANA QUETZALCÓATL".to_owned(),
        r"Ana Quetzalc\u{f3}atl".to_owned(),
        STANDARD_NO_PAD.encode(format!("{{\"name\":\"{NAME}\"}}")),
        STANDARD_NO_PAD.encode(format!("1{NAME}2")),
        URL_SAFE_NO_PAD.encode(format!("12{NAME}34")),
    ] {
        assert!(seen(&text), "{text}");
    }
    assert!(!seen("Ana, Quetzal and others"));
}

impl Pair {
    async fn tries_with(&self, key: &str, request: &Value) -> Answer {
        let url = format!("http://{}/api/call", self.address);
        Answer::of(self.http.post(url).bearer_auth(key).json(request)).await
    }

    async fn gets(&self, path: &str) -> Answer {
        Answer::of(
            self.http
                .get(format!("http://{}{path}", self.address))
                .bearer_auth(SECRET),
        )
        .await
    }
}

/// A table at [`RESTAURANT`] with all its private data.
fn private_table(callback: &str) -> Value {
    let time = clock::Clock::system().now() + jiff::SignedDuration::from_hours(24 * 7);
    json!({
        "name": NAME, "phone": RESTAURANT, "time": time.strftime("%Y-%m-%dT19:30").to_string(), "party_size": 4,
        "restaurant": PLACE, "notes": NOTES, "guest_phone": GUEST, "callback_url": callback,
    })
}

/// Requests that are refused, with all that is private in them. The problems.
async fn refusals(pair: &Pair, private: &Value) -> Vec<String> {
    let wrong = |fields: Value| with(private.clone(), fields);
    let mut problems = vec![
        pair.tries_with(WRONG_KEY, private).await,
        pair.tries_with(SECRET, private).await,
        pair.tries_with(
            SECRET,
            &wrong(json!({"party_size": NAME, "phone": GUEST, "time": NOTES, "language": PLACE})),
        )
        .await,
        pair.tries_with(
            SECRET,
            &wrong(json!({"notes": NOTES.repeat(40), "name": format!("{NAME}\u{7}")})),
        )
        .await,
        pair.tries_with(
            SECRET,
            &wrong(json!({"name": "Bob", "phone": "+15005550001"})),
        )
        .await,
        pair.gets("/Quetzalc%C3%B3atl?phone=%2B14155552671").await,
        pair.gets("/api/call/Quetzalc%C3%B3atl").await,
    ];
    let url = |path: &str| format!("http://{}{path}", pair.address);
    let broken = private.to_string().replace('}', "");
    let json = "application/json";
    let post = |path: &str, kind: &str| {
        pair.http
            .post(url(path))
            .bearer_auth(SECRET)
            .header("content-type", kind)
    };
    problems.push(Answer::of(post("/api/call", json).body(broken)).await);
    problems.push(Answer::of(post("/api/call", "text/plain").body(private.to_string())).await);
    let statuses: Vec<u16> = problems.iter().map(|problem| problem.status).collect();
    assert_eq!(statuses, [401, 409, 422, 422, 502, 404, 404, 400, 415]);
    let form = [
        ("Digits", "1"),
        ("From", RESTAURANT),
        ("SpeechResult", NAME),
    ];
    let unsigned = post(
        "/twiml/answer/Quetzalcóatl",
        "application/x-www-form-urlencoded",
    )
    .form(&form);
    assert_eq!(
        Answer::of(unsigned.header("x-twilio-signature", TOKEN))
            .await
            .status,
        403
    );
    problems.into_iter().map(|problem| problem.text).collect()
}

/// Every URL that Twilio was given: in creates, and in what restaurants heard.
async fn given_urls(pair: &Pair) -> String {
    let wire = pair.simulator("wire").await;
    let text = wire["exchanges"].to_string();
    let urls = text
        .split("http")
        .skip(1)
        .map(|rest| rest.split(['"', '<', ' ', '\\']).next().unwrap_or_default());
    let urls: Vec<&str> = urls.collect();
    assert!(
        urls.iter().any(|url| url.contains("/twiml/keys/")),
        "{text}"
    );
    urls.join("\n")
}

#[tokio::test]
async fn nothing_private_is_in_what_a_real_process_tells_even_in_all_detail() {
    let pair = Pair::new().await;
    let callback = format!(
        "{}/hooked-Zwieback?token=Knaeckebrot-ist-geheim",
        pair.carrier.origin
    );
    let settings = [
        ("RUST_LOG", "trace"),
        ("TABLECALL_TICKET_KEYS", TICKET_KEY),
        ("TABLECALL_WEBHOOK_SECRETS", WEBHOOK_SECRET),
        ("TABLECALL_ALLOW_PRIVATE_CALLBACKS", "true"),
    ];
    let service = Program::set_up(&pair.carrier, pair.address, &settings).await;
    let private = private_table(&callback);
    let id = pair.tries_with(SECRET, &private).await.body["id"]
        .as_str()
        .expect("a call")
        .to_owned();
    let mut problems = refusals(&pair, &private).await;
    pair.answers().await;
    pair.hears("zucchini").await;
    pair.line("the question is put", |line| {
        line["gather"]["listening"] == true
    })
    .await;
    pair.presses_and_hears("1", "Accepted: 4 people").await;
    pair.hangs_up().await;
    pair.until(&id, "is finished", |call| {
        call["final"] == true && call["outcome"] == "confirmed"
    })
    .await;
    let entry = pair.gets(&format!("/api/call/{id}/calendar.ics")).await;
    assert_eq!(entry.status, 200, "{}", entry.text);
    let cancel = format!("http://{}/api/call/{id}/cancel", pair.address);
    let late = Answer::of(pair.http.post(cancel).bearer_auth(SECRET)).await;
    late.is_problem(409, "call_finished");
    problems.push(late.text);
    let (metrics, urls) = (pair.gets("/metrics").await.text, given_urls(&pair).await);
    let (code, log) = service.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("\"event\":\"key\"") && log.contains("\"event\":\"refused\""),
        "calls are told: {log}"
    );
    let names = [
        NAME,
        "Quetzalcóatl",
        PLACE,
        "Xanthippe",
        NOTES,
        "zucchini",
        GUEST,
        RESTAURANT,
        "4155552671",
    ];
    let secrets = [
        SECRET,
        WRONG_KEY,
        TOKEN,
        TICKET_KEY,
        WEBHOOK_SECRET,
        "Zwieback",
        "Knaeckebrot",
        "Quisquiliae",
    ];
    for private in names.into_iter().chain(secrets) {
        nothing_of(private, "log", &log);
        nothing_of(private, "metrics", &metrics);
        nothing_of(private, "problems", &problems.join("\n"));
        nothing_of(private, "URLs", &urls);
    }
}
