//! Keys of the staff and their results.

use serde_json::json;

use crate::app::{RESTAURANT, TestApp, table, with};

#[tokio::test]
async fn a_restaurant_accepts_with_key_1() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    let message = phone.hears("a guest would like a table").await;
    for part in [
        "Tablecall",
        "Friday, December 4",
        "seven thirty PM: half past seven in the evening",
        "4 people",
        "Ana García",
        "To accept, press 1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    phone.presses_and_hears("1", "Accepted: 4 people").await;
    let decided = call.until(|call| call["outcome"] == "confirmed").await;
    assert_eq!(
        (&decided["final"], &decided["agreed_time"]),
        (&json!(false), &json!("2026-12-04T19:30"))
    );
    phone.keeps_silent().await;
    phone.hears("Thank you").await;
    phone.is_hung_up_on().await;
    let call = call.ends_as("confirmed", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "confirmed");
    app.finish().await;
}

#[tokio::test]
async fn a_restaurant_declines_with_key_2() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To decline, press 2").await;
    phone
        .presses_and_hears("2", "Declined: no table for 4 people")
        .await;
    phone.hangs_up().await;
    let call = call.ends_as("rejected", 1).await;
    assert!(call["agreed_time"].is_null());
    app.finish().await;
}

#[tokio::test]
async fn star_repeats_everything_slowly_with_the_time_said_in_two_ways() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    phone
        .hears("seven thirty PM: half past seven in the evening")
        .await;
    phone.presses_early("*").await;
    let slowly = phone.hears("a guest would like a table").await;
    for part in [
        "half past seven in the evening",
        "4 people",
        "Ana García",
        "To accept, press 1",
    ] {
        assert!(slowly.contains(part), "{part}: {slowly}");
    }
    let wire = app.wire("voice").await;
    assert!(
        wire.last().unwrap()["body"]
            .as_str()
            .unwrap()
            .contains("<prosody rate=\"slow\">")
    );
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_key_hears_the_keys_only() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("Ana García").await;
    for key in ["5", "#", "0"] {
        phone.presses(key).await;
        let keys = phone.hears("that key does nothing here").await;
        assert!(keys.contains("To accept, press 1"), "{keys}");
        for private in ["Ana García", "4 people", "half past", "offer another time"] {
            assert!(!keys.contains(private), "{private}: {keys}");
        }
    }
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    call.ends_as("rejected", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn silence_hears_the_message_three_times_and_then_goodbye() {
    let app = TestApp::start().await;
    let call = app.asks(with(table(), json!({"attempts": 1}))).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept, press 1").await;
    for _ in 0..2 {
        phone.keeps_silent().await;
        let again = phone.hears("To accept, press 1").await;
        assert!(again.contains("Ana García"), "{again}");
    }
    phone.keeps_silent().await;
    phone
        .hears("We did not get an answer, so nothing is booked")
        .await;
    phone.is_hung_up_on().await;
    let call = call.ends_as("no_response", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "no_key");
    app.finish().await;
}

#[tokio::test]
async fn a_restaurant_changes_its_mind_from_yes_to_no() {
    changes_its_mind("1", "Accepted", "2", "Declined", "rejected").await;
}

#[tokio::test]
async fn a_restaurant_changes_its_mind_from_no_to_yes() {
    changes_its_mind("2", "Declined", "1", "Accepted", "confirmed").await;
}

async fn changes_its_mind(first: &str, understood: &str, second: &str, then: &str, outcome: &str) {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses(first).await;
    let chance = phone.hears(understood).await;
    assert!(chance.contains(&format!("press {second}")), "{chance}");
    phone.presses(second).await;
    let changed = phone.hears(then).await;
    // The line stays open: the key may be the first of several in a row.
    assert!(changed.contains(&format!("press {first}")), "{changed}");
    phone.keeps_silent().await;
    phone.hears("Goodbye").await;
    phone.is_hung_up_on().await;
    let call = call.ends_as(outcome, 1).await;
    let keys = call["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["what"] == "key");
    assert_eq!(
        keys.map(|entry| entry["detail"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [first, second]
    );
    app.finish().await;
}

#[tokio::test]
async fn another_time_that_the_guest_allowed_is_confirmed_as_agreed() {
    let app = TestApp::start().await;
    let call = app
        .asks(with(
            table(),
            json!({"alternatives": {"earliest": "18:30", "latest": "21:00"}}),
        ))
        .await;
    offers(
        &app,
        "2015",
        "eight fifteen PM: a quarter past eight in the evening",
    )
    .await;
    let call = call.ends_as("confirmed", 1).await;
    assert_eq!(
        (&call["agreed_time"], call["offered_time"].is_null()),
        (&json!("2026-12-04T20:15"), true)
    );
    app.finish().await;
}

#[tokio::test]
async fn another_time_that_the_guest_did_not_allow_is_a_counter_offer() {
    let app = TestApp::start().await;
    let call = app
        .asks(with(
            table(),
            json!({"alternatives": {"earliest": "18:30", "latest": "20:00"}}),
        ))
        .await;
    offers(&app, "2145", "nine forty-five PM: a quarter to ten").await;
    let call = call.ends_as("countered", 1).await;
    assert_eq!(
        (&call["offered_time"], call["agreed_time"].is_null()),
        (&json!("2026-12-04T21:45"), true)
    );
    assert_eq!(call["attempts"][0]["ended_because"], "countered");
    app.finish().await;
}

async fn offers(app: &TestApp, digits: &str, spoken: &str) {
    let mut phone = app
        .phone(RESTAURANT)
        .picks_up("To offer another time, press 3")
        .await;
    phone
        .presses_and_hears("3", "Please type four digits")
        .await;
    phone.presses_and_hears("9999", "Let us try again").await;
    phone.presses(digits).await;
    phone.hears(&format!("You offer {spoken}")).await;
    phone.presses("1").await;
    // What was understood is read back in the words alone.
    let words = spoken.rsplit(": ").next().unwrap();
    phone.hears(words).await;
    phone.keeps_silent().await;
    phone.hears("Goodbye").await;
    phone.is_hung_up_on().await;
}

#[tokio::test]
async fn key_9_asks_back_and_no_more_calls_are_made() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app
        .phone(RESTAURANT)
        .picks_up("To stop these calls, press 9")
        .await;
    phone
        .presses_and_hears("9", "Should we never call this number again?")
        .await;
    phone
        .presses_and_hears("1", "We will not call this number again")
        .await;
    phone.is_hung_up_on().await;
    call.ends_as("opted_out", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn key_9_can_be_taken_back() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("press 9").await;
    phone.presses_and_hears("9", "To go back, press 2").await;
    phone.presses_and_hears("2", "To accept, press 1").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}
