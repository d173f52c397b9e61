//! The settings of a simulated carrier. It must not read the environment.

use std::fmt;
use std::time::Duration;

use super::addresses::{is_number, is_url};

/// Settings of one [`Simulator`](super::Simulator).
#[derive(Clone)]
pub struct SimulatorConfig {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// Auth tokens; the first signs webhooks, each opens the REST API, the second signs under the
    /// fault `rotated_signature`.
    pub auth_tokens: Vec<String>,
    /// API keys (`SK…`, secret) that open the REST API.
    pub api_keys: Vec<(String, String)>,
    /// Sign webhooks with this shared key (id, secret, algorithm) instead of the auth token.
    pub webhook_key: Option<(String, String, SignatureAlgorithm)>,
    /// Numbers that may be used as `From`; empty: any number may.
    pub owned_numbers: Vec<String>,
    /// Calls started per second; the others wait in the queue. 0: no queue.
    pub calls_per_second: u32,
    /// A trial account: few parameters, ten documents a call, five seconds a fetch.
    pub trial: bool,
    /// The lengths of the parts of a call.
    pub timings: CallTimings,
    /// Time after the end of a call until its Events can be read.
    pub events_delay: Duration,
    /// The only origin that somebody without credentials may let be called (`POST inbound`);
    /// `None`: any. Set it where others can reach the simulator, so that they cannot make it request other hosts.
    pub only_origin: Option<String>,
    /// Origin under which a service reaches the REST API; it stands in the URLs of recordings.
    /// `None`: Twilio's own.
    pub api_origin: Option<String>,
    /// The URL that answers calls to our numbers, unless the caller names another one.
    pub voice_url: Option<String>,
    /// Connections to each host of a service that stay open between webhooks. 0 is nearest to
    /// Twilio where the service is restarted under the simulator.
    pub idle_connections: usize,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            account_sid: "AC00000000000000000000000000000000".to_owned(),
            auth_tokens: vec!["simulator-auth-token".to_owned()],
            api_keys: Vec::new(),
            webhook_key: None,
            owned_numbers: Vec::new(),
            calls_per_second: 0,
            trial: false,
            timings: CallTimings::default(),
            events_delay: Duration::from_secs(15 * 60),
            only_origin: None,
            api_origin: None,
            voice_url: None,
            idle_connections: 0,
        }
    }
}

impl SimulatorConfig {
    /// A setting that cannot work, in words.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let url = self.voice_url.as_deref();
        if url.is_some_and(|url| !is_url(url)) {
            return Some("voice_url must be an absolute http URL");
        }
        if self.owned_numbers.iter().any(|number| !is_number(number)) {
            return Some("owned_numbers must be E.164 numbers");
        }
        None
    }
}

impl fmt::Debug for SimulatorConfig {
    /// Without the secrets: with a real account these are real tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatorConfig")
            .field("account_sid", &self.account_sid)
            .field("owned_numbers", &self.owned_numbers)
            .field("calls_per_second", &self.calls_per_second)
            .field("trial", &self.trial)
            .field("timings", &self.timings)
            .field("events_delay", &self.events_delay)
            .field("only_origin", &self.only_origin)
            .finish_non_exhaustive()
    }
}

/// Digest of a shared-key signature (`X-Twilio-Webhooks-Signature-Settings`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// `HMAC_SHA1`
    HmacSha1,
    /// `HMAC_SHA256`
    HmacSha256,
}

impl SignatureAlgorithm {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC_SHA1",
            Self::HmacSha256 => "HMAC_SHA256",
        }
    }
}

/// Spans of the parts of a call, on the simulator's clock.
#[derive(Clone, Copy, Debug)]
pub struct CallTimings {
    /// From the queue to dialling.
    pub initiated_after: Duration,
    /// From dialling to ringing.
    pub ringing_after: Duration,
    /// From ringing to the pick-up, at numbers that answer by themselves.
    pub answered_after: Duration,
    /// From ringing to the refusal, at numbers that are busy or decline.
    pub refused_after: Duration,
    /// From the beginning of a prompt to the first key of a scripted person.
    pub pressed_after: Duration,
    /// From the end of a prompt to the first key of a scripted person who listens to it.
    pub pressed_after_prompt: Duration,
    /// Between two keys of one answer.
    pub between_keys: Duration,
    /// From pick-up to the verdict of machine detection on a person.
    pub verdict_after: Duration,
    /// Time that a voicemail records before it hangs up.
    pub voicemail_records: Duration,
}

impl Default for CallTimings {
    fn default() -> Self {
        Self {
            initiated_after: Duration::from_millis(200),
            ringing_after: Duration::from_secs(1),
            answered_after: Duration::from_secs(3),
            refused_after: Duration::from_secs(2),
            pressed_after: Duration::from_secs(2),
            pressed_after_prompt: Duration::from_millis(500),
            between_keys: Duration::from_millis(300),
            verdict_after: Duration::from_secs(4),
            voicemail_records: Duration::from_secs(120),
        }
    }
}
