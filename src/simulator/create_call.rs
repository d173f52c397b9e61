//! Accepts or refuses the making of a call, and puts it into the queue.

use std::sync::Arc;
use std::time::Duration;

use cookie_store::CookieStore;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Inner;
use super::call::{
    Call, CallCommand, CallParameters, Detection, Direction, HttpMethod, Sid, Status,
};
use super::faults::Fault;
use super::parameters::{FormParameters, is_number};
use super::rest_error::RestError;
use super::{notifications, simulated_call};

/// Checks the parameters of `POST Calls.json` and makes the call.
pub(super) fn create(sim: &Arc<Inner>, pairs: &[(String, String)]) -> Result<Sid, RestError> {
    let form = FormParameters(pairs);
    if sim.config.trial {
        form.trial()?;
    }
    let (to, from) = parties(sim, &form)?;
    if form.get("StatusCallback").is_some()
        && sim
            .trigger(Fault::TrialNoCallback, &to, &["rest"])
            .is_some()
    {
        return Err(RestError::TrialParameter);
    }
    let parameters = call_parameters(&form)?;
    let sid = place(sim, Direction::OutboundApi, (to, from), parameters);
    for (code, message) in form.lints() {
        notifications::notify(sim, &sid, (code, true), message, "");
    }
    Ok(sid)
}

/// Makes a call to one of our numbers.
pub(super) fn inbound(sim: &Arc<Inner>, from: &str, to: &str, parameters: CallParameters) -> Sid {
    place(
        sim,
        Direction::Inbound,
        (to.to_owned(), from.to_owned()),
        parameters,
    )
}

/// Both numbers, checked in Twilio's order: To, From, then whether they may be used.
fn parties(sim: &Inner, parameters: &FormParameters<'_>) -> Result<(String, String), RestError> {
    let to = parameters.get("To").ok_or(RestError::NoTo)?;
    let from = parameters.get("From").ok_or(RestError::NoFrom)?;
    let to = e164(to).ok_or_else(|| RestError::BadTo(to.to_owned()))?;
    if from == "+15005550001" || !is_number(from) {
        return Err(RestError::BadFrom(from.to_owned()));
    }
    let owned = &sim.config.owned_numbers;
    if from != "+15005550006" && !owned.is_empty() && !owned.iter().any(|number| number == from) {
        return Err(RestError::FromNotOurs(from.to_owned()));
    }
    match to.as_str() {
        "+15005550001" => Err(RestError::InvalidNumber(to)),
        "+15005550002" => Err(RestError::Unreachable(to)),
        "+15005550003" => Err(RestError::NotPermitted(to)),
        "+15005550004" => Err(RestError::NotAllowed(to)),
        _ if to == from => Err(RestError::BadTo(to)),
        _ => Ok((to, from.to_owned())),
    }
}

/// Unformatted US numbers are tolerated.
fn e164(number: &str) -> Option<String> {
    if number.len() == 10 && number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(format!("+1{number}"));
    }
    is_number(number).then(|| number.to_owned())
}

fn call_parameters(parameters: &FormParameters<'_>) -> Result<CallParameters, RestError> {
    let url = parameters.url("Url", RestError::BadUrl)?;
    let twiml = parameters.twiml()?;
    if url.is_none() && twiml.is_none() {
        return Err(RestError::BadUrl(String::new()));
    }
    let method = parameters.method("Method")?;
    let fallback = parameters.url("FallbackUrl", RestError::BadUrl)?;
    let fallback_method = parameters.method("FallbackMethod")?;
    let callback = parameters.url("StatusCallback", RestError::BadStatusCallback)?;
    let callback_method = parameters.method("StatusCallbackMethod")?;
    let send_digits = parameters.send_digits()?;
    let timeout = parameters.timeout()?;
    let time_limit = parameters.seconds("TimeLimit", 14_400, 1..=86_400, |_| {
        RestError::BadParameter("TimeLimit")
    })?;
    Ok(CallParameters {
        url,
        method,
        twiml,
        fallback: fallback.map(|url| (fallback_method, url)),
        callback: callback.map(|url| (callback_method, url)),
        events: parameters.events(),
        timeout,
        time_limit,
        // Digits to send rule machine detection out.
        detection: if send_digits.is_empty() {
            detection(parameters)?
        } else {
            None
        },
        send_digits,
        stir_verstat: None,
    })
}

fn detection(parameters: &FormParameters<'_>) -> Result<Option<Detection>, RestError> {
    let message_end = match parameters.get("MachineDetection") {
        None => return Ok(None),
        Some("Enable") => false,
        Some("DetectMessageEnd") => true,
        Some(_) => return Err(RestError::BadDetection("MachineDetection")),
    };
    for (name, range) in [
        ("MachineDetectionSpeechThreshold", 1_000..=6_000),
        ("MachineDetectionSpeechEndThreshold", 500..=5_000),
        ("MachineDetectionSilenceTimeout", 2_000..=10_000),
    ] {
        parameters.seconds(name, 2_000, range, |_| RestError::BadDetection(name))?;
    }
    let timeout = parameters.seconds("MachineDetectionTimeout", 30, 3..=59, |_| {
        RestError::BadDetection("MachineDetectionTimeout")
    })?;
    let callback = parameters.url("AsyncAmdStatusCallback", RestError::BadUrl)?;
    let callback_method: HttpMethod = parameters.method("AsyncAmdStatusCallbackMethod")?;
    Ok(Some(Detection {
        message_end,
        asynchronous: parameters.is_true("AsyncAmd"),
        timeout,
        callback: callback.map(|url| (callback_method, url)),
    }))
}

/// Enters a call into the books and lets its line live.
fn place(
    sim: &Arc<Inner>,
    direction: Direction,
    (to, from): (String, String),
    parameters: CallParameters,
) -> Sid {
    let sid: Sid = format!("CA{}", uuid::Uuid::new_v4().simple()).into();
    let now = sim.clock.now();
    let (inbox, commands) = mpsc::unbounded_channel::<(Timestamp, CallCommand)>();
    let status = if direction == Direction::Inbound {
        Status::Ringing
    } else {
        Status::Queued
    };
    let start_at = sim.change(|state| {
        let start_at = if direction == Direction::Inbound {
            now
        } else {
            slot(sim, &mut state.next_start, now)
        };
        let order = state.next_order;
        state.next_order += 1;
        let version = state.version;
        state.insert(Call {
            sid: sid.clone(),
            order,
            version,
            to,
            from,
            direction,
            parameters,
            status,
            history: vec![(now, status)],
            created_at: now,
            dialed_at: None,
            answered_at: None,
            ended_at: None,
            queue_time: Duration::try_from(start_at.duration_since(now)).unwrap_or_default(),
            answered_by: None,
            sip_code: None,
            sequence: 0,
            transcript: Vec::new(),
            saying: false,
            gather: None,
            verbs: Vec::new(),
            digits: Vec::new(),
            webhooks: Vec::new(),
            events: Vec::new(),
            notifications: Vec::new(),
            cookies: CookieStore::default(),
            inbox,
        });
        start_at
    });
    simulated_call::start(sim, &sid, commands, start_at);
    sid
}

/// When the queue lets the next call go, one after the other at so many a second.
fn slot(sim: &Inner, next_start: &mut Timestamp, now: Timestamp) -> Timestamp {
    if sim.config.calls_per_second == 0 {
        return now;
    }
    let start_at = now.max(*next_start);
    let gap = Duration::from_secs(1) / sim.config.calls_per_second;
    *next_start = start_at.saturating_add(gap).unwrap_or(Timestamp::MAX);
    start_at
}
