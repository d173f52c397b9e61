//! One example for each answer: the story of one reservation, the same in all of them.

use serde_json::{Value, json};

use crate::http::problem::{Code, Failure};

/// The id of the call in all examples.
pub(super) const ID: &str = "01a20363-2c5e-70d3-8d1c-9c1f3a2ad1f5";
const REQUEST_ID: &str = "Zl2p0V7mSxq1m3ZQ7bqgkA";

/// The call as it is answered to the create: the phone is about to ring.
pub(super) fn placed() -> Value {
    json!({
        "id": ID,
        "version": 3,
        "status": "dialing",
        "outcome": null,
        "final": false,
        "reservation": {
            "name": "Ana García",
            "name_pronounced": null,
            "name_reading": null,
            "phone": "+14155550101",
            "time": "2027-06-18T19:30",
            "party_size": 4,
            "restaurant": null,
            "guest_phone": null,
            "guest_extension": null,
            "notes": null,
            "notes_language": null,
            "language": "en-US",
            "language_source": "number",
            "country": "US",
            "timezone": "America/Los_Angeles",
            "opening_hours": null,
            "extension": null,
            "alternatives": null,
            "not_before": null,
            "give_up_at": "2027-06-18T19:00:00.000Z",
            "attempts": 3,
            "voicemail": "hang_up",
            "callback_url": null
        },
        "agreed_time": null,
        "offered_time": null,
        "attempts": [attempt()],
        "next_attempt_at": null,
        "waiting_for": null,
        "timeline": [
            happened("00.000", "created", None),
            happened("00.000", "dialed", Some("attempt 1")),
            happened("00.210", "accepted", None)
        ],
        "created_at": "2027-06-17T19:00:00.000Z",
        "updated_at": "2027-06-17T19:00:00.210Z"
    })
}

fn attempt() -> Value {
    json!({
        "number": 1,
        "sid": "CA0123456789abcdef0123456789abcdef",
        "status": "queued",
        "ended_because": null,
        "twilio_code": null,
        "advice": null,
        "twilio_status": null,
        "sip_code": null,
        "answered_by": null,
        "started_at": "2027-06-17T19:00:00.000Z",
        "answered_at": null,
        "ended_at": null,
        "duration_seconds": null
    })
}

/// An entry of the timeline, at a second of the minute in which all happens.
fn happened(second: &str, what: &str, detail: Option<&str>) -> Value {
    json!({"at": format!("2027-06-17T19:00:{second}Z"), "what": what, "detail": detail})
}

/// The call when it is over: the staff pressed 1.
pub(super) fn confirmed() -> Value {
    let mut call = placed();
    let more = [
        happened("03.100", "ringing", None),
        happened("07.400", "answered", None),
        happened("07.400", "greeted", Some("attempt 1")),
        happened("25.000", "key", Some("1")),
        happened("31.000", "ended", Some("confirmed")),
        happened("31.000", "finished", Some("confirmed")),
    ];
    if let Some(timeline) = call["timeline"].as_array_mut() {
        timeline.extend(more);
    }
    for (field, value) in [
        ("version", json!(10)),
        ("status", json!("finished")),
        ("outcome", json!("confirmed")),
        ("final", json!(true)),
        ("agreed_time", json!("2027-06-18T19:30")),
        ("updated_at", json!("2027-06-17T19:00:31.000Z")),
    ] {
        call[field] = value;
    }
    for (field, value) in [
        ("status", json!("ended")),
        ("ended_because", json!("confirmed")),
        ("twilio_status", json!("completed")),
        ("sip_code", json!(200)),
        ("answered_by", json!("voice")),
        ("answered_at", json!("2027-06-17T19:00:07.400Z")),
        ("ended_at", json!("2027-06-17T19:00:31.000Z")),
        ("duration_seconds", json!(24)),
    ] {
        call["attempts"][0][field] = value;
    }
    call
}

/// The call when its guest no longer wanted it, while the phone rang.
fn canceled() -> Value {
    let mut call = placed();
    let more = [
        happened("03.100", "ringing", None),
        happened("05.000", "canceled", None),
    ];
    if let Some(timeline) = call["timeline"].as_array_mut() {
        timeline.extend(more);
    }
    call["version"] = json!(6);
    call["status"] = json!("ringing");
    call["outcome"] = json!("canceled");
    call["updated_at"] = json!("2027-06-17T19:00:05.000Z");
    call["attempts"][0]["status"] = json!("ringing");
    call
}

/// The call that takes an offered time.
fn accepting() -> Value {
    let mut call = placed();
    call["id"] = json!("01a20364-1a2b-7c3d-8e4f-5a6b7c8d9e0f");
    call["reservation"]["time"] = json!("2027-06-18T20:15");
    call["accepts_offer_of"] = json!(ID);
    call
}

/// A call whose events are being sent once more.
fn resent() -> Value {
    let mut call = confirmed();
    call["reservation"]["callback_url"] = json!("https://app.example.com/tablecall");
    call["delivery"] = json!({
        "status": "pending",
        "version": 10,
        "tries": 0,
        "last_attempt_at": "2027-06-17T19:00:31.120Z",
        "next_attempt_at": "2027-06-17T19:05:00.000Z",
        "last_error": null
    });
    call
}

/// The example of the answer of an operation; `None` where it is no JSON.
pub(super) fn answer(operation: &str) -> Option<Value> {
    Some(match operation {
        "create_call" => placed(),
        "list_calls" => json!({"calls": [confirmed()], "next_cursor": ID}),
        "get_call" => confirmed(),
        "accept_call" => accepting(),
        "cancel_call" => canceled(),
        "resend_events" => resent(),
        "check_call" => json!({
            "verdict": "allowed",
            "code": null,
            "reason": null,
            "until": null,
            "script": {
                "language": "en-US",
                "seconds": 22,
                "text": "Hello. This is an automated call from Tablecall, on behalf of a guest. I would like to \
                         book a table on Friday, June 18 at 7:30 PM, for 4 people. Name: Ana García. To accept, press 1. \
                         To decline, press 2. To hear it again, press star."
            }
        }),
        _ => return None,
    })
}

/// A stream of a call that is over.
pub(super) fn stream() -> String {
    format!("id: 10\nevent: call\ndata: {}\n\n", confirmed())
}

/// The entry of a calendar.
pub(super) fn calendar() -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tablecall//Tablecall//EN\r\nBEGIN:VEVENT\r\nUID:{ID}@tablecall\r\n\
         DTSTAMP:20270617T190031Z\r\nDTSTART;TZID=America/Los_Angeles:20270618T193000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// The event that a call is over.
pub(super) fn event() -> Value {
    let mut call = confirmed();
    call["reservation"]["callback_url"] = json!("https://app.example.com/tablecall");
    json!({"type": "call.finished", "timestamp": call["updated_at"], "data": call})
}

/// A problem with this code.
pub(super) fn problem(code: Code) -> Value {
    let mut problem =
        Failure::new(code, format!("{}. {}", code.title(), code.advice())).body(REQUEST_ID);
    if code == Code::InvalidRequest {
        problem["detail"] = json!("One field is wrong.");
        problem["errors"] = json!([{
            "field": "party_size", "code": "out_of_range", "message": "must be 1 to 99"
        }]);
    } else if code == Code::DuplicateCall {
        problem["call_id"] = json!(ID);
    } else if code == Code::TimezoneNeeded {
        problem["timezones"] = json!(["America/New_York", "America/Chicago", "America/Denver"]);
    } else if code == Code::CallRefused {
        problem["twilio_code"] = json!(21_215);
        problem["twilio_message"] = json!("Account not authorized to call that number");
    }
    problem
}
