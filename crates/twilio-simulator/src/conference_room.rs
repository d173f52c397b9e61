//! The state of a conference: its participants, those to come, and the events for its callback.
//! Nothing here waits.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{CallCommand, RecordingRequest, SidText, Signal};
use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::status_delivery::StatusDelivery;
use super::twiml::DialedConference;
use super::webhook_params::pairs;
use super::{Inner, SimulatorState, recordings, status_delivery, webhook_params};

/// Most conferences that are kept; ended ones go first.
const KEPT: usize = 1_000;

/// A conference.
#[derive(Clone, Debug)]
pub(super) struct Conference {
    /// `CF…`
    pub(super) sid: String,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Two are in it, and one of them may start it.
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) participants: Vec<Participant>,
    /// Calls of the REST API that are to join it and are not in it yet.
    pub(super) invited: Vec<Participant>,
    /// Status callback of the first participant; it serves the whole conference.
    callback: Option<(HttpMethod, String)>,
    events: Vec<String>,
    sequence: u32,
    record: Option<RecordingRequest>,
    recording: Option<RunningRecording>,
}

/// The recording of a conference since its start.
#[derive(Clone, Debug)]
struct RunningRecording {
    sid: String,
    since: Timestamp,
    /// The words of those who left already.
    words: Vec<(Timestamp, String)>,
}

/// A call in a conference.
#[derive(Clone, Debug)]
pub(super) struct Participant {
    pub(super) call_sid: SidText,
    pub(super) label: String,
    pub(super) joined_at: Timestamp,
    pub(super) muted: bool,
    pub(super) hold: bool,
    /// The document that is heard on hold; none: silence.
    pub(super) hold_document: Option<(HttpMethod, String)>,
    pub(super) start_on_enter: bool,
    pub(super) end_on_exit: bool,
}

/// The wishes of a call that enters a conference. What concerns the conference itself counts with
/// the first one.
#[derive(Debug)]
pub(super) struct ConferenceEntry<'a> {
    pub(super) wanted: &'a DialedConference,
    pub(super) callback: Option<(HttpMethod, String)>,
    pub(super) record: Option<RecordingRequest>,
}

impl Conference {
    /// `init`, `in-progress` or `completed`.
    pub(super) const fn status(&self) -> &'static str {
        match (self.ended, self.started) {
            (true, _) => "completed",
            (false, true) => "in-progress",
            (false, false) => "init",
        }
    }

    /// Starts it when two are in it and one of them may; whether it started now.
    fn start(&mut self) -> bool {
        let may = self.participants.iter().any(|it| it.start_on_enter);
        let starts = !self.started && may && self.participants.len() >= 2;
        self.started |= starts;
        starts
    }
}

/// The open conference of a name; made when it is first used.
fn open<'a>(state: &'a mut SimulatorState, name: &str, now: Timestamp) -> &'a mut Conference {
    let mut all = state.conferences.iter();
    let at = all.position(|conference| conference.name == name && !conference.ended);
    let at = at.unwrap_or_else(|| {
        if state.conferences.len() >= KEPT {
            let ended = state.conferences.iter().position(|it| it.ended);
            state.conferences.remove(ended.unwrap_or(0));
        }
        state.conferences.push(Conference {
            sid: format!("CF{}", uuid::Uuid::new_v4().simple()),
            name: name.to_owned(),
            created_at: now,
            updated_at: now,
            started: false,
            ended: false,
            participants: Vec::new(),
            invited: Vec::new(),
            callback: None,
            events: Vec::new(),
            sequence: 0,
            record: None,
            recording: None,
        });
        state.conferences.len() - 1
    });
    &mut state.conferences[at]
}

fn by_sid<'a>(state: &'a mut SimulatorState, sid: &str) -> Option<&'a mut Conference> {
    state.conferences.iter_mut().find(|it| it.sid == sid)
}

/// Records a conference from its start, where that is wanted.
fn begin_recording(sim: &Arc<Inner>, sid: &str, (call_sid, now): (&SidText, Timestamp)) {
    let wanted = sim.change(|state| by_sid(state, sid)?.record.take());
    let Some(wanted) = wanted else {
        return;
    };
    let request = RecordingRequest {
        conference_sid: Some(sid.to_owned()),
        ..wanted
    };
    let recording = RunningRecording {
        sid: recordings::begin(sim, call_sid, now, request),
        since: now,
        words: Vec::new(),
    };
    sim.change(|state| {
        if let Some(conference) = by_sid(state, sid) {
            conference.recording = Some(recording);
        }
    });
}

/// Ends the recording of a conference with everything that was said in it.
fn finish_recording(sim: &Arc<Inner>, sid: &str, now: Timestamp) {
    let recording = sim.change(|state| {
        let conference = by_sid(state, sid)?;
        let mut recording = conference.recording.take()?;
        for call_sid in calls_of(conference) {
            recording
                .words
                .extend(words_of(state, &call_sid, recording.since));
        }
        Some(recording)
    });
    let Some(mut recording) = recording else {
        return;
    };
    recording.words.sort();
    let words = recording.words.into_iter().map(|(_, words)| words);
    let length = now.duration_since(recording.since).unsigned_abs();
    recordings::finish(sim, &recording.sid, Some(length), words.collect());
}

fn calls_of(conference: &Conference) -> Vec<SidText> {
    let participants = conference.participants.iter();
    participants.map(|it| it.call_sid.clone()).collect()
}

fn words_of(state: &SimulatorState, call_sid: &str, since: Timestamp) -> Vec<(Timestamp, String)> {
    let call = state.call(call_sid).into_iter();
    call.flat_map(|call| call.words_since(since)).collect()
}

/// Takes a call out of a conference. The last one, or one that may, ends it with that.
pub(super) fn leave(sim: &Arc<Inner>, sid: &str, call_sid: &SidText, now: Timestamp) {
    let left = sim.change(|state| {
        let conference = by_sid(state, sid)?;
        let at = conference
            .participants
            .iter()
            .position(|it| it.call_sid == *call_sid)?;
        let participant = conference.participants.remove(at);
        conference.updated_at = now;
        let alone = conference.participants.is_empty() && conference.invited.is_empty();
        let ends = participant.end_on_exit || alone;
        let since = conference.recording.as_ref().map(|it| it.since);
        let words = since.map(|since| words_of(state, call_sid, since.max(participant.joined_at)));
        let recording = by_sid(state, sid)?.recording.as_mut();
        if let (Some(recording), Some(words)) = (recording, words) {
            recording.words.extend(words);
        }
        Some(ends)
    });
    let Some(ends) = left else {
        return;
    };
    send_news(sim, sid, "leave", (call_sid, now));
    if ends {
        end(sim, sid, call_sid, now);
    }
}

/// The sid of the open conference of a name.
pub(super) fn sid_of(sim: &Inner, name: &str, now: Timestamp) -> String {
    sim.change(|state| open(state, name, now).sid.clone())
}

/// Notes a call that is to join a conference.
pub(super) fn invite(sim: &Inner, sid: &str, participant: Participant) {
    sim.change(|state| {
        if let Some(conference) = by_sid(state, sid) {
            conference.invited.push(participant);
        }
    });
}

/// Forgets a call that was to join a conference and has ended. A conference that nobody is in or
/// comes to is over.
pub(super) fn withdraw(sim: &Inner, sid: &str, call_sid: &SidText, now: Timestamp) {
    sim.change(|state| {
        let Some(conference) = by_sid(state, sid) else {
            return;
        };
        conference.invited.retain(|it| it.call_sid != *call_sid);
        if conference.participants.is_empty() && conference.invited.is_empty() && !conference.ended
        {
            conference.ended = true;
            conference.updated_at = now;
        }
    });
}

/// Enters a conference; its sid, or none when it is full.
pub(super) fn enter(
    sim: &Arc<Inner>,
    entry: ConferenceEntry<'_>,
    (call_sid, now): (&SidText, Timestamp),
) -> Option<String> {
    let wanted = entry.wanted;
    let (sid, starts) = sim.change(|state| {
        let conference = open(state, &wanted.name, now);
        if conference.participants.len() >= wanted.max_participants {
            return None;
        }
        if conference.sequence == 0 && conference.participants.is_empty() {
            conference.callback = entry.callback;
            conference.events.clone_from(&wanted.events);
            conference.record = entry.record;
        }
        conference.invited.retain(|it| it.call_sid != *call_sid);
        conference.participants.push(Participant {
            call_sid: call_sid.clone(),
            label: wanted.label.clone(),
            joined_at: now,
            muted: wanted.muted,
            hold: false,
            hold_document: None,
            start_on_enter: wanted.start_on_enter,
            end_on_exit: wanted.end_on_exit,
        });
        conference.updated_at = now;
        Some((conference.sid.clone(), conference.start()))
    })?;
    send_news(sim, &sid, "join", (call_sid, now));
    if starts {
        send_news(sim, &sid, "start", (call_sid, now));
        begin_recording(sim, &sid, (call_sid, now));
        wake(sim, &sid);
    }
    Some(sid)
}

/// Ends a conference; every call in it goes on with its own document.
pub(super) fn end(sim: &Arc<Inner>, sid: &str, call_sid: &SidText, now: Timestamp) {
    let ended = sim.change(|state| {
        let conference = by_sid(state, sid).filter(|it| !it.ended)?;
        conference.ended = true;
        conference.updated_at = now;
        Some(())
    });
    if ended.is_some() {
        finish_recording(sim, sid, now);
        send_news(sim, sid, "end", (call_sid, now));
        wake(sim, sid);
    }
}

/// Sends a call out of a conference; it goes on with its own document.
pub(super) fn send_out(sim: &Arc<Inner>, sid: &str, call_sid: &SidText, now: Timestamp) {
    leave(sim, sid, call_sid, now);
    let news = CallCommand::Signal(Signal::ConferenceChanged);
    sim.command(call_sid, news);
}

/// Changes a participant.
pub(super) fn change_participant(
    sim: &Inner,
    sid: &str,
    call_sid: &SidText,
    change: impl FnOnce(&mut Participant),
) {
    sim.change(|state| {
        let participants = by_sid(state, sid).map(|it| &mut it.participants);
        let mut participants = participants.into_iter().flatten();
        if let Some(participant) = participants.find(|it| it.call_sid == *call_sid) {
            change(participant);
        }
    });
}

/// Makes every call of a conference look at it again.
pub(super) fn wake(sim: &Inner, sid: &str) {
    let calls: Vec<SidText> = {
        let state = sim.lock();
        let conference = state.conferences.iter().find(|it| it.sid == sid);
        conference.map(calls_of).unwrap_or_default()
    };
    for call in calls {
        sim.command(&call, CallCommand::Signal(Signal::ConferenceChanged));
    }
}

/// The parameters of a callback that describe a participant.
fn participant_params(participant: &Participant) -> Vec<(String, String)> {
    let flag = |flag: bool| if flag { "true" } else { "false" };
    pairs(&[
        ("Muted", flag(participant.muted)),
        ("Hold", flag(participant.hold)),
        ("Coaching", "false"),
        ("StartConferenceOnEnter", flag(participant.start_on_enter)),
        ("EndConferenceOnExit", flag(participant.end_on_exit)),
        ("ParticipantLabel", &participant.label),
    ])
}

/// Sends the callback of an event, by its word in `StatusCallbackEvent` of the request.
pub(super) fn send_news(
    sim: &Arc<Inner>,
    sid: &str,
    word: &'static str,
    (call_sid, now): (&SidText, Timestamp),
) {
    // The event that is subscribed to, the word that is sent, and whether it is about one call.
    let (event, word, about_call) = match word {
        "start" => ("start", "conference-start", false),
        "end" => ("end", "conference-end", false),
        "join" => ("join", "participant-join", true),
        "mute" => ("mute", "participant-mute", true),
        "unmute" => ("mute", "participant-unmute", true),
        "hold" => ("hold", "participant-hold", true),
        "unhold" => ("hold", "participant-unhold", true),
        "modify" => ("modify", "participant-modify", true),
        "announcement" => ("announcement", "announcement-end", true),
        _ => ("leave", "participant-leave", true),
    };
    let delivery = sim.change(|state| {
        let conference = by_sid(state, sid)?;
        conference.sequence += 1;
        let target = conference.callback.clone()?;
        if !conference.events.iter().any(|it| it == event) {
            return None;
        }
        let mut params = pairs(&[
            ("AccountSid", &sim.config.account_sid),
            ("ConferenceSid", &conference.sid),
            ("FriendlyName", &conference.name),
            ("StatusCallbackEvent", word),
            ("SequenceNumber", &conference.sequence.to_string()),
            ("Timestamp", &rfc2822(now)),
        ]);
        if about_call {
            params.extend(pairs(&[("CallSid", call_sid)]));
            let mut all = conference.participants.iter();
            let participant = all.find(|it| it.call_sid == *call_sid);
            params.extend(participant.map(participant_params).into_iter().flatten());
        } else if event == "end" {
            params.extend(pairs(&[("CallSidEndingConference", call_sid)]));
        }
        let call = state.call(call_sid)?;
        Some(StatusDelivery {
            outgoing: webhook_params::outgoing(call, "conference", &target, params),
            to: call.to.clone(),
            is_final: false,
        })
    });
    if let Some(delivery) = delivery {
        status_delivery::spawn(sim, delivery, None);
    }
}
