//! The log lines of one call describe its course, and have the ids by which they are found.

use serde_json::Value;

use crate::app::{RESTAURANT, TestApp, table};

fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect()
}

/// The lines with this message, without those that only a detailed log has.
fn told<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    let is = |line: &&Value| {
        line["message"] == message && matches!(line["level"].as_str(), Some("INFO" | "WARN"))
    };
    lines.iter().filter(is).collect()
}

async fn confirmed(app: &TestApp) -> String {
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    call.ends_as("confirmed", 1).await;
    call.id
}

#[tokio::test]
async fn the_lines_of_a_call_tell_its_story_in_order() {
    let app = TestApp::start().await;
    let id = confirmed(&app).await;
    let lines = lines(&app.finish().await);
    let of_call: Vec<&Value> = told(&lines, "call")
        .into_iter()
        .filter(|line| line["call.id"] == id)
        .collect();
    let words = of_call.iter().map(|line| {
        let detail = line["detail"]
            .as_str()
            .map(|detail| format!(" {detail}"))
            .unwrap_or_default();
        format!("{}{detail}", line["event"].as_str().unwrap())
    });
    let story: Vec<String> = words.filter(|word| word != "answered").collect();
    let expected = [
        "created",
        "dialed",
        "accepted",
        "initiated",
        "ringing",
        "greeted",
        "key 1",
        "ended confirmed",
        "finished confirmed",
    ];
    assert_eq!(story, expected);
    assert_eq!(
        (&of_call[0]["key"], &of_call[0]["language"]),
        (&"anonymous".into(), &"en-US".into())
    );
    let end = of_call.last().unwrap();
    assert!(
        end["duration_ms"].is_f64() && end["attempts"] == 1,
        "{end:#}"
    );
    let attempts = of_call
        .iter()
        .filter(|line| line["event"] == "ringing" || line["event"] == "key");
    assert!(attempts.clone().count() == 2 && attempts.into_iter().all(|line| line["attempt"] == 1));
}

#[tokio::test]
async fn each_line_of_a_request_and_of_what_it_set_off_bears_its_id() {
    let app = TestApp::start().await;
    let id = confirmed(&app).await;
    let asked = app
        .send(
            app.post("/api/call")
                .header("x-request-id", "mine.1")
                .json(&table()),
        )
        .await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let second = crate::call::Asked::new(&app, asked.body["id"].as_str().unwrap().to_owned());
    assert_eq!(second.cancels().await.status, 202);
    second.until(|call| call["final"] == true).await;
    let lines = lines(&app.finish().await);
    for message in ["request", "webhook", "call"] {
        for line in told(&lines, message) {
            let by_itself = matches!(line["event"].as_str(), Some("ended" | "finished"));
            assert!(by_itself || line["request.id"].is_string(), "{line:#}");
        }
    }
    let mine = |line: &&&Value| line["request.id"] == "mine.1";
    let (calls, requests) = (told(&lines, "call"), told(&lines, "request"));
    let events: Vec<&str> = calls
        .iter()
        .filter(mine)
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert!(events.starts_with(&["created", "dialed"]), "{events:?}");
    let request = requests.iter().find(mine).expect("the request has a line");
    assert_eq!(
        (&request["call.id"], &request["route"]),
        (&asked.body["id"], &"/api/call".into())
    );
    assert!(request["duration_ms"].is_f64(), "{request:#}");
    // A webhook's line names its call, and the key that was pressed in it bears the webhook's id.
    let key = calls.iter().find(|line| line["event"] == "key").unwrap();
    let webhook = told(&lines, "webhook")
        .into_iter()
        .find(|line| line["request.id"] == key["request.id"])
        .unwrap();
    assert_eq!(
        (&webhook["call.id"], &webhook["webhook"]),
        (&id.into(), &"gather".into())
    );
    assert!(
        webhook["duration_ms"].is_f64() && webhook["twilio.call_sid"].is_string(),
        "{webhook:#}"
    );
}

#[tokio::test]
async fn what_a_client_does_wrong_is_no_warning_and_probes_are_told_in_detail_only() {
    let app = TestApp::start().await;
    app.send(app.post("/api/call").body("{"))
        .await
        .is_problem(400, "bad_json");
    app.send(app.get("/api/call/x"))
        .await
        .is_problem(404, "call_not_found");
    for probe in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(app.send(app.get(probe)).await.status, 200, "{probe}");
    }
    let lines = lines(&app.finish().await);
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .collect();
    let levels = |status: u16| {
        let of = requests
            .iter()
            .filter(|line| line["status"] == status && line["route"] != "other");
        of.map(|line| line["level"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!((levels(400), levels(404)), (vec!["INFO"], vec!["INFO"]));
    assert_eq!(levels(200), ["DEBUG"; 3]);
}
