//! What a whole call leaves behind in logs and metrics: no name, no number, no note.

use serde_json::json;

use crate::app::{RESTAURANT, TestApp, table, with};

#[tokio::test]
async fn no_name_and_no_number_is_in_the_logs_or_the_metrics_of_a_whole_call() {
    let app = TestApp::with(crate::events::telling()).await;
    let receiver = crate::receiver::Receiver::start().await;
    let private = json!({
        "name": "Ana Quetzalcoatl", "restaurant": "Chez Xanthippe", "notes": "allergic to zucchini",
        "guest_phone": "+442079460018", "callback_url": receiver.url,
    });
    let request = with(table(), private);
    app.goes_wrong(json!({"create_500_after_accepting": {"count": 1}})).await;
    let call = app.asks(request.clone()).await;
    app.goes_wrong(json!({})).await;
    app.tries(request.clone()).await.is_problem(409, "duplicate_call");
    app.tries(with(request.clone(), json!({"party_size": 0, "Xanthippe": 1}))).await.is_problem(422, "invalid_request");
    app.send(app.get("/Quetzalcoatl?phone=%2B14155552671")).await.is_problem(404, "not_found");
    app.send(app.post("/twiml/answer/Quetzalcoatl")).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    phone.hears("Quetzalcoatl").await;
    phone.presses("1").await;
    phone.hears("Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.goes_wrong(json!({"create_error": {"code": 21_215, "status": 400}})).await;
    app.tries(with(request, json!({"name": "Bea Quetzalcoatl"}))).await.is_problem(502, "call_refused");
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(metrics.contains("tablecall_calls_total"), "{metrics}");
    let log = app.finish().await;
    assert!(log.contains("\"event\":\"finished\"") || log.contains("finished"), "{log}");
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
