//! REST representations of calls and what hangs on them. It decides
//! nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::call::{CallRecord, CallStatus, Notification};
use super::moments::rfc2822;

/// The parts of a representation that are not in the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallSnapshot<'a> {
    pub(super) account_sid: &'a str,
    pub(super) now: Timestamp,
    /// The status to show, which lags behind under the fault `list_stale`.
    pub(super) status: CallStatus,
    /// The answer to a create, in which real logs show no dates yet.
    pub(super) fresh: bool,
}

/// Path of a call without its suffix.
pub(super) fn path(account_sid: &str, sid: &str) -> String {
    format!("/2010-04-01/Accounts/{account_sid}/Calls/{sid}")
}

/// A call as a resource.
pub(super) fn call(call: &CallRecord, seen: CallSnapshot<'_>) -> Value {
    let path = path(seen.account_sid, &call.sid);
    let ended = seen.status.has_ended();
    let date = |at: Option<Timestamp>| at.filter(|_| !seen.fresh).map(rfc2822);
    let changed_at = call.history.last().map(|(at, _)| *at);
    json!({
        "sid": &*call.sid,
        "date_created": date(Some(call.created_at)),
        "date_updated": date(changed_at),
        "parent_call_sid": call.parent.as_deref(),
        "account_sid": seen.account_sid,
        "to": call.to,
        "to_formatted": formatted(&call.to),
        "from": call.from,
        "from_formatted": formatted(&call.from),
        "phone_number_sid": format!("PN{}", "0".repeat(32)),
        "status": seen.status.rest_word(),
        "start_time": date(call.started_at().filter(|_| seen.status.rest_word() != "queued")),
        "end_time": date(call.ended_at.filter(|_| ended)),
        "duration": call.duration_seconds().filter(|_| ended).map(|seconds| seconds.to_string()),
        "price": price(call, seen.now).filter(|_| ended),
        "price_unit": "USD",
        "direction": call.direction.word(),
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "forwarded_from": null,
        "group_sid": null,
        "caller_name": null,
        "queue_time": call.queue_time.as_millis().to_string(),
        "trunk_sid": null,
        "uri": format!("{path}.json"),
        "subresource_uris": subresources(&path),
    })
}

/// Known about a minute after the end only.
fn price(call: &CallRecord, now: Timestamp) -> Option<String> {
    let ended_at = call.ended_at?;
    let minutes = (call.duration_seconds()? + 59) / 60;
    let known = now.duration_since(ended_at) >= SignedDuration::from_secs(60);
    known.then(|| {
        format!(
            "-{}.{:05}",
            minutes * 1_400 / 100_000,
            minutes * 1_400 % 100_000
        )
    })
}

fn subresources(path: &str) -> Value {
    let uri = |name: &str| format!("{path}/{name}.json");
    json!({
        "notifications": uri("Notifications"),
        "recordings": uri("Recordings"),
        "payments": uri("Payments"),
        "events": uri("Events"),
        "siprec": uri("Siprec"),
        "streams": uri("Streams"),
        "transcriptions": uri("Transcriptions"),
        "user_defined_message_subscriptions": uri("UserDefinedMessageSubscriptions"),
        "user_defined_messages": uri("UserDefinedMessages"),
    })
}

/// US numbers are shown in their national form, others as they are.
fn formatted(number: &str) -> String {
    match number
        .strip_prefix("+1")
        .filter(|rest| rest.len() == 10 && rest.is_ascii())
    {
        Some(digits) => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        None => number.to_owned(),
    }
}

/// A notification; `whole`: as it is shown alone.
pub(super) fn notification(
    account_sid: &str,
    call: &CallRecord,
    notification: &Notification,
    whole: bool,
) -> Value {
    let path = path(account_sid, &call.sid);
    let date = rfc2822(notification.at);
    let mut shown = json!({
        "sid": notification.sid,
        "account_sid": account_sid,
        "call_sid": &*call.sid,
        "api_version": "2010-04-01",
        "log": if notification.warning { "1" } else { "0" },
        "error_code": notification.code.to_string(),
        "message_text": notification.message,
        "message_date": date,
        "date_created": date,
        "date_updated": date,
        "more_info": format!("https://www.twilio.com/docs/errors/{}", notification.code),
        "request_method": "POST",
        "request_url": notification.url,
        "uri": format!("{path}/Notifications/{}.json", notification.sid),
    });
    if whole {
        for name in ["request_variables", "response_headers", "response_body"] {
            shown[name] = json!("");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn american_numbers_are_formatted_and_others_are_not() {
        assert_eq!(formatted("+15557654321"), "(555) 765-4321");
        assert_eq!(formatted("+442071838750"), "+442071838750");
    }
}
