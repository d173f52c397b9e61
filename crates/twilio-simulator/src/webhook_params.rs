//! The parameters of the requests of a call. Nothing here sends.

use jiff::Timestamp;

use super::Inner;
use super::call::CallRecord;
use super::http_method::HttpMethod;
use super::moments::rfc2822;

/// A request to the service.
#[derive(Clone, Debug)]
pub(super) struct WebhookRequest {
    pub(super) call_sid: String,
    /// `voice`, `status`, `amd`.
    pub(super) kind: &'static str,
    pub(super) method: HttpMethod,
    pub(super) url: String,
    pub(super) params: Vec<(String, String)>,
    /// One for all attempts at one request.
    pub(super) token: String,
}

/// The parameters of a status callback.
pub(super) fn status_params(
    sim: &Inner,
    call: &CallRecord,
    (sequence, at): (u32, Timestamp),
) -> Vec<(String, String)> {
    let mut params = pairs(&[
        ("ApiVersion", "2010-04-01"),
        ("AccountSid", &sim.config.account_sid),
        ("CallSid", &call.sid),
        ("CallStatus", call.status.word()),
        ("Called", &call.to),
        ("Caller", &call.from),
        ("CallbackSource", "call-progress-events"),
        ("Direction", call.direction.word()),
        ("From", &call.from),
        ("SequenceNumber", &sequence.to_string()),
        ("Timestamp", &rfc2822(at)),
        ("To", &call.to),
    ]);
    if let Some(seconds) = call.duration_seconds() {
        params.extend(pairs(&[
            ("CallDuration", &seconds.to_string()),
            ("Duration", &((seconds + 59) / 60).to_string()),
            ("SipResponseCode", &call.sip_code.unwrap_or(200).to_string()),
        ]));
    }
    if let Some(parent) = &call.parent {
        params.extend(pairs(&[("ParentCallSid", parent)]));
    }
    if let Some(recording) = &call.recorded {
        params.extend(recording.iter().cloned());
    }
    if let Some(verdict) = &call.answered_by {
        params.extend(pairs(&[("AnsweredBy", verdict)]));
    }
    params
}

/// The parameters of every request for a document, the empty geographic ones among
/// them.
pub(super) fn voice_params(sim: &Inner, call: &CallRecord) -> Vec<(String, String)> {
    let mut params = pairs(&[
        ("AccountSid", &sim.config.account_sid),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", &call.sid),
        ("CallStatus", call.status.word()),
        ("Called", &call.to),
        ("Caller", &call.from),
        ("Direction", call.direction.word()),
        ("From", &call.from),
        ("To", &call.to),
    ]);
    for party in ["Called", "Caller", "From", "To"] {
        let number = if matches!(party, "Called" | "To") {
            &call.to
        } else {
            &call.from
        };
        let country = if number.starts_with("+1") { "US" } else { "" };
        for (field, value) in [
            ("City", ""),
            ("State", ""),
            ("Zip", ""),
            ("Country", country),
        ] {
            params.push((format!("{party}{field}"), value.to_owned()));
        }
    }
    if let Some(parent) = &call.parent {
        params.extend(pairs(&[("ParentCallSid", parent)]));
    }
    for (name, value) in &call.parameters.extra {
        match params.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => params.push((name.clone(), value.clone())),
        }
    }
    params
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A request of this call.
pub(super) fn outgoing(
    call: &CallRecord,
    kind: &'static str,
    (method, url): &(HttpMethod, String),
    params: Vec<(String, String)>,
) -> WebhookRequest {
    WebhookRequest {
        call_sid: call.sid.to_string(),
        kind,
        method: *method,
        url: url.clone(),
        params,
        token: uuid::Uuid::new_v4().to_string(),
    }
}
