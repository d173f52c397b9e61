//! The verbs of a document, as plain values.

use std::time::Duration;

use crate::http_method::HttpMethod;
use crate::webhook_url::resolve;

/// A document that can be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TwimlDocument {
    /// The verbs of `<Response>`, in order; what Twilio would skip is not among them.
    pub verbs: Vec<Verb>,
    /// Warnings about what was skipped or corrected.
    pub warnings: Vec<TwimlWarning>,
}

/// Something Twilio would note in its debugger and go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwimlWarning {
    /// Twilio's code (12200, 13511, …).
    pub code: u32,
    /// A description in words.
    pub message: String,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Something is heard.
    GatherPrompt(GatherPrompt),
    /// Keys or speech are collected.
    Gather(Box<Gather>),
    /// Another document goes on.
    Redirect(DocumentTarget),
    /// The other party is recorded.
    Record(Box<Record>),
    /// Other phones ring, or the call joins a conference or takes a call from a queue.
    Dial(Box<Dial>),
    /// The call waits in a queue.
    Enqueue(Enqueue),
    /// The call leaves the queue in which it waits.
    Leave,
    /// A SIP call is handed over.
    Refer(Option<DocumentTarget>),
    /// The other party hears itself.
    Echo,
    /// The call ends.
    Hangup,
    /// An inbound call is not taken; `true`: busy.
    Reject(bool),
    /// A verb of Twilio that does not work here: its name.
    Unsupported(String),
}

impl Verb {
    /// The element's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::GatherPrompt(GatherPrompt::Say(_)) => "Say",
            Self::GatherPrompt(GatherPrompt::Play(_)) => "Play",
            Self::GatherPrompt(GatherPrompt::Pause(_)) => "Pause",
            Self::Gather(_) => "Gather",
            Self::Redirect(_) => "Redirect",
            Self::Record(_) => "Record",
            Self::Dial(_) => "Dial",
            Self::Enqueue(_) => "Enqueue",
            Self::Leave => "Leave",
            Self::Refer(_) => "Refer",
            Self::Echo => "Echo",
            Self::Hangup => "Hangup",
            Self::Reject(_) => "Reject",
            Self::Unsupported(name) => name,
        }
    }

    /// Returns whether an inbound call is answered before the verb runs. A Pause lets it ring on
    /// for so long, and a Dial with `answerOnBridge` until a phone is connected.
    #[must_use]
    pub const fn answers(&self) -> bool {
        match self {
            Self::GatherPrompt(GatherPrompt::Pause(_)) => false,
            Self::Dial(dial) => {
                !(dial.answer_on_bridge && matches!(dial.party, DialedParty::Phones(_)))
            }
            Self::GatherPrompt(_)
            | Self::Gather(_)
            | Self::Redirect(_)
            | Self::Record(_)
            | Self::Enqueue(_)
            | Self::Leave
            | Self::Refer(_)
            | Self::Echo
            | Self::Hangup
            | Self::Reject(_)
            | Self::Unsupported(_) => true,
        }
    }
}

/// A verb that is heard; it may also stand inside a Gather.
#[derive(Clone, Debug, PartialEq)]
pub enum GatherPrompt {
    /// Text is spoken.
    Say(Say),
    /// Media or tones are played.
    Play(Play),
    /// Silence of this length.
    Pause(Duration),
}

/// `<Say>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// The spoken text, aliases of `<sub>` in place, white space single.
    pub text: String,
    /// `voice`, if given.
    pub voice: Option<String>,
    /// `language`, if given.
    pub language: Option<String>,
    /// Number of repetitions; 0 in the document is 1000 here.
    pub repeats: u32,
    /// Sum of the `<break>`s.
    pub breaks: Duration,
}

/// `<Play>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// Media URL, or empty with `digits`.
    pub url: String,
    /// Tones.
    pub digits: String,
    /// Number of repetitions; 0 in the document is 1000 here.
    pub repeats: u32,
}

/// A URL (relative or absolute; none: the current document) and how to ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentTarget {
    /// As written.
    pub url: Option<String>,
    /// `method`
    pub method: HttpMethod,
}

/// `<Gather>`
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// `action` and `method`
    pub action: DocumentTarget,
    /// Keys count.
    pub dtmf: bool,
    /// Speech counts.
    pub speech: bool,
    /// `numDigits`
    pub num_digits: Option<u32>,
    /// `timeout`
    pub timeout: Duration,
    /// `finishOnKey`; none: no key finishes.
    pub finish_on_key: Option<char>,
    /// `actionOnEmptyResult`
    pub action_on_empty_result: bool,
    /// `bargeIn`
    pub barge_in: bool,
    /// `language` of recognition
    pub language: Option<String>,
    /// `hints` of recognition
    pub hints: Option<String>,
    /// `partialResultCallback` and its method
    pub partial_results: Option<DocumentTarget>,
    /// The prompts that are heard meanwhile.
    pub prompts: Vec<GatherPrompt>,
}

/// `<Record>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `action` and `method`
    pub action: DocumentTarget,
    /// `timeout` of silence; zero: silence never ends the recording.
    pub timeout: Duration,
    /// `finishOnKey`: any of these
    pub finish_on_key: String,
    /// `maxLength`
    pub max_length: Duration,
    /// `playBeep`
    pub play_beep: bool,
    /// `trim`: silence at the end does not count.
    pub trim: bool,
    /// `recordingStatusCallback` and its companions
    pub callback: RecordingCallback,
    /// `transcribe` and `transcribeCallback`
    pub transcribe: Option<Option<DocumentTarget>>,
}

/// The status callback of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingCallback {
    /// The URL and its method, as written.
    pub target: Option<DocumentTarget>,
    /// `in-progress`, `completed`, `absent`; empty: `completed` only.
    pub events: Vec<String>,
    /// `recordingTrack`: `inbound` or `outbound`; none: both.
    pub track: Option<String>,
}

/// `<Dial>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// `action` and `method`; without an action the next verb goes on.
    pub action: Option<DocumentTarget>,
    /// The party that is called.
    pub party: DialedParty,
    /// `timeout`: how long it rings.
    pub timeout: Duration,
    /// `timeLimit` of the connection
    pub time_limit: Duration,
    /// `hangupOnStar`
    pub hangup_on_star: bool,
    /// `callerId`
    pub caller_id: Option<String>,
    /// `record`
    pub record: DialRecording,
    /// `record` ends with `-dual`: each side has a channel of its own.
    pub dual_channel: bool,
    /// `recordingStatusCallback` and its companions
    pub callback: RecordingCallback,
    /// `sequential`: one phone after the other.
    pub sequential: bool,
    /// `answerOnBridge`: an inbound call goes on ringing until a phone is connected.
    pub answer_on_bridge: bool,
}

/// `record` of a Dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialRecording {
    /// `do-not-record`
    #[default]
    Off,
    /// `record-from-answer`
    FromAnswer,
    /// `record-from-ringing`
    FromRinging,
}

/// The party that a Dial connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialedParty {
    /// Phones that ring at once, or one after the other. None: no number was valid.
    Phones(Vec<DialedPhone>),
    /// A conference.
    Conference(Box<DialedConference>),
    /// The first call in a queue.
    Queue {
        /// The queue's name.
        name: String,
        /// `url`: what the waiting call hears before it is connected.
        announcement: Option<DocumentTarget>,
    },
}

/// `<Number>`, `<Client>`, `<Sip>` or text in a Dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialedPhone {
    /// E.164, `client:…` or `sip:…`
    pub address: String,
    /// `url`: what the phone hears before it is connected.
    pub announcement: Option<DocumentTarget>,
    /// `sendDigits`
    pub send_digits: String,
    /// `statusCallback` and its method
    pub callback: Option<DocumentTarget>,
    /// `statusCallbackEvent`; empty: `completed` only.
    pub events: Vec<String>,
    /// `Parameter` of a Client
    pub parameters: Vec<(String, String)>,
    /// `machineDetection` and its companions
    pub detection: Option<PhoneDetection>,
}

/// Machine detection of a phone that a Dial calls. It never delays the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneDetection {
    /// `DetectMessageEnd` rather than `Enable`
    pub message_end: bool,
    /// `machineDetectionTimeout`
    pub timeout: Duration,
    /// `amdStatusCallback` and its method
    pub callback: Option<DocumentTarget>,
}

/// `<Conference>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialedConference {
    /// The conference's name.
    pub name: String,
    /// `muted`
    pub muted: bool,
    /// `startConferenceOnEnter`
    pub start_on_enter: bool,
    /// `endConferenceOnExit`
    pub end_on_exit: bool,
    /// `maxParticipants`
    pub max_participants: usize,
    /// `waitUrl`; none: silence.
    pub wait: Option<DocumentTarget>,
    /// `statusCallback` and its method
    pub callback: Option<DocumentTarget>,
    /// `statusCallbackEvent`; empty: none.
    pub events: Vec<String>,
    /// `participantLabel`
    pub label: String,
    /// `record-from-start`, with its status callback.
    pub record: Option<RecordingCallback>,
}

/// `<Enqueue>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// The queue's name.
    pub name: String,
    /// `action` and `method`; without an action the next verb goes on.
    pub action: Option<DocumentTarget>,
    /// `waitUrl`; none: silence.
    pub wait: Option<DocumentTarget>,
    /// `maxQueueSize`; none: the size that the queue has.
    pub max_size: Option<usize>,
}

/// A target of a document, as a URL that can be requested.
pub(crate) fn absolute(
    base: Option<&str>,
    target: Option<&DocumentTarget>,
) -> Option<(HttpMethod, String)> {
    let target = target?;
    let url = resolve(base, target.url.as_deref()?)?;
    Some((target.method, url))
}
