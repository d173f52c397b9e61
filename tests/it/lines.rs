//! A limit of open lines: what is above it waits for its turn.

use serde_json::json;
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table, table_at};

fn limited(lines: &str) -> RawConfig {
    RawConfig::default().with(|it| it.carrier.twilio_lines = Some(lines.to_owned()))
}

#[tokio::test]
async fn a_call_above_the_limit_waits_until_a_line_is_closed() {
    let app = TestApp::with(limited("1")).await;
    let first = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    let other = "+14155552672";
    let check = app.checks(table_at(other)).await;
    assert_eq!(
        (&check["verdict"], &check["code"]),
        (&json!("waits"), &json!("slot"))
    );
    let second = app.asks(table_at(other)).await;
    assert_eq!(second.reads().await["waiting_for"], "slot");
    phone.answers().await;
    phone.hears("To accept").await;
    assert_eq!(second.reads().await["status"], "queued", "the line is open");
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    first.ends_as("rejected", 1).await;
    let mut phone = app.phone(other).rings().await;
    phone.declines().await;
    second.comes_to(|call| call["waiting_for"] == "retry").await;
    assert_eq!(second.cancels().await.status, 202);
    app.stops().await;
}

#[tokio::test]
async fn a_refused_call_leaves_its_line_to_others() {
    let app = TestApp::with(limited("1")).await;
    app.goes_wrong(json!({"create_error": {"count": 1, "code": 21_217, "status": 400}}))
        .await;
    let refused = app.tries(table()).await;
    assert_eq!(refused.status, 502, "{}", refused.text);
    let call = app.asks(table_at("+14155550101")).await;
    call.ends_as("confirmed", 1).await;
    app.stops().await;
}
