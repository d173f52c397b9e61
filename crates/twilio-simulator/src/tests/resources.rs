//! Resources, forms of answers, targets of calls, incoming calls, files of calls.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::{ACCOUNT, Harness, TOKEN, tls};
use super::service::CannedReply;
use crate::call_file::CallFile;
use crate::replay::{ReplayError, ReplayTarget, replay};
use crate::{Simulator, SimulatorConfig};

#[tokio::test]
async fn answers_come_as_xml_json_or_a_table() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let sid = harness.dial("+14155552671", &[]).await;
    for (path, kind, part) in [
        ("/Calls".to_owned(), "application/xml", "<Call><"),
        (
            format!("/Calls/{sid}.xml"),
            "application/xml",
            "<TwilioResponse><Call>",
        ),
        ("/Calls.csv".to_owned(), "text/csv", "AccountSid,"),
        (
            "/Nothing".to_owned(),
            "application/xml",
            "<RestException><Code>20404",
        ),
        ("/Calls.json".to_owned(), "application/json", "\"calls\""),
    ] {
        let (content_type, text) = harness.text(&path).await;
        assert_eq!(content_type, kind, "{path}");
        assert!(text.contains(part), "{path}: {text}");
    }
}

#[tokio::test]
async fn an_application_says_where_its_calls_go() {
    let harness = Harness::running().await;
    let url = format!("{}/answer", harness.origin);
    harness.on("/answer", CannedReply::twiml("<Hangup/>"));
    let params = [("FriendlyName", "app"), ("VoiceUrl", url.as_str())];
    let (status, application) = harness
        .rest(Method::POST, "/Applications.json", &params)
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let sid = application["sid"].as_str().unwrap();
    let by = |sid: &str| {
        vec![
            ("To", "+14155550101".to_owned()),
            ("From", "+15005550006".to_owned()),
            ("ApplicationSid", sid.to_owned()),
        ]
    };
    let mut wanted = by(sid);
    wanted.push(("Url", "http://127.0.0.1:1/ignored".to_owned()));
    let params: Vec<_> = wanted
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    harness.ended(call["sid"].as_str().unwrap()).await;
    assert_eq!(harness.asked_so_far("/answer").len(), 1);

    let unknown = by("AP00000000000000000000000000000000");
    let params: Vec<_> = unknown
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, body) = harness.rest(Method::POST, "/Calls.json", &params).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(21_218))
    );

    let path = format!("/Applications/{sid}.json");
    let (_, list) = harness.rest(Method::GET, "/Applications.json", &[]).await;
    assert_eq!(list["applications"].as_array().unwrap().len(), 1);
    let (status, _) = harness.rest(Method::DELETE, &path, &[]).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn clients_and_sip_addresses_ring_on_the_page() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Hangup/>"));
    for to in ["client:alice", "sip:kate@example.com"] {
        let sid = harness.dial(to, &[]).await;
        harness
            .until(&sid, |call| call["waits_for_a_hand"] == true)
            .await;
        harness.answer(&sid).await;
        assert_eq!(harness.ended(&sid).await["status"], "completed");
    }
    for to in ["client:", "sip:nobody", "alice"] {
        let params = [
            ("To", to),
            ("From", "+15005550006"),
            ("Twiml", "<Response/>"),
        ];
        let (_, body) = harness.rest(Method::POST, "/Calls.json", &params).await;
        assert_eq!(body["code"], 21_211, "{to}");
    }
}

#[tokio::test]
async fn a_day_in_a_filter_excludes_itself_where_it_is_an_upper_bound() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Hangup/>"));
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    for (filter, count) in [
        ("StartTime%3C=2026-12-01", 0),
        ("StartTime%3C=2026-12-02", 1),
        ("StartTime%3E=2026-12-01", 1),
        ("StartTime=2026-12-01", 1),
        ("EndTime%3C=2026-12-01", 0),
        ("EndTime%3C=2026-12-02", 1),
    ] {
        let (_, list) = harness
            .rest(Method::GET, &format!("/Calls.json?{filter}"), &[])
            .await;
        assert_eq!(list["calls"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_notification_answers_under_its_own_uri() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Bogus/>"));
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    let path = format!("/Calls/{sid}/Notifications.json");
    let (_, list) = harness.rest(Method::GET, &path, &[]).await;
    let uri = list["notifications"][0]["uri"].as_str().unwrap();
    let own = uri.split(ACCOUNT).nth(1).unwrap();
    let (status, one) = harness.rest(Method::GET, own, &[]).await;
    assert_eq!(
        (status, &one["error_code"]),
        (StatusCode::OK, &json!("12200"))
    );
    let (_, all) = harness
        .rest(Method::GET, "/Notifications.json?Log=1", &[])
        .await;
    assert_eq!(all["notifications"][0]["sid"], one["sid"]);
}

#[tokio::test]
async fn accounts_have_dates_and_what_is_not_there_says_so() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let (_, account) = harness.rest(Method::GET, ".json", &[]).await;
    assert_eq!(account["date_created"], "Tue, 01 Dec 2026 12:00:00 +0000");
    assert!(account["subresource_uris"]["recordings"].is_string());
    let sid = harness.dial("+14155552671", &[]).await;
    for path in [
        "/Messages.json".to_owned(),
        format!("/Calls/{sid}/Streams.json"),
    ] {
        let (status, body) = harness.rest(Method::GET, &path, &[]).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
        assert_eq!(body["code"], 999_001);
    }
    let (status, _) = harness.rest(Method::PUT, "/Recordings.json", &[]).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn somebody_rings_an_app_by_the_url_of_its_number() {
    let harness = Harness::running().await;
    harness.on(
        "/voice",
        CannedReply::twiml("<Gather numDigits='1' action='/key' timeout='600'/>"),
    );
    harness.on("/key", CannedReply::twiml("<Say>Thank you</Say>"));
    let wanted = json!({"from": "+14155552671", "to": "+14155550199", "parameters": {"FromCity": "OAKLAND"}});
    let (status, _) = harness.control(Method::POST, "inbound", &wanted).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let url = json!({"url": format!("{}/voice", harness.origin)});
    let (_, urls) = harness
        .control(Method::PUT, "voice-urls/+14155550199", &url)
        .await;
    assert_eq!(urls["numbers"]["+14155550199"]["url"], url["url"]);
    let (status, call) = harness.control(Method::POST, "inbound", &wanted).await;
    assert_eq!(status, StatusCode::OK, "{call}");
    let sid = call["sid"].as_str().unwrap();
    harness
        .until(sid, |call| call["gather"]["listening"] == true)
        .await;
    harness.press(sid, "7").await;
    let call = harness.ended(sid).await;
    assert!(call["transcript"].to_string().contains("Thank you"));
    let voice = &harness.asked("/voice", 1).await[0];
    assert_eq!(voice.param("Direction"), "inbound");
    assert_eq!(
        (voice.param("FromCity"), voice.param("CallerCity")),
        ("OAKLAND", "OAKLAND")
    );
    assert_eq!(harness.asked("/key", 1).await[0].param("Digits"), "7");

    let wrong =
        json!({"from": "+14155552671", "parameters": {"CallSid": "CA1"}, "url": url["url"]});
    let (status, _) = harness.control(Method::POST, "inbound", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_saved_call_is_replayed_and_shows_what_changed() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/key'><Say>Press</Say></Gather>"),
    );
    harness.on("/key", CannedReply::twiml("<Say>Thank you</Say>"));
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    harness.quiet().await;
    let path = format!("calls/{sid}/export");
    let (_, file) = harness.control(Method::GET, &path, &Value::Null).await;
    let file: CallFile = serde_json::from_value(file).unwrap();
    assert_eq!(file.exchanges.len(), 6);
    let target = ReplayTarget {
        against: harness.origin.clone(),
        auth_token: TOKEN.to_owned(),
    };
    let same = replay(&file, &target, tls()).await.unwrap();
    assert!(same.iter().all(|it| it.differences.is_empty()), "{same:#?}");
    let replayed = harness.asked("/key", 2).await.pop().unwrap();
    assert!(replayed.is_signed(&harness.origin, TOKEN));
    assert_eq!(replayed.param("Digits"), "1");

    harness.on("/key", CannedReply::twiml("<Say>Thanks</Say>"));
    harness.on("/status", CannedReply::status(500));
    let changed = replay(&file, &target, tls()).await.unwrap();
    let differing = changed.iter().filter(|it| !it.differences.is_empty());
    let differing: Vec<_> = differing.map(|it| it.request.as_str()).collect();
    assert_eq!(
        differing.iter().filter(|it| it.ends_with("/key")).count(),
        1
    );
    assert_eq!(
        differing
            .iter()
            .filter(|it| it.ends_with("/status"))
            .count(),
        4
    );

    let wrong = ReplayTarget {
        against: "localhost".to_owned(),
        ..target
    };
    let refused = replay(&file, &wrong, tls()).await;
    assert_eq!(refused, Err(ReplayError::Origin("localhost".to_owned())));
}

#[tokio::test]
async fn a_running_simulator_has_phones_with_verbs() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on(
        "/voice",
        CannedReply::twiml("<Gather numDigits='1' action='/key'><Say>Press 1</Say></Gather>"),
    );
    harness.on("/key", CannedReply::twiml("<Say>Thank you</Say>"));
    let twilio = Simulator::start(SimulatorConfig::default()).await.unwrap();
    assert!(twilio.origin().starts_with("http://127.0.0.1:"));
    let url = format!("{}/voice", harness.origin);
    let phone = twilio.call("+14155552671", "+15005550006", &url);
    phone.hears("Press 1").await;
    phone.presses("1").await;
    phone.hears("Thank you").await;
    phone.hangs_up().await;
    assert_eq!(phone.ends().await, "completed");
    assert_eq!(phone.warnings(), Vec::<u32>::new());
    twilio.stop().await;
}

#[tokio::test]
async fn what_twilio_could_do_is_not_called_forbidden() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    for (method, path, wanted) in [
        (Method::POST, ".json", StatusCode::NOT_IMPLEMENTED),
        (
            Method::POST,
            "/Calls/CA1/Recordings.json",
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            Method::POST,
            "/IncomingPhoneNumbers.json",
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            Method::DELETE,
            "/IncomingPhoneNumbers/PN1.json",
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            Method::GET,
            "/Recordings/RE1.mp3",
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            Method::DELETE,
            "/Calls.json",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
    ] {
        let (status, _) = harness.rest(method, path, &[]).await;
        assert_eq!(status, wanted, "{path}");
    }
}

#[tokio::test]
async fn a_number_of_the_united_states_may_lack_its_plus_sign() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    for to in [
        "14155550107",
        " 14155550107",
        "(415) 555-0107",
        "415-555-0107",
    ] {
        let params = [
            ("To", to),
            ("From", "1 500 555 0006"),
            ("Twiml", "<Response/>"),
        ];
        let (status, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
        assert_eq!(status, StatusCode::CREATED, "{call}");
        assert_eq!(call["to"], "+14155550107");
        assert_eq!(call["from"], "+15005550006");
    }
}
