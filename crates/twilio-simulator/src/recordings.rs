//! Recordings: they exist from their first second, and their status callbacks are sent.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::call::RecordingRequest;
use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::status_delivery::StatusDelivery;
use super::webhook_params::pairs;
use super::{Inner, status_delivery, webhook_params};

/// Most recordings that are kept; the oldest go first.
const KEPT: usize = 2_000;

/// Time from the end of a recording to its transcription. Twilio needs longer for the words than for
/// the action's request, and services store the recording there.
const TRANSCRIBED_AFTER: Duration = Duration::from_secs(5);

/// A recording of a call.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    /// `RE…`
    pub(super) sid: String,
    pub(super) call_sid: String,
    /// Set where a whole conference is recorded.
    pub(super) conference_sid: Option<String>,
    pub(super) started_at: Timestamp,
    /// `in-progress`, `completed` or `absent`.
    pub(super) status: &'static str,
    /// Known once it is over.
    pub(super) length: Option<Duration>,
    pub(super) channels: u8,
    /// `RecordVerb`, `DialVerb`, `Conference` or `OutboundAPI`.
    pub(super) source: &'static str,
    /// `inbound`, `outbound` or `both`.
    track: String,
    /// The words that were said while it ran.
    pub(super) words: Vec<String>,
    /// Set where a transcription was asked for.
    pub(super) transcription: Option<Transcription>,
    callback: Option<(HttpMethod, String)>,
    events: Vec<String>,
}

/// The text of a recording.
#[derive(Clone, Debug)]
pub(super) struct Transcription {
    /// `TR…`
    pub(super) sid: String,
    pub(super) callback: Option<(HttpMethod, String)>,
}

impl Recording {
    /// Whole seconds, as Twilio counts them.
    pub(super) fn seconds(&self) -> u64 {
        self.length.unwrap_or_default().as_secs()
    }
}

/// The recording's URL, to which a client may add `.json`, `.wav` or nothing.
pub(super) fn url(sim: &Inner, sid: &str) -> String {
    let account_sid = &sim.config.account_sid;
    let origin = sim.config.api_origin.as_deref();
    format!(
        "{}/2010-04-01/Accounts/{account_sid}/Recordings/{sid}",
        origin.unwrap_or("https://api.twilio.com")
    )
}

/// Begins a recording of a call; its sid.
pub(super) fn begin(
    sim: &Arc<Inner>,
    call_sid: &str,
    at: Timestamp,
    request: RecordingRequest,
) -> String {
    let sid = format!("RE{}", uuid::Uuid::new_v4().simple());
    let events = if request.events.is_empty() {
        vec!["completed".to_owned()]
    } else {
        request.events
    };
    let recording = Recording {
        sid: sid.clone(),
        call_sid: call_sid.to_owned(),
        conference_sid: request.conference_sid,
        started_at: at,
        status: "in-progress",
        length: None,
        channels: request.channels,
        source: request.source,
        track: request.track.unwrap_or_else(|| "both".to_owned()),
        words: Vec::new(),
        transcription: request.transcription.map(|callback| Transcription {
            sid: format!("TR{}", uuid::Uuid::new_v4().simple()),
            callback,
        }),
        callback: request.callback,
        events,
    };
    sim.change(|state| {
        state.recordings.push_back(recording);
        if state.recordings.len() > KEPT {
            state.recordings.pop_front();
        }
    });
    send_news(sim, &sid, "in-progress");
    sid
}

/// Ends a recording at its length; nothing audible makes it absent.
pub(super) fn finish(
    sim: &Arc<Inner>,
    sid: &str,
    length: Option<Duration>,
    words: Vec<String>,
) -> Option<Recording> {
    let status = if length.is_some() {
        "completed"
    } else {
        "absent"
    };
    let recording = sim.change(|state| {
        let mut recordings = state.recordings.iter_mut();
        let recording = recordings.find(|it| it.sid == sid)?;
        recording.status = status;
        recording.length = Some(length.unwrap_or_default());
        recording.words = words;
        Some(recording.clone())
    })?;
    send_news(sim, sid, status);
    if length.is_some() {
        send_transcription(sim, &recording);
    }
    Some(recording)
}

/// Parameters that a recording adds to the requests of its call.
pub(super) fn params(sim: &Inner, recording: &Recording) -> Vec<(String, String)> {
    pairs(&[
        ("RecordingUrl", &url(sim, &recording.sid)),
        ("RecordingSid", &recording.sid),
        ("RecordingDuration", &recording.seconds().to_string()),
    ])
}

fn send_news(sim: &Arc<Inner>, sid: &str, event: &str) {
    let delivery = {
        let state = sim.lock();
        let Some(recording) = state.recordings.iter().find(|it| it.sid == sid) else {
            return;
        };
        let subscribed = recording.events.iter().any(|it| it == event);
        let Some(target) = recording.callback.as_ref().filter(|_| subscribed) else {
            return;
        };
        let Some(call) = state.call(&recording.call_sid) else {
            return;
        };
        let about = match &recording.conference_sid {
            Some(sid) => ("ConferenceSid", sid.as_str()),
            None => ("CallSid", recording.call_sid.as_str()),
        };
        let mut params = pairs(&[
            ("AccountSid", &sim.config.account_sid),
            about,
            ("RecordingSid", &recording.sid),
            ("RecordingUrl", &url(sim, &recording.sid)),
            ("RecordingStatus", event),
            ("RecordingChannels", &recording.channels.to_string()),
            ("RecordingStartTime", &rfc2822(recording.started_at)),
            ("RecordingSource", recording.source),
            ("RecordingTrack", &recording.track),
            ("ErrorCode", "0"),
        ]);
        if recording.length.is_some() {
            let seconds = recording.seconds().to_string();
            params.extend(pairs(&[("RecordingDuration", &seconds)]));
        }
        StatusDelivery {
            outgoing: webhook_params::outgoing(call, "recording", target, params),
            to: call.to.clone(),
            is_final: false,
        }
    };
    status_delivery::spawn(sim, delivery, None);
}

/// Sends what was said, as `transcribeCallback` gets it.
fn send_transcription(sim: &Arc<Inner>, recording: &Recording) {
    let Some(transcription) = &recording.transcription else {
        return;
    };
    let Some(target) = &transcription.callback else {
        return;
    };
    let delivery = {
        let state = sim.lock();
        let Some(call) = state.call(&recording.call_sid) else {
            return;
        };
        let account_sid = &sim.config.account_sid;
        let recording_url = url(sim, &recording.sid);
        let origin = recording_url.split("/Recordings/").next();
        let transcription_url = format!(
            "{}/Transcriptions/{}",
            origin.unwrap_or_default(),
            transcription.sid
        );
        let params = pairs(&[
            ("AccountSid", account_sid),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &call.sid),
            ("Caller", &call.from),
            ("Called", &call.to),
            ("From", &call.from),
            ("To", &call.to),
            ("Direction", call.direction.word()),
            ("RecordingSid", &recording.sid),
            ("RecordingUrl", &recording_url),
            ("TranscriptionSid", &transcription.sid),
            ("TranscriptionUrl", &transcription_url),
            ("TranscriptionStatus", "completed"),
            ("TranscriptionType", "fast"),
            ("TranscriptionText", &recording.words.join(" ")),
        ]);
        StatusDelivery {
            outgoing: webhook_params::outgoing(call, "transcription", target, params),
            to: call.to.clone(),
            is_final: false,
        }
    };
    status_delivery::spawn(sim, delivery, Some(TRANSCRIBED_AFTER));
}

/// The header of a WAV file of this length: 16-bit samples, mono, 8000 a second.
pub(super) fn wav_header(seconds: u64) -> Vec<u8> {
    let size = u32::try_from(wav_bytes(seconds)).unwrap_or(u32::MAX - 36);
    let mut header = Vec::with_capacity(44);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&(size + 36).to_le_bytes());
    header.extend_from_slice(b"WAVEfmt ");
    for (value, bytes) in [
        (16, 4),
        (1, 2),
        (1, 2),
        (8_000, 4),
        (16_000, 4),
        (2, 2),
        (16_u32, 2),
    ] {
        header.extend(value.to_le_bytes().into_iter().take(bytes));
    }
    header.extend_from_slice(b"data");
    header.extend_from_slice(&size.to_le_bytes());
    header
}

/// Bytes of the samples of a WAV file of this length.
pub(super) const fn wav_bytes(seconds: u64) -> u64 {
    seconds * 16_000
}
