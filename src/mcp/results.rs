//! Results of tools: a sentence for the model, and the facts behind it.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

/// A result with its sentence.
fn told(text: String, facts: Value) -> CallToolResult {
    let mut result = CallToolResult::structured(facts);
    result.content = vec![ContentBlock::text(text)];
    result
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The result of a check.
pub(super) fn preview(check: &Value, words: &str) -> CallToolResult {
    let verdict = match word(check, "verdict") {
        "allowed" => "It would ring at once.".to_owned(),
        "waits" => format!(
            "It would wait until {}: {}.",
            word(check, "until"),
            word(check, "reason")
        ),
        _ => format!(
            "It would be refused: {} ({}).",
            word(check, "reason"),
            word(check, "code")
        ),
    };
    let script = &check["script"];
    let heard = format!(
        "Staff would hear, in {}, for about {} seconds: {}",
        word(script, "language"),
        script["seconds"],
        word(script, "text")
    );
    let text = format!("{words} {verdict} {heard}");
    told(text, json!({"rung": false, "check": check}))
}

/// The effect of accepting an offer.
pub(super) fn offer(call: &Value) -> CallToolResult {
    let words = match (call["offered_time"].as_str(), call["final"] == true) {
        (Some(time), true) => format!(
            "Nobody was rung. With confirm: true {} is called back and told that the guest takes {time}, and key 1 is asked for.",
            word(&call["reservation"], "phone")
        ),
        (_, _) => "Nobody was rung, and there is no offered time to take: that needs a final call whose outcome is countered.".to_owned(),
    };
    unchanged(call, &words)
}

/// The effect that cancelling a call would have.
pub(super) fn cancellation(call: &Value) -> CallToolResult {
    let words = if call["final"] == true {
        "Nothing was changed, and there is nothing to cancel: this call has ended, and a reservation that it made stands. \
         Only the restaurant itself can undo that."
    } else if call["outcome"].is_string() {
        "Nothing was changed. Staff have answered already, so cancelling comes too late."
    } else {
        "Nothing was changed. With confirm: true this call is cancelled: its phone stops ringing, or whoever is on the line \
         hears that the guest has cancelled."
    };
    unchanged(call, words)
}

/// The effect that sending the events of a call again would have.
pub(super) fn resending(call: &Value) -> CallToolResult {
    let words = if call["reservation"]["callback_url"].is_string() {
        "Nothing was sent. With confirm: true the newest state of this call is posted to its callback_url once more."
    } else {
        "Nothing was sent, and nothing can be: this call has no callback_url."
    };
    unchanged(call, words)
}

/// A call that was only looked at.
fn unchanged(call: &Value, words: &str) -> CallToolResult {
    told(format!("{words} {}", sentence(call)), facts(call))
}

/// A call as it stands.
pub(super) fn called(call: &Value) -> CallToolResult {
    told(sentence(call), facts(call))
}

/// Some calls, newest first.
pub(super) fn listed(page: &Value) -> CallToolResult {
    let calls: Vec<&Value> = page["calls"].as_array().into_iter().flatten().collect();
    let lines = calls
        .iter()
        .map(|call| format!("{}: {}", word(call, "id"), sentence(call)));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        lines.push("No call fits.".to_owned());
    }
    if let Some(cursor) = page["next_cursor"].as_str() {
        lines.push(format!("There are older ones: cursor {cursor}."));
    }
    let facts: Vec<Value> = calls.into_iter().map(facts).collect();
    told(
        lines.join("\n"),
        json!({"calls": facts, "next_cursor": page["next_cursor"]}),
    )
}

/// A problem of the API.
pub(super) fn error(problem: &Value) -> CallToolResult {
    let mut text = format!("{} ({})", word(problem, "detail"), word(problem, "code"));
    for wrong in problem["errors"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\n{} {}",
            word(wrong, "field"),
            word(wrong, "message")
        ));
    }
    let mut result = CallToolResult::structured_error(json!({"problem": problem}));
    result.content = vec![ContentBlock::text(text)];
    result
}

/// The last event, while a call is followed.
pub(super) fn progress(call: &Value) -> String {
    let last = call["timeline"]
        .as_array()
        .and_then(|entries| entries.last());
    let last = last.unwrap_or(&Value::Null);
    let status = word(call, "status").replace('_', " ");
    match word(last, "what").replace('_', " ") {
        what if what.is_empty() => status,
        what => format!("{status}: {what} {}", word(last, "detail"))
            .trim_end()
            .to_owned(),
    }
}

/// The known facts in one place: the outcome, and the proof of it.
fn facts(call: &Value) -> Value {
    json!({
        "id": call["id"], "status": call["status"], "outcome": call["outcome"], "final": call["final"],
        "agreed_time": call["agreed_time"], "offered_time": call["offered_time"],
        "accepts_offer_of": call["accepts_offer_of"], "offer_accepted_by": call["offer_accepted_by"],
        "evidence": evidence(call), "call": call
    })
}

/// The keys and words of the staff with their times, and the attempts at Twilio.
fn evidence(call: &Value) -> Value {
    let entries = |list: &str| call[list].as_array().cloned().unwrap_or_default();
    let answers: Vec<Value> = entries("timeline")
        .into_iter()
        .filter(|entry| {
            matches!(
                word(entry, "what"),
                "key" | "said" | "machine" | "called_back" | "time_typed" | "not_confirmed"
            )
        })
        .collect();
    let attempts: Vec<Value> = entries("attempts")
        .iter()
        .map(|attempt| {
            json!({
                "number": attempt["number"], "twilio_sid": attempt["sid"], "ended_because": attempt["ended_because"],
                "answered_by": attempt["answered_by"], "answered_at": attempt["answered_at"],
                "ended_at": attempt["ended_at"], "duration_seconds": attempt["duration_seconds"]
            })
        })
        .collect();
    json!({"answers": answers, "attempts": attempts})
}

/// The call in one sentence, which claims no more than is known.
fn sentence(call: &Value) -> String {
    let outcome = match word(call, "outcome") {
        "confirmed" => format!("CONFIRMED for {}", word(call, "agreed_time")),
        "rejected" => "DECLINED: there is no table".to_owned(),
        "countered" => format!(
            "NOT BOOKED: the restaurant offers {} instead; accept_offer takes it",
            word(call, "offered_time")
        ),
        "opted_out" => "NOT BOOKED: the restaurant asked not to be called again".to_owned(),
        "" => return not_decided(call),
        other => format!("NOT BOOKED: {}", other.replace('_', " ")),
    };
    let keys: Vec<String> = call["timeline"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| word(entry, "what") == "key")
        .map(|entry| format!("{} at {}", word(entry, "detail"), word(entry, "at")))
        .collect();
    let pressed = if keys.is_empty() {
        "no key was pressed".to_owned()
    } else {
        format!("keys pressed by staff: {}", keys.join(", "))
    };
    let rest = if call["final"] == true {
        "final"
    } else {
        "not final: staff may still change it"
    };
    format!("{outcome} ({pressed}; {rest}).")
}

fn not_decided(call: &Value) -> String {
    let id = word(call, "id");
    match (
        call["waiting_for"].as_str(),
        call["next_attempt_at"].as_str(),
    ) {
        (Some(reason), Some(at)) => format!(
            "No answer yet: call {id} waits for {} until {at}. Follow it with follow_call.",
            reason.replace('_', " ")
        ),
        (_, _) => format!(
            "No answer yet: call {id} is {}. Follow it with follow_call.",
            word(call, "status").replace('_', " ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_confirmation_is_called_one() {
        let call = |outcome: Value| {
            json!({
                "id": "1", "status": "finished", "outcome": outcome, "final": true, "agreed_time": "2027-06-18T19:30",
                "offered_time": "2027-06-18T20:15", "timeline": [{"at": "T", "what": "key", "detail": "1"}], "attempts": []
            })
        };
        let confirmed = sentence(&call(json!("confirmed")));
        assert_eq!(
            confirmed,
            "CONFIRMED for 2027-06-18T19:30 (keys pressed by staff: 1 at T; final)."
        );
        for other in [
            "rejected",
            "countered",
            "machine",
            "no_answer",
            "unknown",
            "opted_out",
        ] {
            let told = sentence(&call(json!(other)));
            assert!(!told.contains("CONFIRMED"), "{told}");
        }
        assert!(sentence(&call(Value::Null)).contains("No answer yet"));
        assert_eq!(
            facts(&call(json!("confirmed")))["evidence"]["answers"][0]["detail"],
            "1"
        );
    }

    #[test]
    fn a_problem_names_each_field() {
        let result = error(&crate::mcp::wrong_argument("id", "required", "is required"));
        assert_eq!(result.is_error, Some(true));
        let text = serde_json::to_value(&result.content).unwrap();
        assert_eq!(
            text[0]["text"],
            "One field is wrong. (invalid_request)\nid is required"
        );
    }
}
