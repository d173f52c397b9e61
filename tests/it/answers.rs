//! What staff press, and what comes of it.

use crate::app::{RESTAURANT, TestApp, table};

#[tokio::test]
async fn a_restaurant_accepts_with_key_1() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    let message = phone.hears("a guest would like a table").await;
    for part in ["Tablecall", "Friday, December 4", "7:30", "4 people", "Ana García", "To accept, press 1"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    phone.presses("1").await;
    phone.hears("Accepted: 4 people").await;
    let decided = call.until(|call| call["outcome"] == "confirmed").await;
    assert_eq!((&decided["final"], &decided["agreed_time"]), (&false.into(), &"2026-12-04T19:30".into()));
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
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    phone.hears("To decline, press 2").await;
    phone.presses("2").await;
    phone.hears("Declined: no table for 4 people").await;
    phone.hangs_up().await;
    let call = call.ends_as("rejected", 1).await;
    assert!(call["agreed_time"].is_null());
    app.finish().await;
}

#[tokio::test]
async fn silence_hears_the_message_three_times_and_then_goodbye() {
    let app = TestApp::start().await;
    let call = app.asks(crate::app::with(table(), serde_json::json!({"attempts": 1}))).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    phone.hears("To accept, press 1").await;
    for _ in 0..2 {
        phone.keeps_silent().await;
        phone.hears("To accept, press 1").await;
    }
    phone.keeps_silent().await;
    phone.hears("We did not get an answer, so nothing is booked").await;
    phone.is_hung_up_on().await;
    let call = call.ends_as("no_response", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "no_key");
    app.finish().await;
}
