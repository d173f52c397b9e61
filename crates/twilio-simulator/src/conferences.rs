//! Conferences: calls that hear each other in a room of a name.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{CallCommand, CallSid, CallStatus, RecordingRequest, Signal};
use super::dialing::DialResult;
use super::documents::FetchedDocument;
use super::flow::{Interrupt, WaitResult};
use super::http_method::HttpMethod;
use super::moments::{later, rfc2822};
use super::simulated_call::SimulatedCall;
use super::status_delivery::StatusDelivery;
use super::twiml::{Dial, DialRecording, DialedConference, absolute};
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
    pub(super) call_sid: CallSid,
    pub(super) label: String,
    pub(super) joined_at: Timestamp,
    pub(super) muted: bool,
    pub(super) hold: bool,
    pub(super) start_on_enter: bool,
    pub(super) end_on_exit: bool,
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

/// The open conference of a name.
fn open<'a>(state: &'a mut SimulatorState, name: &str) -> Option<&'a mut Conference> {
    let mut conferences = state.conferences.iter_mut();
    conferences.find(|conference| conference.name == name && !conference.ended)
}

fn by_sid<'a>(state: &'a mut SimulatorState, sid: &str) -> Option<&'a mut Conference> {
    state.conferences.iter_mut().find(|it| it.sid == sid)
}

impl SimulatedCall {
    /// Joins a conference, and stays until the call leaves it or it ends.
    pub(super) async fn dial_conference(
        &mut self,
        dial: &Dial,
        conference: &DialedConference,
        page: &FetchedDocument,
    ) -> DialResult {
        let mut result = DialResult::new("answered");
        let since = self.moment;
        let until = later(since, dial.time_limit);
        let base = page.url.as_deref();
        let callback = absolute(base, conference.callback.as_ref());
        let record = conference.record.as_ref().map(|wanted| RecordingRequest {
            source: "Conference",
            ..RecordingRequest::of(wanted, page.url.as_deref())
        });
        let Some(sid) = self.join(conference, (callback, record)) else {
            result.status = CallStatus::Failed.word();
            return result;
        };
        self.note_event("conference", &conference.name);
        let recording = (dial.record != DialRecording::Off).then(|| self.record_dial(dial, page));

        let wait = absolute(base, conference.wait.as_ref());
        loop {
            let (inside, started) = self.stands_in(&sid);
            if !inside {
                break;
            }
            if !started {
                match self.wait_document(wait.as_ref(), &|_| Vec::new()).await {
                    Interrupt::Signal(_) | Interrupt::Leave => continue,
                    interrupt @ (Interrupt::HungUp | Interrupt::Over | Interrupt::Replace(_)) => {
                        result.interrupt = Some(interrupt);
                        break;
                    }
                }
            }
            match self.wait(until).await {
                Ok(WaitResult::Time) => break,
                Ok(WaitResult::Key('*')) if dial.hangup_on_star => break,
                Ok(WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_)) => {}
                Err(interrupt) => {
                    result.interrupt = Some(interrupt);
                    break;
                }
            }
        }
        leave(&self.sim, &sid, &self.sid, self.moment);
        let span = self.moment.duration_since(since);
        result.seconds = Some(span.as_secs());
        if let Some(recording) = recording {
            let words = self.words_since(since);
            let length = Some(span.unsigned_abs());
            result.recording = recordings::finish(&self.sim, &recording, length, words);
        }
        result
    }

    /// Whether the call is in the conference, and whether that has started.
    fn stands_in(&self, sid: &str) -> (bool, bool) {
        let state = self.sim.lock();
        let conference = state.conferences.iter().find(|it| it.sid == sid);
        conference.map_or((false, false), |it| {
            let inside = it.participants.iter().any(|one| one.call_sid == self.sid);
            (inside && !it.ended, it.started)
        })
    }

    /// Enters a conference; its sid, or none when it is full.
    fn join(
        &self,
        wanted: &DialedConference,
        (callback, record): (Option<(HttpMethod, String)>, Option<RecordingRequest>),
    ) -> Option<String> {
        let now = self.moment;
        let (sid, starts) = self.sim.change(|state| {
            if open(state, &wanted.name).is_none() {
                if state.conferences.len() >= KEPT {
                    let ended = state.conferences.iter().position(|it| it.ended);
                    state.conferences.remove(ended.unwrap_or(0));
                }
                state.conferences.push(Conference {
                    sid: format!("CF{}", uuid::Uuid::new_v4().simple()),
                    name: wanted.name.clone(),
                    created_at: now,
                    updated_at: now,
                    started: false,
                    ended: false,
                    participants: Vec::new(),
                    callback,
                    events: wanted.events.clone(),
                    sequence: 0,
                    record,
                    recording: None,
                });
            }
            let conference = open(state, &wanted.name)?;
            if conference.participants.len() >= wanted.max_participants {
                return None;
            }
            conference.participants.push(Participant {
                call_sid: self.sid.clone(),
                label: wanted.label.clone(),
                joined_at: now,
                muted: wanted.muted,
                hold: false,
                start_on_enter: wanted.start_on_enter,
                end_on_exit: wanted.end_on_exit,
            });
            conference.updated_at = now;
            Some((conference.sid.clone(), conference.start()))
        })?;
        send_news(&self.sim, &sid, "join", (&self.sid, now));
        if starts {
            send_news(&self.sim, &sid, "start", (&self.sid, now));
            begin_recording(&self.sim, &sid, (&self.sid, now));
            wake(&self.sim, &sid);
        }
        Some(sid)
    }
}

/// Records a conference from its start, where that is wanted.
fn begin_recording(sim: &Arc<Inner>, sid: &str, (call_sid, now): (&CallSid, Timestamp)) {
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

fn calls_of(conference: &Conference) -> Vec<CallSid> {
    let participants = conference.participants.iter();
    participants.map(|it| it.call_sid.clone()).collect()
}

fn words_of(state: &SimulatorState, call_sid: &str, since: Timestamp) -> Vec<(Timestamp, String)> {
    let call = state.call(call_sid).into_iter();
    call.flat_map(|call| call.words_since(since)).collect()
}

/// Takes a call out of a conference. The last one, or one that may, ends it with that.
pub(super) fn leave(sim: &Arc<Inner>, sid: &str, call_sid: &CallSid, now: Timestamp) {
    let left = sim.change(|state| {
        let conference = by_sid(state, sid)?;
        let at = conference
            .participants
            .iter()
            .position(|it| it.call_sid == *call_sid)?;
        let participant = conference.participants.remove(at);
        conference.updated_at = now;
        let ends = participant.end_on_exit || conference.participants.is_empty();
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

/// Ends a conference; every call in it goes on with its own document.
pub(super) fn end(sim: &Arc<Inner>, sid: &str, call_sid: &CallSid, now: Timestamp) {
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

/// Changes a participant.
pub(super) fn change_participant(
    sim: &Inner,
    sid: &str,
    call_sid: &CallSid,
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

/// Tells every call of a conference to look at it again.
pub(super) fn wake(sim: &Inner, sid: &str) {
    let calls: Vec<CallSid> = {
        let state = sim.lock();
        let conference = state.conferences.iter().find(|it| it.sid == sid);
        conference.map(calls_of).unwrap_or_default()
    };
    for call in calls {
        sim.command(&call, CallCommand::Signal(Signal::ConferenceChanged));
    }
}

/// Sends the callback of an event: `join`, `leave`, `start`, `end`, `mute`, `hold`.
pub(super) fn send_news(
    sim: &Arc<Inner>,
    sid: &str,
    event: &'static str,
    (call_sid, now): (&CallSid, Timestamp),
) {
    let delivery = sim.change(|state| {
        let conference = by_sid(state, sid)?;
        conference.sequence += 1;
        let target = conference.callback.clone()?;
        if !conference.events.iter().any(|it| it == event) {
            return None;
        }
        let (word, about_call) = match event {
            "start" => ("conference-start", false),
            "end" => ("conference-end", false),
            "mute" => ("participant-mute", true),
            "hold" => ("participant-hold", true),
            "join" => ("participant-join", true),
            _ => ("participant-leave", true),
        };
        let mut params = pairs(&[
            ("AccountSid", &sim.config.account_sid),
            ("ConferenceSid", &conference.sid),
            ("FriendlyName", &conference.name),
            ("StatusCallbackEvent", word),
            ("SequenceNumber", &conference.sequence.to_string()),
            ("Timestamp", &rfc2822(now)),
        ]);
        if about_call {
            let participant = conference
                .participants
                .iter()
                .find(|it| it.call_sid == *call_sid);
            let flag = |flag: bool| if flag { "true" } else { "false" };
            params.extend(pairs(&[("CallSid", call_sid)]));
            if let Some(participant) = participant {
                params.extend(pairs(&[
                    ("Muted", flag(participant.muted)),
                    ("Hold", flag(participant.hold)),
                    ("Coaching", "false"),
                    ("StartConferenceOnEnter", flag(participant.start_on_enter)),
                    ("EndConferenceOnExit", flag(participant.end_on_exit)),
                    ("ParticipantLabel", &participant.label),
                ]));
            }
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
