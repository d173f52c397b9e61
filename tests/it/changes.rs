//! A call followed by server-sent events.

use serde_json::Value;

use crate::app::{RESTAURANT, TestApp, table};

#[tokio::test]
async fn a_follower_gets_the_newest_state_at_once_then_each_change_and_the_stream_ends_after_the_last()
 {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut events = call.follows(None).await;
    let first = events.next().await.unwrap();
    assert_eq!(
        (&first.call, first.id.as_str()),
        (&call.reads().await, version(&first.call).as_str())
    );
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    let last = call.ends_as("confirmed", 1).await;
    let mut seen = vec![first];
    while let Some(event) = events.next().await {
        assert_eq!(event.id, version(&event.call));
        seen.push(event);
    }
    let versions: Vec<u64> = seen
        .iter()
        .map(|event| event.call["version"].as_u64().unwrap())
        .collect();
    assert!(
        versions.is_sorted_by(|before, after| before < after),
        "none is sent twice: {versions:?}"
    );
    let statuses: Vec<&str> = seen
        .iter()
        .map(|event| event.call["status"].as_str().unwrap())
        .collect();
    for status in ["dialing", "ringing", "in_progress", "finished"] {
        assert!(statuses.contains(&status), "{status}: {statuses:?}");
    }
    assert_eq!(seen.last().unwrap().call, last);
    app.finish().await;
}

#[tokio::test]
async fn a_follower_resumes_after_the_event_it_saw_last() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let seen = call.follows(None).await.next().await.unwrap();
    let mut resumed = call.follows(Some(&seen.id)).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    let next = resumed.next().await.unwrap();
    assert!(
        next.call["version"].as_u64() > seen.call["version"].as_u64(),
        "what was seen is not sent again"
    );
    phone.declines().await;
    drop(resumed);
    let queued = call.comes_to(|call| call["waiting_for"] == "retry").await;
    // Changes without a listener arrive at once, as one event.
    let caught_up = call.follows(Some(&next.id)).await.next().await.unwrap();
    assert_eq!(caught_up.call, queued);
    assert_eq!(call.cancels().await.status, 202);
    app.finish().await;
}

#[tokio::test]
async fn an_event_id_that_nobody_gave_out_gets_the_current_state() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let now = call.reads().await;
    for unknown in ["999999", "-1", "", "abc", "18446744073709551616"] {
        assert_eq!(
            call.follows(Some(unknown)).await.next().await.unwrap().call,
            now,
            "{unknown}"
        );
    }
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    app.finish().await;
}

#[tokio::test]
async fn a_finished_call_is_told_once_and_its_stream_ends() {
    let app = TestApp::start().await;
    let call = app.asks(crate::app::table_at("+14155550101")).await;
    let done = call.ends_as("confirmed", 1).await;
    let mut events = call.follows(None).await;
    let only = events.next().await.unwrap();
    assert_eq!(only.call, done);
    assert!(events.next().await.is_none());
    assert_eq!(
        call.has_nothing_after(&only.id).await,
        204,
        "a browser would come back to an empty stream for ever"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_finds_no_call_to_follow_is_told_so() {
    let app = TestApp::start().await;
    let answer = app
        .send(app.get("/api/call/0197a0c0-0000-7000-8000-000000000000/events"))
        .await;
    answer.is_problem(404, "call_not_found");
    app.finish().await;
}

fn version(call: &Value) -> String {
    call["version"].to_string()
}

#[tokio::test]
async fn a_stop_ends_streams_at_once_and_what_waits_for_later_as_failed() {
    let app = TestApp::start().await;
    let live = app.asks(table()).await;
    let mut events = live.follows(None).await;
    events.next().await.unwrap();
    let later = serde_json::json!({"not_before": "2026-12-01T21:00:00Z"});
    app.asks(crate::app::with(
        crate::app::table_at("+14155550101"),
        later,
    ))
    .await;
    let log = app.stops().await;
    assert!(
        events.next().await.is_none(),
        "the client comes back elsewhere"
    );
    let ended = |line: &&str| line.contains("\"ended\"") && line.contains("\"shutdown\"");
    assert_eq!(
        log.lines().filter(ended).count(),
        1,
        "only the one that waits: {log}"
    );
}
