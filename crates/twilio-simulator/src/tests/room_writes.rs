//! Writes to conferences, their participants, and queues.

use http::{Method, StatusCode};
use serde_json::json;

use super::harness::Harness;
use super::service::CannedReply;

/// A room in which a call waits, with a callback for everything that happens in it; the
/// conference's sid and the call's.
async fn room(harness: &Harness) -> (String, String) {
    harness.on(
        "/answer",
        CannedReply::twiml(
            "<Dial action='/after'><Conference waitUrl='/music' statusCallback='/room' \
             statusCallbackEvent='start end join leave mute hold modify announcement'>Room \
             1</Conference></Dial>",
        ),
    );
    harness.on("/music", CannedReply::twiml("<Pause length='600'/>"));
    let first = harness.dial("+14155550107", &[]).await;
    harness.asked("/music", 1).await;
    let (_, list) = harness.rest(Method::GET, "/Conferences.json", &[]).await;
    let sid = list["conferences"][0]["sid"].as_str().unwrap().to_owned();
    (sid, first)
}

async fn events(harness: &Harness, count: usize) -> Vec<String> {
    let news = harness.asked("/room", count).await;
    let word = |it: &super::service::ReceivedRequest| it.param("StatusCallbackEvent").to_owned();
    news.iter().map(word).collect()
}

#[tokio::test]
async fn a_participant_is_invited_changed_and_sent_out() {
    let harness = Harness::running().await;
    harness.on("/after", CannedReply::twiml("<Hangup/>"));
    harness.on("/hold", CannedReply::twiml("<Say>One moment</Say>"));
    harness.on("/news", CannedReply::twiml("<Say>Five minutes left</Say>"));
    let (room, first) = room(&harness).await;
    let list = format!("/Conferences/{room}/Participants.json");
    let invited = [
        ("From", "+15005550006"),
        ("To", "+14155552671"),
        ("Label", "agent"),
        ("StatusCallback", &format!("{}/leg", harness.origin)),
        ("StatusCallbackEvent", "ringing answered"),
        ("EndConferenceOnExit", "false"),
    ];
    let (status, one) = harness.rest(Method::POST, &list, &invited).await;
    assert_eq!(status, StatusCode::CREATED, "{one}");
    assert_eq!(
        (&one["status"], &one["label"]),
        (&json!("queued"), &json!("agent"))
    );
    let second = one["call_sid"].as_str().unwrap().to_owned();
    let agent = format!("/Conferences/{room}/Participants/agent.json");
    harness
        .until(&second, |call| call["status"] == "ringing")
        .await;
    let (_, one) = harness.rest(Method::GET, &agent, &[]).await;
    assert_eq!(one["status"], "ringing");
    let (_, refused) = harness
        .rest(Method::POST, &agent, &[("Muted", "true")])
        .await;
    assert_eq!(refused["code"], 21_220);
    harness.answer(&second).await;
    events(&harness, 3).await;
    let (_, one) = harness.rest(Method::GET, &agent, &[]).await;
    assert_eq!(one["status"], "connected");
    let (_, all) = harness.rest(Method::GET, &list, &[]).await;
    assert_eq!(all["participants"].as_array().unwrap().len(), 2);

    let hold = format!("{}/hold", harness.origin);
    let held = [
        ("Hold", "true"),
        ("HoldUrl", hold.as_str()),
        ("Muted", "true"),
    ];
    let (_, one) = harness.rest(Method::POST, &agent, &held).await;
    assert_eq!((&one["hold"], &one["muted"]), (&json!(true), &json!(true)));
    harness.asked("/hold", 1).await;
    let (_, muted) = harness
        .rest(Method::GET, &format!("{list}?Muted=true"), &[])
        .await;
    assert_eq!(muted["participants"][0]["call_sid"], second.as_str());
    let freed = [
        ("Hold", "false"),
        ("Muted", "false"),
        ("EndConferenceOnExit", "false"),
    ];
    harness.rest(Method::POST, &agent, &freed).await;
    let news = format!("{}/news", harness.origin);
    harness
        .rest(Method::POST, &agent, &[("AnnounceUrl", &news)])
        .await;
    let told = |call: &serde_json::Value| call["transcript"].to_string().contains("Five minutes");
    harness.until(&second, told).await;

    let (status, _) = harness.rest(Method::DELETE, &agent, &[]).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(harness.ended(&second).await["status"], "completed");
    let (status, _) = harness.rest(Method::GET, &agent, &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let ends = [("Status", "completed")];
    let path = format!("/Conferences/{room}.json");
    let (_, conference) = harness.rest(Method::POST, &path, &ends).await;
    assert_eq!(conference["status"], "completed");
    harness.ended(&first).await;

    let mut words = events(&harness, 12).await;
    words.sort();
    assert_eq!(
        words,
        [
            "announcement-end",
            "conference-end",
            "conference-start",
            "participant-hold",
            "participant-join",
            "participant-join",
            "participant-leave",
            "participant-leave",
            "participant-modify",
            "participant-mute",
            "participant-unhold",
            "participant-unmute",
        ]
    );
    let leg = harness.asked("/leg", 2).await;
    let mut leg: Vec<_> = leg
        .iter()
        .map(|it| it.param("CallStatus").to_owned())
        .collect();
    leg.sort();
    assert_eq!(leg, ["in-progress", "ringing"]);
}

#[tokio::test]
async fn a_conference_of_a_name_is_made_by_its_first_participant() {
    let harness = Harness::running().await;
    let path = "/Conferences/Stand%20up/Participants.json";
    let wrong = [("From", "+15005550006"), ("To", "nobody")];
    let (_, refused) = harness.rest(Method::POST, path, &wrong).await;
    assert_eq!(refused["code"], 21_211);
    let (_, none) = harness.rest(Method::GET, "/Conferences.json", &[]).await;
    assert_eq!(none["conferences"], json!([]));

    let news = format!("{}/room", harness.origin);
    let invited = [
        ("From", "+15005550006"),
        ("To", "+14155550101"),
        ("ConferenceStatusCallback", news.as_str()),
        ("ConferenceStatusCallbackEvent", "join"),
        ("TimeLimit", "5"),
        ("Record", "true"),
    ];
    let (_, one) = harness.rest(Method::POST, path, &invited).await;
    let sid = one["conference_sid"].as_str().unwrap().to_owned();
    harness.ended(one["call_sid"].as_str().unwrap()).await;
    let joined = &harness.asked("/room", 1).await[0];
    assert_eq!(joined.param("FriendlyName"), "Stand up");
    assert_eq!(joined.param("ConferenceSid"), sid);
    let recordings = format!("/Calls/{}/Recordings.json", joined.param("CallSid"));
    let (_, list) = harness.rest(Method::GET, &recordings, &[]).await;
    assert_eq!(list["recordings"][0]["channels"], 2, "{list}");

    let unreached = [("From", "+15005550006"), ("To", "+14155550103")];
    let (_, one) = harness.rest(Method::POST, path, &unreached).await;
    assert_ne!(one["conference_sid"], sid);
    harness.ended(one["call_sid"].as_str().unwrap()).await;
    let (_, open) = harness.rest(Method::GET, "/Conferences.json", &[]).await;
    assert_eq!(open["conferences"], json!([]), "nobody came");
    let gone = "/Conferences/CF00000000000000000000000000000000/Participants.json";
    let (status, _) = harness.rest(Method::POST, gone, &unreached).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn queues_are_made_changed_and_removed() {
    let harness = Harness::running().await;
    let made = [("FriendlyName", "support"), ("MaxSize", "1")];
    let (status, queue) = harness.rest(Method::POST, "/Queues.json", &made).await;
    assert_eq!(status, StatusCode::CREATED, "{queue}");
    assert_eq!(
        (&queue["max_size"], &queue["current_size"]),
        (&json!(1), &json!(0))
    );
    for wrong in [
        [("FriendlyName", "support"), ("MaxSize", "1")],
        [("FriendlyName", "other"), ("MaxSize", "0")],
        [("FriendlyName", ""), ("MaxSize", "5")],
    ] {
        let (status, _) = harness.rest(Method::POST, "/Queues.json", &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
    let path = format!("/Queues/{}.json", queue["sid"].as_str().unwrap());

    // The queue's own size counts where Enqueue gives none.
    harness.on(
        "/answer",
        CannedReply::twiml("<Enqueue action='/after' waitUrl='/wait'>support</Enqueue>"),
    );
    harness.on("/after", CannedReply::twiml("<Hangup/>"));
    harness.on("/wait", CannedReply::twiml("<Pause length='600'/>"));
    harness.on("/elsewhere", CannedReply::twiml("<Say>Your turn</Say>"));
    let first = harness.dial("+14155550107", &[]).await;
    harness.asked("/wait", 1).await;
    let second = harness.dial("+14155550107", &[]).await;
    harness.ended(&second).await;
    let (status, _) = harness.rest(Method::DELETE, &path, &[]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "somebody waits");
    let (_, queue) = harness.rest(Method::POST, &path, &[("MaxSize", "7")]).await;
    assert_eq!(
        (&queue["max_size"], &queue["current_size"]),
        (&json!(7), &json!(1))
    );

    let front = path.replace(".json", "/Members/Front.json");
    let (_, member) = harness.rest(Method::GET, &front, &[]).await;
    assert_eq!(
        (&member["call_sid"], &member["position"]),
        (&json!(first), &json!(1))
    );
    let (_, refused) = harness.rest(Method::POST, &front, &[]).await;
    assert_eq!(refused["code"], 21_205);
    let own = path.replace(".json", &format!("/Members/{first}.json"));
    let url = format!("{}/elsewhere", harness.origin);
    let (status, _) = harness.rest(Method::POST, &own, &[("Url", &url)]).await;
    assert_eq!(status, StatusCode::OK);
    let call = harness.ended(&first).await;
    assert!(call["transcript"].to_string().contains("Your turn"));
    let after = harness.asked("/after", 2).await;
    let mut results: Vec<_> = after
        .iter()
        .map(|it| it.param("QueueResult").to_owned())
        .collect();
    results.sort();
    assert_eq!(results, ["queue-full", "redirected"]);
    let (status, _) = harness.rest(Method::GET, &front, &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = harness.rest(Method::DELETE, &path, &[]).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
