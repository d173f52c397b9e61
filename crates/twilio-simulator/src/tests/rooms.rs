//! Queues and conferences: calls that wait for other calls.

use http::Method;

use super::harness::Harness;
use super::service::CannedReply;

#[tokio::test]
async fn a_call_waits_in_a_queue_until_another_takes_it() {
    let harness =
        Harness::answering("<Enqueue action='/after' waitUrl='/wait'>support</Enqueue>").await;
    harness.on("/wait", CannedReply::twiml("<Say>Please hold</Say>"));
    harness.on(
        "/agent",
        CannedReply::twiml("<Dial action='/agent-after' timeLimit='3'><Queue url='/connecting'>support</Queue></Dial>"),
    );
    harness.on("/connecting", CannedReply::twiml("<Say>Connecting</Say>"));
    harness.on("/agent-after", CannedReply::twiml("<Hangup/>"));
    let waiting = harness.dial("+14155550107", &[]).await;
    let wait = &harness.asked("/wait", 2).await[0];
    assert_eq!(wait.param("QueuePosition"), "1");
    assert_eq!(wait.param("CurrentQueueSize"), "1");
    let (_, queues) = harness.rest(Method::GET, "/Queues.json", &[]).await;
    assert_eq!(queues["queues"][0]["friendly_name"], "support");
    assert_eq!(queues["queues"][0]["current_size"], 1);

    let url = format!("{}/agent", harness.origin);
    let params = [
        ("To", "+14155550101"),
        ("From", "+15005550006"),
        ("Url", &url),
    ];
    let (_, agent) = harness.rest(Method::POST, "/Calls.json", &params).await;
    let agent = agent["sid"].as_str().unwrap();
    harness.ended(agent).await;
    let call = harness.ended(&waiting).await;
    assert!(call["transcript"].to_string().contains("Connecting"));
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("QueueResult"), "bridged");
    let agent_after = &harness.asked("/agent-after", 1).await[0];
    assert_eq!(agent_after.param("DialCallStatus"), "completed");
    assert_eq!(agent_after.param("DialCallSid"), waiting);
}

#[tokio::test]
async fn a_call_leaves_its_queue_by_leave_and_finds_a_full_one() {
    let harness = Harness::answering(
        "<Enqueue action='/after' waitUrl='/wait' maxQueueSize='1'>support</Enqueue>",
    )
    .await;
    harness.on("/wait", CannedReply::twiml("<Pause length='600'/><Leave/>"));
    let first = harness.dial("+14155550107", &[]).await;
    harness.asked("/wait", 1).await;
    let second = harness.dial("+14155550107", &[]).await;
    harness.ended(&second).await;
    harness.ended(&first).await;
    let results: Vec<_> = harness
        .asked("/after", 2)
        .await
        .iter()
        .map(|it| it.param("QueueResult").to_owned())
        .collect();
    assert_eq!(results, ["queue-full", "leave"]);
}

#[tokio::test]
async fn a_conference_starts_with_the_second_call_and_ends_with_the_moderator() {
    let harness = Harness::answering(
        "<Dial action='/after'><Conference endConferenceOnExit='false' startConferenceOnEnter='false' \
         waitUrl='/music' statusCallback='/room' statusCallbackEvent='start end join leave'>Room</Conference></Dial>",
    )
    .await;
    harness.on("/music", CannedReply::twiml("<Say>Wait</Say>"));
    harness.on(
        "/moderator",
        CannedReply::twiml(
            "<Dial timeLimit='4'><Conference endConferenceOnExit='true'>Room</Conference></Dial>",
        ),
    );
    let guest = harness.dial("+14155550107", &[]).await;
    harness.asked("/music", 1).await;
    let url = format!("{}/moderator", harness.origin);
    let params = [
        ("To", "+14155550101"),
        ("From", "+15005550006"),
        ("Url", &url),
    ];
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    harness.ended(call["sid"].as_str().unwrap()).await;
    harness.ended(&guest).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "answered");
    let mut events: Vec<_> = harness
        .asked("/room", 5)
        .await
        .iter()
        .map(|it| it.param("StatusCallbackEvent").to_owned())
        .collect();
    events.sort();
    events.dedup();
    assert_eq!(
        events,
        [
            "conference-end",
            "conference-start",
            "participant-join",
            "participant-leave"
        ]
    );
    let (_, list) = harness
        .rest(Method::GET, "/Conferences.json?Status=completed", &[])
        .await;
    assert_eq!(list["conferences"][0]["friendly_name"], "Room");
}

#[tokio::test]
async fn a_conference_and_each_leg_of_it_can_be_recorded() {
    let room = "<Conference record='record-from-start' recordingStatusCallback='/recording' \
                endConferenceOnExit='true'>Room</Conference>";
    let harness = Harness::answering(&format!("<Dial action='/after'>{room}</Dial>")).await;
    let dual = format!(
        "<Dial action='/left' record='record-from-ringing-dual' timeLimit='9' \
         recordingStatusCallback='/leg'>{room}</Dial>"
    );
    harness.on("/second", CannedReply::twiml(&dual));
    harness.on("/left", CannedReply::twiml(""));
    let first = harness.dial("+14155550107", &[]).await;
    let url = format!("{}/second", harness.origin);
    let params = [
        ("To", "+14155550107"),
        ("From", "+15005550006"),
        ("Url", &url),
    ];
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    let second = call["sid"].as_str().unwrap().to_owned();
    harness.ended(&second).await;
    harness.ended(&first).await;

    let news = &harness.asked("/recording", 1).await[0];
    assert_eq!(news.param("RecordingSource"), "Conference");
    assert_eq!(news.param("RecordingStatus"), "completed");
    let room_sid = news.param("ConferenceSid");
    assert!(room_sid.starts_with("CF") && news.param("CallSid").is_empty());
    let path = format!("/Conferences/{room_sid}/Recordings.json");
    let (_, list) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(list["recordings"][0]["sid"], news.param("RecordingSid"));
    assert_eq!(list["recordings"][0]["conference_sid"], room_sid);

    let leg = &harness.asked("/leg", 1).await[0];
    assert_eq!(
        (leg.param("RecordingSource"), leg.param("RecordingChannels")),
        ("DialVerb", "2")
    );
    let left = &harness.asked("/left", 1).await[0];
    assert_eq!(left.param("RecordingSid"), leg.param("RecordingSid"));
    let path = format!("/Calls/{second}/Recordings.json");
    let (_, list) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(list["recordings"].as_array().unwrap().len(), 1, "{list}");
}
