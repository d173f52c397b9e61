//! Agents: the tools of the Model Context Protocol over HTTP and over standard input, through whole
//! calls.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table, table_at, with, within};
use crate::call::Asked;

const FIRST: &str = "secret-of-the-first-key";
const SECOND: &str = "secret-of-the-second";

async fn keyed() -> TestApp {
    TestApp::with(
        RawConfig::default()
            .with(|it| it.clients.api_keys = Some(format!("first:{FIRST},second:{SECOND}"))),
    )
    .await
}

/// The messages that come back for a request, the last of which is its answer.
async fn sends(app: &TestApp, key: &str, method: &str, params: Value) -> Vec<Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let sent = app
        .http
        .post(format!("{}/mcp", app.origin))
        .bearer_auth(key)
        .header("accept", "application/json, text/event-stream")
        .json(&request);
    let answer = Answer::of(sent).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    if answer.header("content-type") == "application/json" {
        return vec![answer.body];
    }
    let data = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

fn hello() -> Value {
    json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
}

/// Result of a tool.
async fn uses(app: &TestApp, key: &str, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let mut messages = sends(app, key, "tools/call", params).await;
    let answer = messages.pop().unwrap();
    assert!(answer["error"].is_null(), "{answer:#}");
    answer["result"].clone()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_no_message_is_answered_as_json_rpc_has_it() {
    let app = keyed().await;
    for (body, code) in [("hello", -32700), ("{}", -32600)] {
        let request = app
            .http
            .post(format!("{}/mcp", app.origin))
            .bearer_auth(FIRST)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(body);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.body["error"]["code"], code);
        assert!(answer.body.as_object().unwrap().contains_key("id"));
    }
    app.finish().await;
}

#[tokio::test]
async fn an_agent_asks_follows_and_gets_a_verdict_with_its_evidence() {
    let mut app = keyed().await;
    app.key = Some(FIRST);
    let hello = sends(&app, FIRST, "initialize", hello()).await;
    assert_eq!(
        hello[0]["result"]["serverInfo"]["name"], "tablecall",
        "{hello:#?}"
    );
    let listed = sends(&app, FIRST, "tools/list", json!({})).await;
    let tools = listed[0]["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "check_table",
            "ask_for_table",
            "follow_call",
            "list_calls",
            "cancel_call",
            "accept_offer",
            "resend_events"
        ]
    );
    let asked = &tools[1]["inputSchema"];
    assert_eq!(
        asked["required"],
        json!(["name", "phone", "time", "party_size"])
    );
    assert!(
        asked["properties"]["alternatives"]["properties"]["earliest"].is_object(),
        "{asked:#}"
    );

    let checked = uses(&app, FIRST, "check_table", table()).await;
    assert!(
        text(&checked).contains("Nobody was rung. It would ring at once."),
        "{checked:#}"
    );
    assert!(text(&checked).contains("Ana García"), "{checked:#}");
    for confirm in [json!(false), json!("true"), json!(1)] {
        let preview = uses(
            &app,
            FIRST,
            "ask_for_table",
            with(table(), json!({"confirm": confirm})),
        )
        .await;
        assert_eq!(preview["structuredContent"]["rung"], false, "{preview:#}");
    }
    assert!(
        app.creates().await.is_empty(),
        "nobody was rung without a confirmation"
    );

    for key in [json!(true), json!(["one"]), json!({"key": "one"})] {
        let wish = with(table(), json!({"confirm": true, "idempotency_key": key}));
        let refused = uses(&app, FIRST, "ask_for_table", wish).await;
        assert_eq!(refused["isError"], true, "{refused:#}");
        assert!(text(&refused).contains("idempotency_key"), "{refused:#}");
    }
    assert!(
        app.creates().await.is_empty(),
        "a key that cannot be read is not passed over"
    );

    // Agents write numbers as numbers.
    let wish = with(table(), json!({"confirm": true, "idempotency_key": 1001}));
    let placed = uses(&app, FIRST, "ask_for_table", wish.clone()).await;
    assert_eq!(
        placed["structuredContent"]["outcome"],
        Value::Null,
        "{placed:#}"
    );
    let id = placed["structuredContent"]["id"].clone();
    for key in [json!(1001), json!("1001")] {
        let wish = with(wish.clone(), json!({"idempotency_key": key}));
        let again = uses(&app, FIRST, "ask_for_table", wish).await;
        assert_eq!(again["structuredContent"]["id"], id, "nobody is rung twice");
    }

    let params = json!({"name": "follow_call", "arguments": {"id": id, "max_seconds": 60}, "_meta": {"progressToken": "mine"}});
    let conversation = async {
        let mut phone = app.phone(RESTAURANT).picks_up("To accept, press 1").await;
        phone.presses_and_hears("1", "Accepted: 4 people").await;
        phone.hangs_up().await;
        let call = Asked::new(&app, id.as_str().unwrap().to_owned());
        call.ends_as("confirmed", 1).await
    };
    let follows = sends(&app, FIRST, "tools/call", params);
    let (messages, _call) = tokio::join!(follows, conversation);
    let (answer, progress) = messages.split_last().unwrap();
    let told: Vec<&str> = progress
        .iter()
        .map(|it| it["params"]["message"].as_str().unwrap())
        .collect();
    assert!(
        told.iter().any(|message| message.contains("ringing")),
        "{told:?}"
    );
    let counts: Vec<f64> = progress
        .iter()
        .map(|it| it["params"]["progress"].as_f64().unwrap())
        .collect();
    assert!(counts.is_sorted_by(|one, next| one < next), "{counts:?}");
    let result = &answer["result"];
    assert!(
        text(result).starts_with("CONFIRMED for 2026-12-04T19:30 (keys pressed by staff: 1 at "),
        "{result:#}"
    );
    let facts = &result["structuredContent"];
    assert_eq!(
        (&facts["outcome"], &facts["final"]),
        (&json!("confirmed"), &json!(true))
    );
    assert_eq!(facts["evidence"]["answers"][0]["detail"], "1");
    assert!(
        facts["evidence"]["attempts"][0]["twilio_sid"].is_string(),
        "{facts:#}"
    );
    let all = uses(
        &app,
        FIRST,
        "list_calls",
        json!({"outcome": "confirmed", "phone": RESTAURANT}),
    )
    .await;
    assert_eq!(all["structuredContent"]["calls"][0]["id"], id);
    app.finish().await;
}

#[tokio::test]
async fn an_agent_takes_an_offer_and_cancels_only_when_confirmed() {
    let mut app = keyed().await;
    app.key = Some(FIRST);
    let wish = with(table_at("+14155550110"), json!({"confirm": true}));
    let placed = uses(&app, FIRST, "ask_for_table", wish).await;
    let id = placed["structuredContent"]["id"].clone();
    let call = Asked::new(&app, id.as_str().unwrap().to_owned());
    call.ends_as("countered", 1).await;
    let preview = uses(&app, FIRST, "accept_offer", json!({"id": id})).await;
    assert!(
        text(&preview).contains("the guest takes 2026-12-04T20:15"),
        "{preview:#}"
    );
    assert_eq!(app.creates().await.len(), 1);
    let accepted = uses(
        &app,
        FIRST,
        "accept_offer",
        json!({"id": id, "confirm": true}),
    )
    .await;
    let taking = accepted["structuredContent"]["id"].clone();
    assert_eq!(
        accepted["structuredContent"]["accepts_offer_of"], id,
        "{accepted:#}"
    );

    let kept = uses(&app, FIRST, "cancel_call", json!({"id": taking})).await;
    assert!(text(&kept).starts_with("Nothing was changed."), "{kept:#}");
    let canceled = uses(
        &app,
        FIRST,
        "cancel_call",
        json!({"id": taking, "confirm": true}),
    )
    .await;
    assert_eq!(canceled["structuredContent"]["id"], taking, "{canceled:#}");
    let refused = uses(
        &app,
        FIRST,
        "resend_events",
        json!({"id": id, "confirm": true}),
    )
    .await;
    assert_eq!(
        (
            &refused["isError"],
            &refused["structuredContent"]["problem"]["code"]
        ),
        (&json!(true), &json!("no_callback_url"))
    );
    Asked::new(&app, taking.as_str().unwrap().to_owned())
        .ends_as("canceled", 1)
        .await;
    app.finish().await;
}

#[tokio::test]
async fn tools_need_a_key_and_show_the_calls_of_that_key_alone() {
    let mut app = keyed().await;
    let refused = Answer::of(
        app.http
            .post(format!("{}/mcp", app.origin))
            .json(&json!({})),
    )
    .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (401, &json!("unauthorized"))
    );
    app.key = Some(FIRST);
    let later = json!({"not_before": "2026-12-02T20:00:00Z"});
    let call = app.asks(with(table(), later)).await;
    for tool in [
        "follow_call",
        "cancel_call",
        "accept_offer",
        "resend_events",
    ] {
        let arguments = json!({"id": call.id, "confirm": true, "max_seconds": 0});
        let answer = uses(&app, SECOND, tool, arguments).await;
        let problem = &answer["structuredContent"]["problem"];
        assert_eq!(
            (&answer["isError"], &problem["code"]),
            (&json!(true), &json!("call_not_found")),
            "{tool}"
        );
    }
    let none = uses(&app, SECOND, "list_calls", json!({})).await;
    assert_eq!(none["structuredContent"]["calls"], json!([]));
    let wrong = uses(
        &app,
        FIRST,
        "check_table",
        json!({"name": "", "phone": "12", "confirm": true}),
    )
    .await;
    let errors = wrong["structuredContent"]["problem"]["errors"]
        .as_array()
        .unwrap();
    assert!(errors.len() >= 4, "{errors:?}");
    let unknown = sends(
        &app,
        FIRST,
        "tools/call",
        json!({"name": "nothing", "arguments": {}}),
    )
    .await;
    assert_eq!(unknown[0]["error"]["code"], -32602, "{unknown:?}");
    assert_eq!(call.cancels().await.status, 202);
    let log = app.finish().await;
    assert!(
        log.contains("\"/mcp\"") && !log.contains("Ana"),
        "each request is logged, and no guest"
    );
}

#[tokio::test]
async fn over_standard_input_a_simulated_carrier_needs_no_account() {
    let mut command = crate::process::program(&["mcp"]);
    let program = command
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let dialogue = tokio::task::spawn_blocking(move || converses(program));
    within("the dialogue", dialogue).await.unwrap();
}

/// A call that ends soon, asked for and followed over standard input and output.
fn converses(mut program: Child) {
    let mut input = program.stdin.take().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut asks = |id: u64, method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(input, "{request}").unwrap();
        loop {
            let line = lines.next().unwrap().unwrap();
            let message: Value =
                serde_json::from_str(&line).expect("standard output is the protocol's");
            if message["id"] == id {
                return message["result"].clone();
            }
        }
    };
    let hello = asks(1, "initialize", hello());
    let words = hello["instructions"].as_str().unwrap();
    assert!(words.contains("simulated"), "{words}");
    let wish = crate::pair::next_week("+14155550103");
    let busy = with(wish, json!({"attempts": 1, "confirm": true}));
    let placed = asks(
        2,
        "tools/call",
        json!({"name": "ask_for_table", "arguments": busy}),
    );
    let id = placed["structuredContent"]["id"].clone();
    assert!(id.is_string(), "{placed:#}");
    let follow = json!({"name": "follow_call", "arguments": {"id": id, "max_seconds": 60}});
    let done = asks(3, "tools/call", follow);
    assert!(text(&done).starts_with("NOT BOOKED: busy"), "{done:#}");
    drop(input);
    let ended = program.wait().unwrap();
    assert!(ended.success(), "{ended}");
}
