//! Recordings and their transcriptions on the REST side.

use serde_json::{Value, json};

use super::moments::rfc2822;
use super::recordings::Recording;
use super::rest_request::{Answered, RestAnswer, RestRequest, base, list, with_sid};
use super::{Inner, form, recordings};

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
