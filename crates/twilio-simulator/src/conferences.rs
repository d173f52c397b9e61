//! Conferences: calls that hear each other in a room of a name.

use jiff::Timestamp;

use super::call::{CallStatus, RecordingRequest, Signal};
use super::conference_room::ConferenceEntry;
use super::dialing::DialResult;
use super::documents::{FetchedDocument, TwimlRequest};
use super::flow::{Interrupt, NextStep, WaitResult};
use super::http_method::HttpMethod;
use super::simulated_call::SimulatedCall;
use super::twiml::{Dial, DialRecording, DialedConference, absolute};
use super::{conference_room, recordings};

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
        let until = clock::later(since, dial.time_limit);
        let base = page.url.as_deref();
        let callback = absolute(base, conference.callback.as_ref());
        let record = conference.record.as_ref().map(|wanted| RecordingRequest {
            source: "Conference",
            ..RecordingRequest::of(wanted, page.url.as_deref())
        });
        let entry = ConferenceEntry {
            wanted: conference,
            callback,
            record,
        };
        let me = (&self.sid, self.moment);
        let Some(sid) = conference_room::enter(&self.sim, entry, me) else {
            result.status = CallStatus::Failed.word();
            return result;
        };
        self.note_event("conference", &conference.name);
        let recording = (dial.record != DialRecording::Off).then(|| self.record_dial(dial, page));

        let music = absolute(base, conference.wait.as_ref());
        let stay = self.stay_in(&sid, music, until, dial.hangup_on_star);
        result.interrupt = stay.await.err();
        conference_room::leave(&self.sim, &sid, &self.sid, self.moment);
        let span = self.moment.duration_since(since);
        result.seconds = Some(span.as_secs());
        if let Some(recording) = recording {
            let words = self.words_since(since);
            let length = Some(span.unsigned_abs());
            result.recording = recordings::finish(&self.sim, &recording, length, words);
        }
        result
    }

    /// Keeps the call in a conference until the call leaves it, it ends, or `until` has come.
    async fn stay_in(
        &mut self,
        sid: &str,
        music: Option<(HttpMethod, String)>,
        until: Timestamp,
        hangup_on_star: bool,
    ) -> Result<(), Interrupt> {
        loop {
            let document = match self.place_in(sid) {
                ConferencePlace::Outside => return Ok(()),
                ConferencePlace::Waits => Some(music.clone()),
                ConferencePlace::OnHold(music) => Some(music),
                ConferencePlace::Talks => None,
            };
            let result = match document {
                Some(music) => match self.wait_document(music.as_ref(), &|_| Vec::new()).await {
                    Interrupt::Signal(signal) => WaitResult::Signal(signal),
                    Interrupt::Leave => continue,
                    interrupt @ (Interrupt::HungUp | Interrupt::Over | Interrupt::Replace(_)) => {
                        return Err(interrupt);
                    }
                },
                None => self.wait(until).await?,
            };
            match result {
                WaitResult::Time => return Ok(()),
                WaitResult::Key('*') if hangup_on_star => return Ok(()),
                WaitResult::Signal(Signal::Announcement(method, url)) => {
                    self.hear_announcement(sid, (method, url)).await?;
                }
                WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_) => {}
            }
        }
    }

    /// Lets the call hear a document, and then be in its conference again.
    async fn hear_announcement(
        &mut self,
        sid: &str,
        (method, url): (HttpMethod, String),
    ) -> Result<(), Interrupt> {
        let (base, hops) = (self.base.clone(), self.hops);
        let request = NextStep::Request(TwimlRequest::new(method, url));
        self.run_from(request).await?;
        (self.base, self.hops) = (base, hops);
        let me = (&self.sid, self.moment);
        conference_room::send_news(&self.sim, sid, "announcement", me);
        Ok(())
    }

    /// The call's place in a conference.
    fn place_in(&self, sid: &str) -> ConferencePlace {
        let state = self.sim.lock();
        let conference = state.conferences.iter().find(|it| it.sid == sid);
        let Some(conference) = conference.filter(|it| !it.ended) else {
            return ConferencePlace::Outside;
        };
        let mut all = conference.participants.iter();
        match all.find(|it| it.call_sid == self.sid) {
            None => ConferencePlace::Outside,
            Some(own) if own.hold => ConferencePlace::OnHold(own.hold_document.clone()),
            Some(_) if !conference.started => ConferencePlace::Waits,
            Some(_) => ConferencePlace::Talks,
        }
    }
}

/// The part of a call in a conference.
enum ConferencePlace {
    /// It has left, or the conference is over.
    Outside,
    /// It waits for the start.
    Waits,
    /// It is on hold and hears this, or silence.
    OnHold(Option<(HttpMethod, String)>),
    /// It talks with the others.
    Talks,
}
