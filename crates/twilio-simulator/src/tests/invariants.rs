//! Properties of every call, however it goes.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Harness, TOKEN};
use super::service::{CannedReply, ReceivedRequest};

/// Sixty calls to phones of every kind, disturbed by a seeded hand at the page and at the API.
#[tokio::test]
async fn every_call_ends_once_and_asks_for_nothing_out_of_turn() {
    let seed = 20_261_201;
    let mut dice = fastrand::Rng::with_seed(seed);
    let harness = Harness::running().await;
    harness.clock.run(200);
    harness.on(
        "/answer",
        CannedReply::twiml(
            "<Gather numDigits='1' action='/key' timeout='3'><Say>Press one.</Say></Gather>",
        ),
    );
    harness.on(
        "/key",
        CannedReply::twiml(
            "<Gather numDigits='1' action='/again' timeout='3'><Say>Sure?</Say></Gather>",
        ),
    );
    let mut sids = Vec::new();
    for number in 0..60 {
        let to = format!(
            "+1415555{:04}",
            [
                101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 2_671
            ][number % 13]
        );
        sids.push(
            harness
                .dial(&to, &[("Timeout", "20"), ("TimeLimit", "40")])
                .await,
        );
        let sid = &sids[dice.usize(..sids.len())];
        disturb(&harness, sid, dice.u8(..8)).await;
    }
    for sid in &sids {
        harness.ended(sid).await;
        assert!(
            harness
                .rest(
                    Method::POST,
                    &format!("/Calls/{sid}.json"),
                    &[("Status", "completed")]
                )
                .await
                .1["code"]
                == 21_220
        );
    }
    let (_, ledger) = harness.control(Method::GET, "ledger", &Value::Null).await;
    for call in ledger["calls"].as_array().unwrap() {
        hold(&harness, call).await;
    }
}

async fn disturb(harness: &Harness, sid: &str, deed: u8) {
    let phone = format!("calls/{sid}/");
    let resource = format!("/Calls/{sid}.json");
    match deed {
        0 => drop(
            harness
                .control(Method::POST, &(phone + "answer"), &Value::Null)
                .await,
        ),
        1 => drop(
            harness
                .control(Method::POST, &(phone + "press"), &json!({"digits": "12"}))
                .await,
        ),
        2 => drop(
            harness
                .control(Method::POST, &(phone + "hangup"), &Value::Null)
                .await,
        ),
        3 => drop(
            harness
                .rest(Method::POST, &resource, &[("Status", "canceled")])
                .await,
        ),
        4 => drop(
            harness
                .rest(Method::POST, &resource, &[("Status", "completed")])
                .await,
        ),
        5 => drop(
            harness
                .rest(
                    Method::POST,
                    &resource,
                    &[("Twiml", "<Response><Say>Stop.</Say></Response>")],
                )
                .await,
        ),
        _ => {}
    }
}

async fn hold(harness: &Harness, call: &Value) {
    let sid = call["sid"].as_str().unwrap();
    let of_call = |path: &str| -> Vec<ReceivedRequest> {
        harness
            .asked_so_far(path)
            .into_iter()
            .filter(|asked| asked.param("CallSid") == sid)
            .collect()
    };
    // A call withdrawn from the queue was never dialled, and no callback reports it.
    let finals = usize::from(!call["dialed_at"].is_null());
    let is_final = |asked: &ReceivedRequest| {
        !matches!(
            asked.param("CallStatus"),
            "initiated" | "ringing" | "in-progress"
        )
    };
    let mut known = harness.asked_so_far("/status").len();
    while of_call("/status")
        .iter()
        .filter(|asked| is_final(asked))
        .count()
        < finals
    {
        known += 1;
        harness.asked("/status", known).await;
    }
    let callbacks = of_call("/status");
    assert_eq!(
        callbacks.iter().filter(|asked| is_final(asked)).count(),
        finals,
        "{call:#}"
    );
    let sequence: Vec<u32> = callbacks
        .iter()
        .map(|asked| asked.param("SequenceNumber").parse().unwrap())
        .collect();
    assert!(
        sequence.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequence:?}"
    );
    if let Some(last) = callbacks.last() {
        assert_eq!(last.param("CallStatus"), call["status"].as_str().unwrap());
    }
    if call["answered_at"].is_null() {
        assert!(
            of_call("/answer").is_empty(),
            "a document was asked for before the answer: {call:#}"
        );
    }
    for action in of_call("/key").iter().chain(&of_call("/again")) {
        assert!(!action.param("Digits").is_empty());
    }
    for path in ["/answer", "/key", "/again", "/status"] {
        assert!(
            of_call(path)
                .iter()
                .all(|asked| asked.is_signed(&harness.origin, TOKEN))
        );
    }
}
