//! Conferences and their participants on the REST side.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{CallCommand, CallStatus, SidText, Signal};
use super::conference_room::{Conference, Participant};
use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::parameters::FormParameters;
use super::rest_error::RestError;
use super::rest_request::{Answered, RestAnswer, RestRequest, base, list, with_sid};
use super::xml::{Element, XmlNode};
use super::{Inner, conference_room, create_call, form};

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

/// One conference: shown, ended by `Status=completed`, or told something by `AnnounceUrl`.
pub(super) fn one_conference(sim: &Arc<Inner>, request: &RestRequest<'_>, sid: &str) -> Answered {
    let find = || {
        let state = sim.lock();
        let mut all = state.conferences.iter();
        all.find(|it| it.sid == sid).cloned()
    };
    let found = find().ok_or_else(|| request.not_found())?;
    if request.is_post() {
        let parameters = FormParameters(&request.form);
        match parameters.get("Status") {
            Some("completed") => {
                let first = found.participants.first().map(|it| it.call_sid.clone());
                conference_room::end(sim, sid, &first.unwrap_or_default(), sim.clock.now());
            }
            Some(_) => return Err(RestError::BadParameter("Status")),
            None => {}
        }
        let announcement = parameters.url("AnnounceUrl", RestError::BadUrl)?;
        let method = parameters.method("AnnounceMethod")?;
        if let Some(url) = announcement {
            for participant in &found.participants {
                announce(sim, &participant.call_sid, (method, &url));
            }
        }
    }
    let now = find().unwrap_or(found);
    Ok(RestAnswer::one("Conference", conference(sim, &now)))
}

/// Lets a call in a conference hear a document.
fn announce(sim: &Inner, call_sid: &SidText, (method, url): (HttpMethod, &str)) {
    let signal = Signal::Announcement(method, url.to_owned());
    sim.command(call_sid, CallCommand::Signal(signal));
}

fn participant(
    sim: &Inner,
    conference_sid: &str,
    (participant, status): (&Participant, &str),
) -> Value {
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
        "call_sid_to_coach": null, "status": status,
        "start_conference_on_enter": participant.start_on_enter,
        "end_conference_on_exit": participant.end_on_exit,
        "queue_time": "0", "api_version": "2010-04-01",
        "date_created": date, "date_updated": date, "uri": uri,
    })
}

/// Everybody who is in a conference or comes to it, each with its status.
fn everybody(sim: &Inner, conference: &Conference) -> Vec<(Participant, &'static str)> {
    let state = sim.lock();
    let comes = |it: &Participant| match state.call(&it.call_sid).map(|call| call.status) {
        Some(CallStatus::Queued | CallStatus::Initiated) => Some("queued"),
        Some(CallStatus::Ringing) => Some("ringing"),
        Some(CallStatus::InProgress) => Some("connecting"),
        Some(_) | None => None,
    };
    let inside = conference.participants.iter();
    let is_inside = |it: &&Participant| inside.clone().all(|in_it| in_it.call_sid != it.call_sid);
    let coming = conference.invited.iter().filter(is_inside);
    let coming = coming.filter_map(|it| Some((it.clone(), comes(it)?)));
    let mut all: Vec<_> = inside.clone().map(|it| (it.clone(), "connected")).collect();
    all.extend(coming);
    all
}

/// `Participants` of a conference: listed, invited, muted, held, sent out.
pub(super) fn participants(
    sim: &Arc<Inner>,
    request: &RestRequest<'_>,
    (conference_sid, call_sid): (&str, Option<&str>),
) -> Answered {
    if let (None, true) = (call_sid, request.is_post()) {
        return invite(sim, request, conference_sid);
    }
    let found = {
        let state = sim.lock();
        let mut all = state.conferences.iter();
        all.find(|it| it.sid == conference_sid && !it.ended)
            .cloned()
    };
    let found = found.ok_or_else(|| request.not_found())?;
    let everybody = everybody(sim, &found);
    let Some(call_sid) = call_sid else {
        let wanted = |name: &str, flag: bool| {
            let wanted = form::first(&request.query, name);
            wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case("true") == flag)
        };
        let shown = everybody.iter().rev();
        let shown = shown.filter(|(it, _)| wanted("Muted", it.muted) && wanted("Hold", it.hold));
        let item = |it: &(Participant, &'static str)| {
            let shown = participant(sim, &found.sid, (&it.0, it.1));
            (it.0.call_sid.to_string(), shown)
        };
        return list(request, "participants", shown.map(item).collect());
    };
    let mut all = everybody.into_iter();
    let one = all.find(|(it, _)| &*it.call_sid == call_sid || it.label == call_sid);
    let (mut one, status) = one.ok_or_else(|| request.not_found())?;
    if request.is_delete() {
        if status == "connected" {
            conference_room::send_out(sim, conference_sid, &one.call_sid, sim.clock.now());
        } else {
            sim.command(&one.call_sid, CallCommand::End);
        }
        return Ok(RestAnswer::deleted().about(&one.call_sid));
    }
    if request.is_post() {
        if status != "connected" {
            return Err(RestError::NotInProgress);
        }
        change(sim, request, (conference_sid, &mut one))?;
    }
    let body = participant(sim, conference_sid, (&one, status));
    Ok(RestAnswer::one("Participant", body).about(&one.call_sid))
}

/// Mutes, holds or changes a participant, or tells it something.
fn change(
    sim: &Arc<Inner>,
    request: &RestRequest<'_>,
    (conference_sid, one): (&str, &mut Participant),
) -> Result<(), RestError> {
    let parameters = FormParameters(&request.form);
    let hold_url = parameters.url("HoldUrl", RestError::BadUrl)?;
    let hold_method = parameters.method("HoldMethod")?;
    let announcement = parameters.url("AnnounceUrl", RestError::BadUrl)?;
    let announce_method = parameters.method("AnnounceMethod")?;
    let mut news = Vec::new();
    if parameters.get("Muted").is_some() {
        one.muted = parameters.is_true("Muted");
        news.push(if one.muted { "mute" } else { "unmute" });
    }
    if parameters.get("Hold").is_some() {
        one.hold = parameters.is_true("Hold");
        one.hold_document = hold_url.map(|url| (hold_method, url));
        news.push(if one.hold { "hold" } else { "unhold" });
    }
    if parameters.get("EndConferenceOnExit").is_some() {
        one.end_on_exit = parameters.is_true("EndConferenceOnExit");
        news.push("modify");
    }
    let changed = one.clone();
    let call_sid = &one.call_sid;
    conference_room::change_participant(sim, conference_sid, call_sid, |it| *it = changed);
    let signal = CallCommand::Signal(Signal::ConferenceChanged);
    sim.command(call_sid, signal);
    for event in news {
        conference_room::send_news(sim, conference_sid, event, (call_sid, sim.clock.now()));
    }
    if let Some(url) = announcement {
        announce(sim, call_sid, (announce_method, &url));
    }
    Ok(())
}

/// Attributes of `<Conference>` with the parameters that give them.
const OF_CONFERENCE: [(&str, &str); 14] = [
    ("Muted", "muted"),
    ("Beep", "beep"),
    ("StartConferenceOnEnter", "startConferenceOnEnter"),
    ("EndConferenceOnExit", "endConferenceOnExit"),
    ("WaitUrl", "waitUrl"),
    ("WaitMethod", "waitMethod"),
    ("MaxParticipants", "maxParticipants"),
    ("Label", "participantLabel"),
    ("ConferenceStatusCallback", "statusCallback"),
    ("ConferenceStatusCallbackMethod", "statusCallbackMethod"),
    ("ConferenceTrim", "trim"),
    (
        "ConferenceRecordingStatusCallback",
        "recordingStatusCallback",
    ),
    (
        "ConferenceRecordingStatusCallbackMethod",
        "recordingStatusCallbackMethod",
    ),
    ("Region", "region"),
];

/// The document with which an invited call joins the conference of a name.
fn joining(parameters: &FormParameters<'_>, name: &str) -> String {
    let given = OF_CONFERENCE.iter().filter_map(|(parameter, attribute)| {
        let value = parameters.get(parameter)?;
        Some(((*attribute).to_owned(), value.to_owned()))
    });
    let mut attributes: Vec<_> = given.collect();
    for (parameter, attribute) in [
        ("ConferenceStatusCallbackEvent", "statusCallbackEvent"),
        (
            "ConferenceRecordingStatusCallbackEvent",
            "recordingStatusCallbackEvent",
        ),
    ] {
        let words = parameters.all(parameter).join(" ");
        if !words.is_empty() {
            attributes.push((attribute.to_owned(), words));
        }
    }
    if matches!(
        parameters.get("ConferenceRecord"),
        Some("true" | "record-from-start")
    ) {
        attributes.push(("record".to_owned(), "record-from-start".to_owned()));
    }
    let conference = Element {
        name: "Conference".to_owned(),
        attributes,
        children: vec![XmlNode::Text(name.to_owned())],
    };
    format!("<Response><Dial>{conference}</Dial></Response>")
}

/// Calls somebody who joins the conference on answering. The conference of a name is made where
/// there is none.
fn invite(sim: &Arc<Inner>, request: &RestRequest<'_>, conference: &str) -> Answered {
    let parameters = FormParameters(&request.form);
    let now = sim.clock.now();
    let (sid, name) = {
        let state = sim.lock();
        let mut all = state.conferences.iter().filter(|it| !it.ended);
        match all.find(|it| it.sid == conference) {
            Some(found) => (Some(found.sid.clone()), found.name.clone()),
            None if is_sid(conference) => return Err(request.not_found()),
            None => (None, form::decode(&conference.replace('+', "%2B"))),
        }
    };
    let twiml = joining(&parameters, &name);
    let of_call = call_parameters(&request.form);
    // A refused call makes no conference.
    create_call::check(sim, &of_call)?;
    let sid = sid.unwrap_or_else(|| conference_room::sid_of(sim, &name, now));
    let call_sid = create_call::invited(sim, &of_call, (&sid, twiml))?;
    let flag = |name: &str, usual: bool| parameters.get(name).map_or(usual, |it| it == "true");
    let one = Participant {
        call_sid: call_sid.clone(),
        label: parameters.get("Label").unwrap_or_default().to_owned(),
        joined_at: now,
        muted: flag("Muted", false),
        hold: false,
        hold_document: None,
        start_on_enter: flag("StartConferenceOnEnter", true),
        end_on_exit: flag("EndConferenceOnExit", false),
    };
    let body = participant(sim, &sid, (&one, "queued"));
    conference_room::invite(sim, &sid, one);
    Ok(RestAnswer::created("Participant", body).about(&call_sid))
}

fn is_sid(text: &str) -> bool {
    let digits = text.strip_prefix("CF").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The parameters of a participant as those of a call: machine detection never delays its entry, a
/// recording has two channels, and the events of the status callback may stand in one value.
fn call_parameters(form: &[(String, String)]) -> Vec<(String, String)> {
    let mut own = vec![
        ("Twiml".to_owned(), "<Response/>".to_owned()),
        ("AsyncAmd".to_owned(), "true".to_owned()),
    ];
    if form::first(form, "RecordingChannels").is_none() {
        own.push(("RecordingChannels".to_owned(), "dual".to_owned()));
    }
    let caller = form::first(form, "CallerId").filter(|it| !it.is_empty());
    for (name, value) in form {
        let value = match (name.as_str(), caller) {
            ("Url" | "Twiml" | "ApplicationSid" | "AsyncAmd" | "FallbackUrl", _) => continue,
            ("From", Some(caller)) => caller,
            _ => value,
        };
        let name = match name.as_str() {
            "AmdStatusCallback" => "AsyncAmdStatusCallback",
            "AmdStatusCallbackMethod" => "AsyncAmdStatusCallbackMethod",
            other => other,
        };
        match name {
            "StatusCallbackEvent" => own.extend(
                value
                    .split_whitespace()
                    .map(|word| (name.to_owned(), word.to_owned())),
            ),
            _ => own.push((name.to_owned(), value.to_owned())),
        }
    }
    own
}
