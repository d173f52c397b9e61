//! Accounts, numbers, applications, recordings, conferences and queues on the REST side.

use std::sync::Arc;

use serde_json::{Value, json};

use super::conferences::{Conference, Participant};
use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::paging::PageQuery;
use super::parameters::FormParameters;
use super::queueing::CallQueue;
use super::recordings::Recording;
use super::rest_error::RestError;
use super::rest_request::{RestAnswer, RestRequest};
use super::{Inner, conferences, form, recordings};

/// An application: the URLs of the calls that are made with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Application {
    /// `AP…`
    pub(super) sid: String,
    pub(super) created_at: jiff::Timestamp,
    pub(super) friendly_name: String,
    pub(super) voice: Option<(HttpMethod, String)>,
    pub(super) fallback: Option<(HttpMethod, String)>,
    pub(super) callback: Option<(HttpMethod, String)>,
}

type Answered = Result<RestAnswer, RestError>;

fn base(sim: &Inner) -> String {
    format!("/2010-04-01/Accounts/{}", sim.config.account_sid)
}

fn list(request: &RestRequest<'_>, name: &str, items: Vec<(String, Value)>) -> Answered {
    let page = PageQuery::of(request.path, &request.query)?;
    Ok(RestAnswer::list(page.envelope(name, items)))
}

/// The sid of a representation, by which pages follow one another.
fn with_sid(value: Value) -> (String, Value) {
    let sid = value["sid"].as_str().unwrap_or_default().to_owned();
    (sid, value)
}

pub(super) fn account(sim: &Inner) -> Value {
    let sid = &sim.config.account_sid;
    let uri = |name: &str| format!("{}/{name}.json", base(sim));
    let date = rfc2822(sim.started_at);
    json!({
        "sid": sid,
        "friendly_name": "Simulated account",
        "status": "active",
        "type": if sim.config.trial { "Trial" } else { "Full" },
        "auth_token": "",
        "owner_account_sid": sid,
        "date_created": date,
        "date_updated": date,
        "uri": format!("{}.json", base(sim)),
        "subresource_uris": {
            "applications": uri("Applications"),
            "available_phone_numbers": uri("AvailablePhoneNumbers"),
            "balance": uri("Balance"),
            "calls": uri("Calls"),
            "conferences": uri("Conferences"),
            "incoming_phone_numbers": uri("IncomingPhoneNumbers"),
            "messages": uri("Messages"),
            "notifications": uri("Notifications"),
            "outgoing_caller_ids": uri("OutgoingCallerIds"),
            "queues": uri("Queues"),
            "recordings": uri("Recordings"),
            "transcriptions": uri("Transcriptions"),
            "usage": uri("Usage"),
        },
    })
}

pub(super) fn accounts(sim: &Inner, request: &RestRequest<'_>) -> Answered {
    list(request, "accounts", vec![with_sid(account(sim))])
}

/// `IncomingPhoneNumbers`, all of them or one.
pub(super) fn numbers(sim: &Inner, request: &RestRequest<'_>, sid: Option<&str>) -> Answered {
    let wanted = form::first(&request.query, "PhoneNumber");
    let magic = ["+15005550006".to_owned()];
    let owned = if sim.config.owned_numbers.is_empty() {
        &magic[..]
    } else {
        &sim.config.owned_numbers
    };
    let date = rfc2822(sim.started_at);
    let items = owned.iter().enumerate().map(|(at, number)| {
        let sid = format!("PN{at:032x}");
        let uri = format!("{}/IncomingPhoneNumbers/{sid}.json", base(sim));
        json!({
            "sid": sid, "account_sid": sim.config.account_sid, "phone_number": number,
            "friendly_name": number, "date_created": date, "date_updated": date,
            "capabilities": {"voice": true, "sms": false, "mms": false, "fax": false},
            "voice_url": sim.config.voice_url.as_deref().unwrap_or_default(),
            "voice_method": "POST", "status": "in-use", "api_version": "2010-04-01", "uri": uri,
        })
    });
    let fits = |item: &Value| {
        wanted.is_none_or(|wanted| item["phone_number"] == wanted)
            && sid.is_none_or(|sid| item["sid"] == sid)
    };
    let mut items: Vec<_> = items.filter(fits).map(with_sid).collect();
    match (sid, items.pop()) {
        (None, last) => {
            items.extend(last);
            list(request, "incoming_phone_numbers", items)
        }
        (Some(_), Some((_, one))) => Ok(RestAnswer::one("IncomingPhoneNumber", one)),
        (Some(_), None) => Err(request.not_found()),
    }
}

fn application(sim: &Inner, application: &Application) -> Value {
    let url = |target: &Option<(HttpMethod, String)>| {
        target
            .as_ref()
            .map(|(_, url)| url.clone())
            .unwrap_or_default()
    };
    let method = |target: &Option<(HttpMethod, String)>| {
        target.as_ref().map_or("POST", |(method, _)| method.word())
    };
    let date = rfc2822(application.created_at);
    json!({
        "sid": application.sid, "account_sid": sim.config.account_sid,
        "friendly_name": application.friendly_name, "api_version": "2010-04-01",
        "date_created": date, "date_updated": date,
        "voice_url": url(&application.voice), "voice_method": method(&application.voice),
        "voice_fallback_url": url(&application.fallback),
        "voice_fallback_method": method(&application.fallback),
        "status_callback": url(&application.callback),
        "status_callback_method": method(&application.callback),
        "voice_caller_id_lookup": false,
        "uri": format!("{}/Applications/{}.json", base(sim), application.sid),
    })
}

/// `Applications`: lists, makes, changes and deletes them.
pub(super) fn applications(sim: &Inner, request: &RestRequest<'_>, sid: Option<&str>) -> Answered {
    if let (None, true) = (sid, request.is_get()) {
        let name = form::first(&request.query, "FriendlyName");
        let state = sim.lock();
        let all = state.applications.iter().rev();
        let fitting = all.filter(|it| name.is_none_or(|name| it.friendly_name == name));
        let items = fitting.map(|it| with_sid(application(sim, it))).collect();
        return list(request, "applications", items);
    }
    let parameters = FormParameters(&request.form);
    let now = sim.clock.now();
    let mut changed = match sid {
        None => Application {
            sid: format!("AP{}", uuid::Uuid::new_v4().simple()),
            created_at: now,
            ..Application::default()
        },
        Some(sid) => {
            let state = sim.lock();
            let mut all = state.applications.iter();
            let found = all.find(|it| it.sid == sid);
            found.cloned().ok_or_else(|| request.not_found())?
        }
    };
    if request.is_get() {
        return Ok(RestAnswer::one("Application", application(sim, &changed)));
    }
    if request.is_post() {
        if let Some(name) = parameters.get("FriendlyName") {
            name.clone_into(&mut changed.friendly_name);
        }
        for (name, method, target) in [
            ("VoiceUrl", "VoiceMethod", &mut changed.voice),
            (
                "VoiceFallbackUrl",
                "VoiceFallbackMethod",
                &mut changed.fallback,
            ),
            (
                "StatusCallback",
                "StatusCallbackMethod",
                &mut changed.callback,
            ),
        ] {
            let method = parameters.method(method)?;
            if let Some(url) = parameters.url(name, RestError::BadUrl)? {
                *target = Some((method, url));
            }
        }
    }
    sim.change(|state| {
        state.applications.retain(|it| it.sid != changed.sid);
        if request.is_post() {
            state.applications.push(changed.clone());
        }
    });
    let body = application(sim, &changed);
    Ok(match (request.is_post(), sid) {
        (true, None) => RestAnswer::created("Application", body),
        (true, Some(_)) => RestAnswer::one("Application", body),
        (false, _) => RestAnswer::deleted(),
    })
}

fn recording(sim: &Inner, recording: &Recording) -> Value {
    let uri = format!("{}/Recordings/{}", base(sim), recording.sid);
    let date = rfc2822(recording.started_at);
    let length = recording.length.map(|_| recording.seconds().to_string());
    json!({
        "sid": recording.sid, "account_sid": sim.config.account_sid,
        "call_sid": recording.call_sid, "conference_sid": recording.conference_sid, "api_version": "2010-04-01",
        "status": recording.status, "source": recording.source, "channels": recording.channels,
        "duration": length, "start_time": date, "date_created": date, "date_updated": date,
        "price": null, "price_unit": "USD", "error_code": null, "encryption_details": null,
        "media_url": recordings::url(sim, &recording.sid),
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "transcriptions": format!("{uri}/Transcriptions.json"),
            "add_on_results": format!("{uri}/AddOnResults.json"),
        },
    })
}

/// `Recordings` of the account, or of one call or conference; newest first.
pub(super) fn recordings_list(
    sim: &Inner,
    request: &RestRequest<'_>,
    parent: Option<&str>,
) -> Answered {
    let filter = |name| form::first(&request.query, name);
    let wanted = [parent, filter("CallSid"), filter("ConferenceSid")];
    let state = sim.lock();
    let is_known =
        |sid| state.call(sid).is_some() || state.conferences.iter().any(|it| it.sid == sid);
    if parent.is_some_and(|sid| !is_known(sid)) {
        return Err(request.not_found());
    }
    let belongs = |it: &Recording, sid: &str| match &it.conference_sid {
        Some(conference) => conference == sid,
        None => it.call_sid == sid,
    };
    let fits = |it: &&Recording| wanted.iter().flatten().all(|sid| belongs(it, sid));
    let fitting = state.recordings.iter().rev().filter(fits);
    let items = fitting.map(|it| with_sid(recording(sim, it))).collect();
    list(request, "recordings", items)
}

/// One recording: shown or deleted.
pub(super) fn one_recording(sim: &Inner, request: &RestRequest<'_>, sid: &str) -> Answered {
    let found = {
        let state = sim.lock();
        state.recordings.iter().find(|it| it.sid == sid).cloned()
    };
    let found = found.ok_or_else(|| request.not_found())?;
    if request.is_delete() {
        sim.change(|state| state.recordings.retain(|it| it.sid != sid));
        return Ok(RestAnswer::deleted().about(&found.call_sid));
    }
    Ok(RestAnswer::one("Recording", recording(sim, &found)).about(&found.call_sid))
}

/// `Transcriptions`: the words of recordings.
pub(super) fn transcriptions(
    sim: &Inner,
    request: &RestRequest<'_>,
    (recording_sid, sid): (Option<&str>, Option<&str>),
) -> Answered {
    let state = sim.lock();
    let mut items: Vec<_> = state
        .recordings
        .iter()
        .rev()
        .filter(|it| recording_sid.is_none_or(|sid| it.sid == sid) && it.length.is_some())
        .filter_map(|it| {
            let own = &it.transcription.as_ref()?.sid;
            let date = rfc2822(it.started_at);
            sid.is_none_or(|sid| sid == own).then(|| {
                json!({
                    "sid": own, "account_sid": sim.config.account_sid, "api_version": "2010-04-01",
                    "recording_sid": it.sid, "status": "completed", "type": "fast",
                    "duration": it.seconds().to_string(),
                    "transcription_text": it.words.join(" "),
                    "date_created": date, "date_updated": date, "price": null, "price_unit": "USD",
                    "uri": format!("{}/Transcriptions/{own}.json", base(sim)),
                })
            })
        })
        .map(with_sid)
        .collect();
    match (sid, items.pop()) {
        (None, last) => {
            items.extend(last);
            list(request, "transcriptions", items)
        }
        (Some(_), Some((_, one))) => Ok(RestAnswer::one("Transcription", one)),
        (Some(_), None) => Err(request.not_found()),
    }
}

fn conference(sim: &Inner, conference: &Conference) -> Value {
    let uri = format!("{}/Conferences/{}", base(sim), conference.sid);
    json!({
        "sid": conference.sid, "account_sid": sim.config.account_sid,
        "friendly_name": conference.name, "status": conference.status(), "region": "us1",
        "api_version": "2010-04-01", "date_created": rfc2822(conference.created_at),
        "date_updated": rfc2822(conference.updated_at),
        "reason_conference_ended": null, "call_sid_ending_conference": null,
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "participants": format!("{uri}/Participants.json"),
            "recordings": format!("{uri}/Recordings.json"),
        },
    })
}

/// `Conferences`: those in progress, unless another status is asked for.
pub(super) fn conferences_list(sim: &Inner, request: &RestRequest<'_>) -> Answered {
    let status = form::first(&request.query, "Status");
    let name = form::first(&request.query, "FriendlyName");
    let state = sim.lock();
    let fitting = state.conferences.iter().rev().filter(|it| {
        let shown = status.map_or(!it.ended, |status| it.status() == status);
        shown && name.is_none_or(|name| it.name == name)
    });
    let items = fitting.map(|it| with_sid(conference(sim, it))).collect();
    list(request, "conferences", items)
}

/// One conference: shown, or ended by `Status=completed`.
pub(super) fn one_conference(sim: &Arc<Inner>, request: &RestRequest<'_>, sid: &str) -> Answered {
    let find = || {
        let state = sim.lock();
        let mut all = state.conferences.iter();
        all.find(|it| it.sid == sid).cloned()
    };
    let found = find().ok_or_else(|| request.not_found())?;
    let ends = FormParameters(&request.form).get("Status") == Some("completed");
    if request.is_post() && ends {
        let first = found.participants.first().map(|it| it.call_sid.clone());
        conferences::end(sim, sid, &first.unwrap_or_default(), sim.clock.now());
    }
    let now = find().unwrap_or(found);
    Ok(RestAnswer::one("Conference", conference(sim, &now)))
}

fn participant(sim: &Inner, conference_sid: &str, participant: &Participant) -> Value {
    let sid = &participant.call_sid;
    let uri = format!(
        "{}/Conferences/{conference_sid}/Participants/{sid}.json",
        base(sim)
    );
    let date = rfc2822(participant.joined_at);
    json!({
        "call_sid": &**sid, "account_sid": sim.config.account_sid,
        "conference_sid": conference_sid, "label": participant.label,
        "muted": participant.muted, "hold": participant.hold, "coaching": false,
        "call_sid_to_coach": null, "status": "connected",
        "start_conference_on_enter": participant.start_on_enter,
        "end_conference_on_exit": participant.end_on_exit,
        "queue_time": "0", "api_version": "2010-04-01",
        "date_created": date, "date_updated": date, "uri": uri,
    })
}

/// `Participants` of a conference: listed, muted, held, sent out.
pub(super) fn participants(
    sim: &Arc<Inner>,
    request: &RestRequest<'_>,
    (conference_sid, call_sid): (&str, Option<&str>),
) -> Answered {
    let found = {
        let state = sim.lock();
        let mut all = state.conferences.iter();
        all.find(|it| it.sid == conference_sid).cloned()
    };
    let found = found.ok_or_else(|| request.not_found())?;
    let Some(call_sid) = call_sid else {
        let shown = found.participants.iter().rev();
        let items = shown
            .map(|it| (it.call_sid.to_string(), participant(sim, &found.sid, it)))
            .collect();
        return list(request, "participants", items);
    };
    let mut participants = found.participants.into_iter();
    let one = participants.find(|it| &*it.call_sid == call_sid || it.label == call_sid);
    let mut one = one.ok_or_else(|| request.not_found())?;
    let now = sim.clock.now();
    if request.is_delete() {
        conferences::leave(sim, conference_sid, &one.call_sid, now);
        return Ok(RestAnswer::deleted().about(&one.call_sid));
    }
    if request.is_post() {
        let parameters = FormParameters(&request.form);
        for (name, event) in [("Muted", "mute"), ("Hold", "hold")] {
            let Some(_) = parameters.get(name) else {
                continue;
            };
            let wanted = parameters.is_true(name);
            let flag = |it: &mut Participant| match event {
                "mute" => it.muted = wanted,
                _ => it.hold = wanted,
            };
            flag(&mut one);
            conferences::change_participant(sim, conference_sid, &one.call_sid, flag);
            conferences::send_news(sim, conference_sid, event, (&one.call_sid, now));
        }
    }
    let body = participant(sim, conference_sid, &one);
    Ok(RestAnswer::one("Participant", body).about(&one.call_sid))
}

fn queue(sim: &Inner, queue: &CallQueue, now: jiff::Timestamp) -> Value {
    let date = rfc2822(queue.created_at);
    let uri = format!("{}/Queues/{}", base(sim), queue.sid);
    let waited = |since: jiff::Timestamp| now.duration_since(since).as_secs();
    let total: i64 = queue.waiting.iter().map(|it| waited(it.since)).sum();
    let size = queue.waiting.len();
    json!({
        "sid": queue.sid, "account_sid": sim.config.account_sid, "friendly_name": queue.name,
        "current_size": size, "max_size": queue.max_size,
        "average_wait_time": total.checked_div(i64::try_from(size).unwrap_or(1)).unwrap_or(0),
        "date_created": date, "date_updated": date, "uri": format!("{uri}.json"),
        "subresource_uris": {"members": format!("{uri}/Members.json")},
    })
}

/// `Queues`: all of them, one, or the calls in one (`Members`).
pub(super) fn queues(
    sim: &Inner,
    request: &RestRequest<'_>,
    (sid, members): (Option<&str>, bool),
) -> Answered {
    let now = sim.clock.now();
    let state = sim.lock();
    let Some(sid) = sid else {
        let all = state.queues.iter().rev();
        let items = all.map(|it| with_sid(queue(sim, it, now))).collect();
        return list(request, "queues", items);
    };
    let mut all = state.queues.iter();
    let found = all.find(|it| it.sid == sid);
    let found = found.ok_or_else(|| request.not_found())?;
    if !members {
        return Ok(RestAnswer::one("Queue", queue(sim, found, now)));
    }
    let items = found.waiting.iter().enumerate().map(|(at, it)| {
        let call_sid = it.call_sid.to_string();
        let uri = format!("{}/Queues/{sid}/Members/{call_sid}.json", base(sim));
        let member = json!({
            "call_sid": call_sid, "queue_sid": sid, "position": at + 1,
            "date_enqueued": rfc2822(it.since),
            "wait_time": now.duration_since(it.since).as_secs(), "uri": uri,
        });
        (call_sid, member)
    });
    list(request, "queue_members", items.collect())
}
