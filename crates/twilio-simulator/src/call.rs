//! The record of one call. Its course is in `simulated_call`; nothing here waits, sends or decides.

use std::sync::Arc;
use std::time::Duration;

use cookie_store::CookieStore;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

use super::http_method::HttpMethod;
use super::twiml::{RecordingCallback, absolute};

/// A call's `CA…`.
pub(super) type SidText = Arc<str>;

/// Status of a call, in the words of `CallStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CallStatus {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

impl CallStatus {
    /// The word in webhooks.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The word on the REST side, which does not know `initiated`.
    pub(super) const fn rest_word(self) -> &'static str {
        match self {
            Self::Initiated => "queued",
            Self::Queued
            | Self::Ringing
            | Self::InProgress
            | Self::Completed
            | Self::Busy
            | Self::NoAnswer
            | Self::Failed
            | Self::Canceled => self.word(),
        }
    }

    /// The event of `StatusCallbackEvent` that a call in this status causes.
    pub(super) const fn event(self) -> Option<&'static str> {
        match self {
            Self::Queued => None,
            Self::Initiated => Some("initiated"),
            Self::Ringing => Some("ringing"),
            Self::InProgress => Some("answered"),
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => {
                Some("completed")
            }
        }
    }

    pub(super) const fn has_ended(self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => true,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress => false,
        }
    }
}

/// The direction of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Direction {
    Inbound,
    OutboundApi,
    /// A call that a Dial makes.
    OutboundDial,
}

impl Direction {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundApi => "outbound-api",
            Self::OutboundDial => "outbound-dial",
        }
    }
}

/// The parameters of the request that made the call.
#[derive(Clone, Debug, Default)]
pub(super) struct CallParameters {
    pub(super) url: Option<String>,
    pub(super) method: HttpMethod,
    pub(super) twiml: Option<String>,
    pub(super) fallback: Option<(HttpMethod, String)>,
    pub(super) callback: Option<(HttpMethod, String)>,
    /// Events subscribed to: `initiated`, `ringing`, `answered`, `completed`.
    pub(super) events: Vec<String>,
    pub(super) timeout: Duration,
    pub(super) time_limit: Duration,
    pub(super) send_digits: String,
    pub(super) detection: Option<Detection>,
    /// Parameters of every request for a document beside the usual ones: `StirVerstat`, geography.
    pub(super) extra: Vec<(String, String)>,
    /// `Record` and its companions
    pub(super) record: Option<RecordingRequest>,
    /// The conference into which the REST API invited the call.
    pub(super) invited_to: Option<String>,
}

/// Answering-machine detection.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    /// `DetectMessageEnd` rather than `Enable`.
    pub(super) message_end: bool,
    pub(super) asynchronous: bool,
    pub(super) timeout: Duration,
    pub(super) callback: Option<(HttpMethod, String)>,
}

/// Parameters of a recording that is about to start.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordingRequest {
    pub(super) source: &'static str,
    pub(super) channels: u8,
    /// `inbound` or `outbound`; none: both.
    pub(super) track: Option<String>,
    pub(super) conference_sid: Option<String>,
    pub(super) callback: Option<(HttpMethod, String)>,
    /// Events subscribed to; empty: `completed`.
    pub(super) events: Vec<String>,
    pub(super) transcription: Option<Option<(HttpMethod, String)>>,
}

impl RecordingRequest {
    /// The parameters that an element of TwiML gives, for one channel.
    pub(super) fn of(callback: &RecordingCallback, base: Option<&str>) -> Self {
        Self {
            channels: 1,
            track: callback.track.clone(),
            callback: absolute(base, callback.target.as_ref()),
            events: callback.events.clone(),
            ..Self::default()
        }
    }
}

/// Something that is or was heard.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TranscriptLine {
    pub(super) at: Timestamp,
    /// `twilio` or `callee`.
    pub(super) speaker: &'static str,
    /// `say`, `play`, `pause`, `keys`, `speech`, `greeting`, `beep`, `dial`, `connected`, `queue`,
    /// `conference`.
    pub(super) kind: &'static str,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voice: Option<String>,
    pub(super) seconds: f64,
    /// Cut short by a key or the end.
    pub(super) cut: bool,
}

/// The Gather that is open.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OpenGather {
    /// Number of the Gather in its call, from 1.
    pub(super) number: u32,
    pub(super) num_digits: Option<u32>,
    pub(super) finish_on_key: Option<char>,
    pub(super) timeout_seconds: f64,
    pub(super) barge_in: bool,
    pub(super) speech: bool,
    pub(super) language: Option<String>,
    pub(super) hints: Option<String>,
    /// The prompt is over and the timeout runs.
    pub(super) listening: bool,
    pub(super) digits: String,
}

/// Keys the callee pressed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PressedDigits {
    pub(super) at: Timestamp,
    pub(super) digits: String,
}

/// A webhook that was sent for this call.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SentWebhook {
    pub(super) at: Timestamp,
    pub(super) kind: &'static str,
    pub(super) call_status: String,
    pub(super) digits: Option<String>,
    pub(super) status: Option<u16>,
}

/// An entry of Notifications.json.
#[derive(Clone, Debug)]
pub(super) struct Notification {
    pub(super) sid: String,
    pub(super) at: Timestamp,
    pub(super) code: u32,
    pub(super) warning: bool,
    pub(super) message: String,
    pub(super) url: String,
}

/// A command to a call, from a person at the phone, the API or the simulator.
#[derive(Clone, Debug)]
pub(super) enum CallCommand {
    Answer,
    Decline,
    /// The party at the phone hangs up.
    HangUp,
    Press(String),
    Speak {
        text: String,
        confidence: f64,
    },
    /// `Status=completed`, or `canceled` before the answer.
    End,
    /// `TimeLimit` of an update, from the answer on.
    Limit(Duration),
    /// `Url` or `Twiml` of an update.
    Replace(DocumentSource),
    /// The Dial that made this call does not wait for an answer any more.
    NoAnswer,
    /// News of another call.
    Signal(Signal),
}

/// A message from one call to another one.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    /// A call that a Dial made is picked up, and may hear an announcement first.
    LegPickedUp(SidText),
    /// A call that a Dial made is answered and can be connected.
    LegAnswered(SidText),
    /// A call that a Dial made is over.
    LegEnded(SidText, CallStatus),
    /// A call took this one out of its queue; the document to be heard first.
    Bridged(SidText, Option<(HttpMethod, String)>),
    /// The call on the other side has left.
    Unbridged(SidText),
    /// Somebody came into a queue.
    QueueChanged,
    /// A conference started, ended, or treats somebody otherwise.
    ConferenceChanged,
    /// The call hears a document while it is in a conference.
    Announcement(HttpMethod, String),
}

/// Source of a document.
#[derive(Clone, Debug)]
pub(super) enum DocumentSource {
    Url(HttpMethod, String),
    Inline(String),
}

/// Everything about one call.
#[derive(Debug)]
pub(super) struct CallRecord {
    pub(super) sid: SidText,
    /// Grows by one with each call: newest first means largest first.
    pub(super) order: u64,
    pub(super) version: u64,
    pub(super) to: String,
    pub(super) from: String,
    /// The call whose Dial made this one.
    pub(super) parent: Option<SidText>,
    /// The call on the other side, where a queue connected both.
    pub(super) bridged_with: Option<SidText>,
    pub(super) direction: Direction,
    pub(super) parameters: CallParameters,
    pub(super) status: CallStatus,
    /// Each status with its beginning.
    pub(super) history: Vec<(Timestamp, CallStatus)>,
    pub(super) created_at: Timestamp,
    pub(super) dialed_at: Option<Timestamp>,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) queue_time: Duration,
    pub(super) answered_by: Option<String>,
    pub(super) sip_code: Option<u16>,
    pub(super) sequence: u32,
    pub(super) transcript: Vec<TranscriptLine>,
    /// The last line of the transcript is being said now.
    pub(super) saying: bool,
    pub(super) gather: Option<OpenGather>,
    pub(super) verbs: Vec<String>,
    pub(super) digits: Vec<PressedDigits>,
    pub(super) webhooks: Vec<SentWebhook>,
    /// Entries of Events.json, each as its text: as a value it would take many times the room.
    pub(super) events: Vec<Box<str>>,
    pub(super) notifications: Vec<Notification>,
    pub(super) cookies: CookieStore,
    /// The recording of the whole call.
    pub(super) recording: Option<String>,
    /// Parameters of the recording for the final status callback.
    pub(super) recorded: Option<Vec<(String, String)>>,
    pub(super) inbox: mpsc::UnboundedSender<(Timestamp, CallCommand)>,
}

impl CallRecord {
    /// Enters `status` unless the call has ended: a final status never changes.
    pub(super) fn enter(&mut self, status: CallStatus, at: Timestamp) {
        if self.status.has_ended() {
            return;
        }
        self.status = status;
        self.history.push((at, status));
        match status {
            CallStatus::Queued | CallStatus::Ringing => {}
            CallStatus::Initiated => self.dialed_at = Some(at),
            CallStatus::InProgress => self.answered_at = Some(at),
            CallStatus::Completed
            | CallStatus::Busy
            | CallStatus::NoAnswer
            | CallStatus::Failed
            | CallStatus::Canceled => {
                self.ended_at = Some(at);
                self.saying = false;
                self.gather = None;
            }
        }
    }

    /// Ends the current line of the transcript; `cut`: before its end.
    pub(super) fn fall_silent(&mut self, cut: bool) {
        self.saying = false;
        if let Some(last) = self
            .transcript
            .iter_mut()
            .rev()
            .find(|spoken| spoken.speaker == "twilio")
        {
            last.cut |= cut;
        }
    }

    /// The words of the other party since then.
    pub(super) fn words_since(
        &self,
        since: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, String)> + '_ {
        let lines = self.transcript.iter();
        lines
            .filter(move |line| line.kind == "speech" && line.at >= since)
            .map(|line| (line.at, line.text.clone()))
    }

    /// Marks the open Gather as listening, with the digits collected so far.
    pub(super) fn hear(&mut self, digits: String) {
        if let Some(gather) = &mut self.gather {
            gather.listening = true;
            gather.digits = digits;
        }
    }

    /// The status as it was at `at`; none when the call was not made yet.
    pub(super) fn status_at(&self, at: Timestamp) -> Option<CallStatus> {
        self.history
            .iter()
            .rev()
            .find(|(since, _)| *since <= at)
            .map(|(_, status)| *status)
    }

    /// The time of the answer, or else of the dialling.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        self.answered_at.or(self.dialed_at)
    }

    /// Seconds between answer and end; none while it lasts.
    pub(super) fn duration_seconds(&self) -> Option<i64> {
        let ended_at = self.ended_at?;
        Some(self.answered_at.map_or(0, |answered_at| {
            (ended_at.duration_since(answered_at).as_millis() / 1000) as i64
        }))
    }
}
