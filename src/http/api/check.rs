//! The answer of `POST /api/call/check`.

use poem_openapi::Object;
use serde::Serialize;

use super::enums::{ApiEnum, CheckCode, Instant, Verdict};
use crate::call::WaitingFor;
use crate::http::problem::code_of;
use crate::policy::PolicyVerdict;
use crate::service::Check;

/// What a create would do, and what staff would hear.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Check")]
pub(in crate::http) struct CheckView {
    /// Whether it would ring.
    verdict: ApiEnum<Verdict>,
    /// Why not, as the code of the problem a create would get, or the word of `waiting_for`.
    code: Option<ApiEnum<CheckCode>>,
    /// The same for people.
    reason: Option<String>,
    /// Until when it would wait.
    until: Option<Instant>,
    /// With `timezone_needed`: the zones that are possible, the most likely first; empty: all.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    timezones: Option<Vec<String>>,
    /// What staff would hear.
    script: ScriptView,
}

/// What staff would hear.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Script")]
pub(in crate::http) struct ScriptView {
    /// The language.
    language: String,
    /// About how long it takes to say.
    seconds: u32,
    /// The words.
    text: String,
}

impl CheckView {
    pub(in crate::http) fn of(check: Check) -> Self {
        let (verdict, code, reason, until) = match check.verdict {
            PolicyVerdict::Allowed => ("allowed", None, None, None),
            PolicyVerdict::Waits { reason, until } => (
                "waits",
                Some(CheckCode::Waits(reason)),
                Some(waits(reason).to_owned()),
                Some(until),
            ),
            PolicyVerdict::Blocked(refusal) => (
                "blocked",
                Some(CheckCode::Blocked(code_of(&refusal))),
                Some(refusal.to_string()),
                None,
            ),
        };
        let script = check.script;
        let timezones = check
            .possible_zones
            .map(|zones| zones.into_iter().map(str::to_owned).collect());
        Self {
            timezones,
            verdict: ApiEnum(Verdict(verdict)),
            code: code.map(ApiEnum),
            reason,
            until: until.map(Instant),
            script: ScriptView {
                language: script.language.to_string(),
                seconds: script.seconds,
                text: script.text,
            },
        }
    }
}

const fn waits(reason: WaitingFor) -> &'static str {
    match reason {
        WaitingFor::Slot => "other calls are started first",
        WaitingFor::CallHours => "the restaurant may not be called at this hour",
        WaitingFor::NotBefore => "`not_before` has not come yet",
        WaitingFor::LiveCall => "another call to this number is under way",
        WaitingFor::Limit => "this number was called often enough for now",
        WaitingFor::Retry => "the pause before the next attempt",
        WaitingFor::Callback => "the restaurant is expected to call back",
        WaitingFor::Carrier => "Twilio takes no calls at the moment",
    }
}
