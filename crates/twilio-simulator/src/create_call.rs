//! Accepts or refuses the making of a call, and puts it into the queue.

use std::sync::Arc;
use std::time::Duration;

use cookie_store::CookieStore;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::addresses::{e164, is_number, is_sip};
use super::call::{
    CallCommand, CallParameters, CallRecord, CallStatus, Detection, Direction, RecordingRequest,
    SidText,
};
use super::faults::Fault;
use super::http_method::HttpMethod;
use super::parameters::FormParameters;
use super::rest_error::RestError;
use super::twiml::DialedPhone;
use super::{Inner, call_course, notifications};

/// Checks the parameters of `POST Calls.json` and makes the call.
pub(super) fn create(sim: &Arc<Inner>, pairs: &[(String, String)]) -> Result<SidText, RestError> {
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
    let parameters = call_parameters(sim, &form)?;
    let mut call = PlacedCall::new(Direction::OutboundApi, parameters, sim.clock.now());
    (call.to, call.from) = (to, from);
    let sid = place(sim, call);
    for (code, message) in form.lints() {
        notifications::notify(sim, &sid, (code, true), message, "");
    }
    Ok(sid)
}

/// Checks the parameters of a call and makes none.
pub(super) fn check(sim: &Inner, pairs: &[(String, String)]) -> Result<(), RestError> {
    let form = FormParameters(pairs);
    parties(sim, &form)?;
    call_parameters(sim, &form).map(drop)
}

/// Makes a call that joins a conference when it is answered; `twiml` is the document for that.
pub(super) fn invited(
    sim: &Arc<Inner>,
    pairs: &[(String, String)],
    (conference_sid, twiml): (&str, String),
) -> Result<SidText, RestError> {
    let form = FormParameters(pairs);
    let (to, from) = parties(sim, &form)?;
    let parameters = CallParameters {
        twiml: Some(twiml),
        invited_to: Some(conference_sid.to_owned()),
        ..call_parameters(sim, &form)?
    };
    let mut call = PlacedCall::new(Direction::OutboundApi, parameters, sim.clock.now());
    (call.to, call.from) = (to, from);
    Ok(place(sim, call))
}

/// Makes a call to one of our numbers.
pub(super) fn inbound(
    sim: &Arc<Inner>,
    from: &str,
    to: &str,
    parameters: CallParameters,
) -> SidText {
    let mut call = PlacedCall::new(Direction::Inbound, parameters, sim.clock.now());
    (call.to, call.from) = (to.to_owned(), from.to_owned());
    place(sim, call)
}

/// A call that a Dial makes.
#[derive(Debug)]
pub(super) struct NewLeg<'a> {
    pub(super) parent: &'a SidText,
    /// `callerId`; without it the parent's own caller is shown.
    pub(super) caller_id: Option<&'a str>,
    pub(super) phone: &'a DialedPhone,
    /// The document that the phone hears before it is connected.
    pub(super) announcement: Option<(HttpMethod, String)>,
    pub(super) callback: Option<(HttpMethod, String)>,
    pub(super) detection: Option<Detection>,
    pub(super) at: Timestamp,
}

/// Makes a call for a Dial.
pub(super) fn dialed(sim: &Arc<Inner>, leg: NewLeg<'_>) -> SidText {
    let parent_from = sim.lock().call(leg.parent).map(|call| call.from.clone());
    let from = leg.caller_id.map(str::to_owned).or(parent_from);
    let (method, url) = match leg.announcement {
        Some((method, url)) => (method, Some(url)),
        None => (HttpMethod::Post, None),
    };
    let parameters = CallParameters {
        url,
        method,
        callback: leg.callback,
        events: if leg.phone.events.is_empty() {
            vec!["completed".to_owned()]
        } else {
            leg.phone.events.clone()
        },
        time_limit: Duration::from_secs(86_400),
        send_digits: leg.phone.send_digits.clone(),
        detection: leg.detection,
        ..CallParameters::default()
    };
    let mut call = PlacedCall::new(Direction::OutboundDial, parameters, leg.at);
    (call.to, call.from) = (leg.phone.address.clone(), from.unwrap_or_default());
    call.parent = Some(leg.parent.clone());
    place(sim, call)
}

/// Both numbers, checked in Twilio's order: To, From, then whether they may be used.
fn parties(sim: &Inner, parameters: &FormParameters<'_>) -> Result<(String, String), RestError> {
    let to = parameters.get("To").ok_or(RestError::NoTo)?;
    let from = parameters.get("From").ok_or(RestError::NoFrom)?;
    let own = e164(from);
    let from = own.as_deref().unwrap_or(from);
    let to = address(to).ok_or_else(|| RestError::BadTo(to.to_owned()))?;
    if !is_number(&to) && !is_number(from) {
        // Phones without a number may see any name as their caller.
        return Ok((to, from.to_owned()));
    }
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

/// A number, `client:…` or `sip:…`.
fn address(number: &str) -> Option<String> {
    let client = number.strip_prefix("client:");
    if client.is_some_and(|identity| !identity.is_empty()) || is_sip(number) {
        return Some(number.to_owned());
    }
    e164(number)
}

fn call_parameters(
    sim: &Inner,
    parameters: &FormParameters<'_>,
) -> Result<CallParameters, RestError> {
    let targets = match parameters.get("ApplicationSid") {
        Some(sid) => application_targets(sim, sid)?,
        None => own_targets(parameters)?,
    };
    let (method, url) = match targets.voice {
        Some((method, url)) => (method, Some(url)),
        None => (HttpMethod::Post, None),
    };
    let send_digits = parameters.send_digits()?;
    let timeout = parameters.timeout()?;
    let time_limit = parameters.seconds("TimeLimit", 14_400, 1..=86_400, |_| {
        RestError::BadParameter("TimeLimit")
    })?;
    Ok(CallParameters {
        url,
        method,
        twiml: targets.twiml,
        fallback: targets.fallback,
        callback: targets.callback,
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
        extra: Vec::new(),
        record: recording(parameters)?,
        invited_to: None,
    })
}

/// The URLs of a call: of its document, its fallback and its status callback.
struct Targets {
    voice: Option<(HttpMethod, String)>,
    twiml: Option<String>,
    fallback: Option<(HttpMethod, String)>,
    callback: Option<(HttpMethod, String)>,
}

fn own_targets(parameters: &FormParameters<'_>) -> Result<Targets, RestError> {
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
    Ok(Targets {
        voice: url.map(|url| (method, url)),
        twiml,
        fallback: fallback.map(|url| (fallback_method, url)),
        callback: callback.map(|url| (callback_method, url)),
    })
}

/// The targets of an application. They go before all others.
fn application_targets(sim: &Inner, sid: &str) -> Result<Targets, RestError> {
    let state = sim.lock();
    let found = state.applications.iter().find(|it| it.sid == sid);
    let found = found.filter(|it| it.voice.is_some());
    let application = found.ok_or_else(|| RestError::BadApplication(sid.to_owned()))?;
    Ok(Targets {
        voice: application.voice.clone(),
        twiml: None,
        fallback: application.fallback.clone(),
        callback: application.callback.clone(),
    })
}

/// `Record` and its companions.
fn recording(parameters: &FormParameters<'_>) -> Result<Option<RecordingRequest>, RestError> {
    let callback = parameters.url("RecordingStatusCallback", RestError::BadUrl)?;
    let method = parameters.method("RecordingStatusCallbackMethod")?;
    if !parameters.is_true("Record") {
        return Ok(None);
    }
    Ok(Some(RecordingRequest {
        source: "OutboundAPI",
        channels: match parameters.get("RecordingChannels") {
            Some("dual") => 2,
            Some(_) | None => 1,
        },
        track: parameters.get("RecordingTrack").map(str::to_owned),
        callback: callback.map(|url| (method, url)),
        events: parameters.all("RecordingStatusCallbackEvent"),
        ..RecordingRequest::default()
    }))
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

/// A call that is about to be made.
struct PlacedCall {
    direction: Direction,
    to: String,
    from: String,
    parent: Option<SidText>,
    parameters: CallParameters,
    at: Timestamp,
}

impl PlacedCall {
    const fn new(direction: Direction, parameters: CallParameters, at: Timestamp) -> Self {
        Self {
            direction,
            to: String::new(),
            from: String::new(),
            parent: None,
            parameters,
            at,
        }
    }
}

/// Notes a call and starts its task.
fn place(sim: &Arc<Inner>, call: PlacedCall) -> SidText {
    let sid: SidText = format!("CA{}", uuid::Uuid::new_v4().simple()).into();
    let (direction, now) = (call.direction, call.at);
    let (inbox, commands) = mpsc::unbounded_channel::<(Timestamp, CallCommand)>();
    let status = if direction == Direction::Inbound {
        CallStatus::Ringing
    } else {
        CallStatus::Queued
    };
    let start_at = sim.change(|state| {
        // Only calls of the REST API wait for their turn.
        let start_at = match direction {
            Direction::OutboundApi => slot(sim, &mut state.next_start, now),
            Direction::Inbound | Direction::OutboundDial => now,
        };
        let order = state.next_order;
        state.next_order += 1;
        let version = state.version;
        state.insert(CallRecord {
            sid: sid.clone(),
            order,
            version,
            to: call.to,
            from: call.from,
            parent: call.parent,
            bridged_with: None,
            direction,
            parameters: call.parameters,
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
            recording: None,
            recorded: None,
            inbox,
        });
        start_at
    });
    call_course::start(sim, &sid, commands, start_at);
    sid
}

/// The time at which the next call may leave the queue, at the configured rate.
fn slot(sim: &Inner, next_start: &mut Timestamp, now: Timestamp) -> Timestamp {
    if sim.config.calls_per_second == 0 {
        return now;
    }
    let start_at = now.max(*next_start);
    let gap = Duration::from_secs(1) / sim.config.calls_per_second;
    *next_start = clock::later(start_at, gap);
    start_at
}
