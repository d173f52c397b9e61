//! Conferences and queues on the REST side.

use std::sync::Arc;

use serde_json::{Value, json};

use super::conferences::{Conference, Participant};
use super::moments::rfc2822;
use super::parameters::FormParameters;
use super::queueing::CallQueue;
use super::rest_request::{Answered, RestAnswer, RestRequest, base, list, with_sid};
use super::{Inner, conferences, form};

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
