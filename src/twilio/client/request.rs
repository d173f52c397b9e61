//! Requests to Twilio, rendered as forms and queries.
//!
//! Limits are Twilio's and are not checked here: its refusal says more than a guess of ours could.

use super::append_some;
use crate::twilio::form::append;
use crate::twilio::{CallStatus, StatusCallbackEvent};

/// A call to place (Twilio, Call resource, "Create a Call resource").
///
/// Trial accounts refuse a request with any other parameter than those of [`NewCall::minimal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCall {
    /// The called number, E.164.
    pub to: String,
    /// A number of the account's, E.164.
    pub from: String,
    /// Address of the first document, fetched once somebody picked up; absolute.
    pub url: String,
    /// Address of a document in place of one that cannot be used.
    pub fallback_url: Option<String>,
    /// The URL of the status callbacks.
    pub status_callback: Option<String>,
    /// The events of the status callbacks; none means `completed` alone.
    pub status_callback_events: Vec<StatusCallbackEvent>,
    /// Time for which it rings, in seconds, at most 600; Twilio's default is 60.
    pub timeout: Option<u16>,
    /// Time for which the line may be open, in seconds; Twilio's default is 4 hours.
    pub time_limit: Option<u32>,
    /// Keys to send after the pick-up: at most 32 of `0-9 A-D # * w W`. Switches machine detection
    /// off.
    pub send_digits: Option<String>,
    /// Asks Twilio to find out who picked up.
    pub machine_detection: Option<MachineDetection>,
}

impl NewCall {
    /// The only parameters that a trial account may use (Twilio, "Try out voice", 2026).
    #[must_use]
    pub fn minimal(to: String, from: String, url: String, status_callback: Option<String>) -> Self {
        Self {
            to,
            from,
            url,
            fallback_url: None,
            status_callback,
            status_callback_events: Vec::new(),
            timeout: None,
            time_limit: None,
            send_digits: None,
            machine_detection: None,
        }
    }

    /// The same call with nothing but what a trial account may use.
    #[must_use]
    pub fn to_minimal(&self) -> Self {
        Self::minimal(
            self.to.clone(),
            self.from.clone(),
            self.url.clone(),
            self.status_callback.clone(),
        )
    }

    /// The form as it is sent.
    #[must_use]
    pub fn to_form(&self) -> String {
        // Four URLs, and what is escaped in them.
        let mut form = String::with_capacity(1024 + 5 * self.url.len());
        append(&mut form, "To", &self.to);
        append(&mut form, "From", &self.from);
        append(&mut form, "Url", &self.url);
        append_some(&mut form, "FallbackUrl", self.fallback_url.as_deref());
        append_some(&mut form, "StatusCallback", self.status_callback.as_deref());
        // Repeated, one event each: in one value with spaces Twilio would only know the word it
        // does not know.
        for event in &self.status_callback_events {
            append(&mut form, "StatusCallbackEvent", event.as_str());
        }
        append_number(&mut form, "Timeout", self.timeout);
        append_number(&mut form, "TimeLimit", self.time_limit);
        append_some(&mut form, "SendDigits", self.send_digits.as_deref());
        if let Some(detection) = &self.machine_detection {
            detection.append_to(&mut form);
        }
        form
    }
}

/// Parameters of machine detection (Twilio, "Answering machine detection").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineDetection {
    /// Waits for the end of a greeting, or does not.
    pub mode: MachineDetectionMode,
    /// Time limit of the detection, in seconds, 3 to 59; Twilio's default is 30.
    pub timeout: Option<u16>,
    /// Speech that lasts longer is a machine, milliseconds, 1000 to 6000; default 2400.
    pub speech_threshold: Option<u16>,
    /// Silence that ends speech, milliseconds, 500 to 5000; default 1200.
    pub speech_end_threshold: Option<u16>,
    /// Silence at the start that ends in `unknown`, milliseconds, 2000 to 10000; default 5000.
    pub silence_timeout: Option<u16>,
    /// Detect while the call goes on; without it, nothing is said before the verdict.
    pub asynchronous: Option<AsyncAmd>,
}

/// Address of an asynchronous verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncAmd {
    /// `AsyncAmdStatusCallback`; without one Twilio warns, and the result is lost.
    pub status_callback: String,
}

/// `MachineDetection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineDetectionMode {
    /// A verdict as soon as there is one.
    Enable,
    /// Waits for the end of a machine's greeting.
    DetectMessageEnd,
}

impl MachineDetection {
    /// Asynchronous detection with Twilio's own limits.
    #[must_use]
    pub fn asynchronous(mode: MachineDetectionMode, status_callback: String) -> Self {
        Self {
            mode,
            timeout: None,
            speech_threshold: None,
            speech_end_threshold: None,
            silence_timeout: None,
            asynchronous: Some(AsyncAmd { status_callback }),
        }
    }

    fn append_to(&self, form: &mut String) {
        let mode = match self.mode {
            MachineDetectionMode::Enable => "Enable",
            MachineDetectionMode::DetectMessageEnd => "DetectMessageEnd",
        };
        append(form, "MachineDetection", mode);
        append_number(form, "MachineDetectionTimeout", self.timeout);
        append_number(
            form,
            "MachineDetectionSpeechThreshold",
            self.speech_threshold,
        );
        append_number(
            form,
            "MachineDetectionSpeechEndThreshold",
            self.speech_end_threshold,
        );
        append_number(form, "MachineDetectionSilenceTimeout", self.silence_timeout);
        if let Some(AsyncAmd { status_callback }) = &self.asynchronous {
            append(form, "AsyncAmd", "true");
            append(form, "AsyncAmdStatusCallback", status_callback);
        }
    }
}

/// A change to a call that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallUpdate {
    /// Ends a call in any state.
    Complete,
    /// Drops what is being said and runs this document, at most 4000 characters; its URLs must be
    /// absolute.
    Twiml(String),
}

impl CallUpdate {
    /// The form as it is sent.
    #[must_use]
    pub fn to_form(&self) -> String {
        let mut form = String::new();
        match self {
            Self::Complete => append(&mut form, "Status", "completed"),
            Self::Twiml(document) => append(&mut form, "Twiml", document),
        }
        form
    }
}

/// Filter of a list of calls (Twilio, Call resource, "Read multiple Call resources").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The called number.
    pub to: Option<String>,
    /// The calling number.
    pub from: Option<String>,
    /// The present status.
    pub status: Option<CallStatus>,
    /// Calls a page, 1 to 100 (more would not fit into an answer that is read here); Twilio's
    /// default is 50.
    pub page_size: Option<u16>,
}

impl ListQuery {
    /// The query as it is sent.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        append_some(&mut query, "To", self.to.as_deref());
        append_some(&mut query, "From", self.from.as_deref());
        append_some(&mut query, "Status", self.status.map(CallStatus::as_str));
        append_number(
            &mut query,
            "PageSize",
            Some(self.page_size.unwrap_or(50).clamp(1, 100)),
        );
        query
    }
}

fn append_number(form: &mut String, name: &str, value: Option<impl Into<u32>>) {
    append_some(
        form,
        name,
        value.map(|value| value.into().to_string()).as_deref(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_query_has_its_filters_and_a_bounded_page() {
        let query = ListQuery {
            to: Some("+15551234567".into()),
            status: Some(CallStatus::InProgress),
            page_size: Some(1_000),
            ..ListQuery::default()
        };
        assert_eq!(
            query.to_query(),
            "To=%2B15551234567&Status=in-progress&PageSize=100"
        );
    }

    #[test]
    fn updates_carry_one_parameter() {
        assert_eq!(CallUpdate::Complete.to_form(), "Status=completed");
        assert_eq!(
            CallUpdate::Twiml("<Response/>".into()).to_form(),
            "Twiml=%3CResponse%2F%3E"
        );
    }

    #[test]
    fn a_minimal_call_has_nothing_a_trial_account_refuses() {
        let call = NewCall {
            status_callback: Some("https://a.example/s".into()),
            timeout: Some(30),
            time_limit: Some(300),
            status_callback_events: StatusCallbackEvent::ALL.to_vec(),
            ..NewCall::minimal("+1".into(), "+2".into(), "https://a.example/".into(), None)
        };
        assert_eq!(
            call.to_minimal().to_form(),
            "To=%2B1&From=%2B2&Url=https%3A%2F%2Fa.example%2F&StatusCallback=https%3A%2F%2Fa.example%2Fs"
        );
    }
}
