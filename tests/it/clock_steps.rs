//! The clock of the service is set forward or back while somebody talks; Twilio's clock is right.

use std::time::Duration;

use clock::Clock;
use jiff::SignedDuration;

use tablecall::config::RawConfig;

use crate::app::{NOON, RESTAURANT, SECRET, TestApp, table};
use crate::call::assert_ended;

const TWO_HOURS: SignedDuration = SignedDuration::from_hours(2);
/// The sweep looks at its clock once a minute at least.
const A_MINUTE: Duration = Duration::from_secs(61);

/// A service with a clock of its own, and an account at `carrier`.
async fn service(carrier: &TestApp) -> TestApp {
    let given = TestApp::with_account(&carrier.carrier, RawConfig::default());
    let mut app = TestApp::at(given, Clock::simulated(NOON.parse().unwrap())).await;
    (app.carrier, app.key) = (carrier.carrier.clone(), Some(SECRET));
    app
}

#[tokio::test]
async fn a_clock_that_is_set_forward_ends_no_talk() {
    let carrier = TestApp::start().await;
    let app = service(&carrier).await;
    let call = app.asks(table()).await;
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    app.clock.step(TWO_HOURS);
    app.clock.advance(A_MINUTE);
    // The line is looked up, and found to be open.
    let looked_up = async {
        loop {
            let wire = carrier.wire("rest").await;
            let is_look_up = |it: &&serde_json::Value| {
                it["method"] == "GET" && it["url"].as_str().unwrap().contains("/Calls/")
            };
            if wire.iter().find(is_look_up).is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    crate::app::within("the line is looked up", looked_up).await;
    phone.presses_and_hears("3", "four digits").await;
    phone.presses_and_hears("2000", "You offer eight PM").await;
    // By its clock no time has passed, and keys at once belong together.
    app.clock.advance(Duration::from_secs(10));
    phone.presses("1").await;
    phone.hears_something().await;
    phone.hangs_up().await;
    call.until(|call| call["outcome"] == "countered").await;
    let orders = carrier.wire("rest").await;
    let ended = |it: &&serde_json::Value| it["request"].to_string().contains("completed");
    assert_eq!(orders.iter().find(ended), None, "the line was not ended");
    assert_eq!(carrier.ledger().await.len(), 1);
    app.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_staff_answer_and_concludes_their_call() {
    let carrier = TestApp::start().await;
    let app = service(&carrier).await;
    let call = app.asks(table()).await;
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    app.clock.step(-TWO_HOURS);
    // How long the message was heard is not known any more: it is asked once more.
    phone.presses_and_hears("1", "press 1").await;
    app.clock.advance(Duration::from_secs(10));
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    carrier.hears_of_the_end().await;
    // A last key may be on its way for some seconds, by the clock as it is now.
    app.clock.advance(Duration::from_secs(10));
    let done = call.until(|call| call["final"] == true).await;
    assert_ended(&done, "confirmed", 1);
    app.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn what_waits_when_the_clock_is_set_back_does_not_wait_for_hours() {
    let carrier = TestApp::start().await;
    let app = service(&carrier).await;
    let call = app.asks(table()).await;
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    carrier.hears_of_the_end().await;
    app.clock.step(-TWO_HOURS);
    let stepped_at = app.now();
    let done = call
        .comes_to_beside(&app, |call| call["final"] == true)
        .await;
    let waited = app.now().duration_since(stepped_at);
    assert!(waited < SignedDuration::from_mins(3), "{waited}");
    assert_eq!(done["outcome"], "rejected");
    app.stops().await;
    carrier.finish().await;
}
