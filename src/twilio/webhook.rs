//! Typed views of Twilio's webhooks.
//!
//! A view must only be made of a form whose signature holds. Twilio adds parameters without notice
//! and documents few of their forms, so all but what names the call is optional, and what cannot be
//! read counts as absent.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::form::Form;
use super::{AccountSid, AnsweredBy, CallStatus};
use crate::domain::CallSid;

/// Fault of a verified form that is not the webhook it should be: a parameter that Twilio always
/// sends is absent or unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook has no readable {parameter}")]
pub struct WebhookError {
    /// Its name on the wire.
    pub parameter: &'static str,
}

/// A request for a document: `Url`, a Gather's `action`, a Redirect's target, or `FallbackUrl`
/// (Twilio, "TwiML: Twilio's request to your application").
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceRequest<'a> {
    /// The call.
    pub call_sid: CallSid,
    /// The account, or subaccount, that the call belongs to.
    pub account_sid: AccountSid,
    /// `in-progress` as a rule.
    pub call_status: Option<CallStatus>,
    /// The calling number; for a call of ours, our own.
    pub from: Option<&'a str>,
    /// The called number.
    pub to: Option<&'a str>,
    /// Keys that were pressed, without the one that finished them; empty when Twilio says that
    /// there were none.
    pub digits: Option<&'a str>,
    /// The key that finished the input; empty when none did.
    pub finished_on_key: Option<&'a str>,
    /// The recognised words.
    pub speech_result: Option<&'a str>,
    /// Twilio's confidence in `speech_result`, 0 to 1.
    pub confidence: Option<f32>,
    /// The result of machine detection, if it is synchronous.
    pub answered_by: Option<AnsweredBy>,
    /// To `FallbackUrl`: why the document before could not be used.
    pub error_code: Option<u32>,
    /// To `FallbackUrl`: where that document was to come from.
    pub error_url: Option<&'a str>,
    /// The carrier's attestation of the caller's number.
    pub stir_verstat: Option<&'a str>,
}

impl<'a> VoiceRequest<'a> {
    /// Reads a verified form.
    ///
    /// # Errors
    /// When `CallSid` is absent, or `AccountSid` absent or unreadable.
    pub fn read(form: &'a Form) -> Result<Self, WebhookError> {
        let confidence: Option<f32> = parsed(form, "Confidence");
        Ok(Self {
            call_sid: call_sid(form)?,
            account_sid: required(form, "AccountSid")?,
            call_status: parsed(form, "CallStatus"),
            from: form.get("From"),
            to: form.get("To"),
            digits: form.get("Digits"),
            finished_on_key: form.get("FinishedOnKey"),
            speech_result: form.get("SpeechResult"),
            confidence: confidence.filter(|confidence| (0.0..=1.0).contains(confidence)),
            answered_by: parsed(form, "AnsweredBy"),
            error_code: parsed(form, "ErrorCode"),
            error_url: form.get("ErrorUrl"),
            stir_verstat: form.get("StirVerstat"),
        })
    }
}

/// A request to `StatusCallback` (Twilio, Call resource, parameters of `StatusCallback`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusCallback {
    /// The call.
    pub call_sid: CallSid,
    /// The account, or subaccount, that the call belongs to.
    pub account_sid: AccountSid,
    /// Its status. Callbacks may overtake one another.
    pub call_status: CallStatus,
    /// The order of events, from 0. It has gaps.
    pub sequence_number: Option<u32>,
    /// The time of the event, to the second.
    pub timestamp: Option<Timestamp>,
    /// Time for which the line was open, to the second; only of a call that ended.
    pub call_duration: Option<Duration>,
    /// SIP response with which the carrier ended it; only of a call that ended.
    pub sip_response_code: Option<u16>,
    /// The result of machine detection, if there is one.
    pub answered_by: Option<AnsweredBy>,
    /// Twilio's error code of a failed call, if there is one.
    pub error_code: Option<u32>,
}

impl StatusCallback {
    /// Reads a verified form.
    ///
    /// # Errors
    /// When `CallSid` is absent, or `AccountSid` or `CallStatus` absent or unreadable.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: call_sid(form)?,
            account_sid: required(form, "AccountSid")?,
            call_status: required(form, "CallStatus")?,
            sequence_number: parsed(form, "SequenceNumber"),
            timestamp: form.get("Timestamp").and_then(rfc2822),
            call_duration: parsed(form, "CallDuration").map(Duration::from_secs),
            sip_response_code: parsed(form, "SipResponseCode"),
            answered_by: parsed(form, "AnsweredBy"),
            error_code: parsed(form, "ErrorCode"),
        })
    }
}

/// A request to `AsyncAmdStatusCallback` (Twilio, "Answering machine detection").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmdCallback {
    /// The call.
    pub call_sid: CallSid,
    /// The account, or subaccount, that the call belongs to.
    pub account_sid: AccountSid,
    /// The result; `None` for an unknown word.
    pub answered_by: Option<AnsweredBy>,
    /// Time that the detection took, to the millisecond.
    pub machine_detection_duration: Option<Duration>,
}

impl AmdCallback {
    /// Reads a verified form.
    ///
    /// # Errors
    /// When `CallSid` is absent, or `AccountSid` absent or unreadable.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: call_sid(form)?,
            account_sid: required(form, "AccountSid")?,
            answered_by: parsed(form, "AnsweredBy"),
            machine_detection_duration: parsed(form, "MachineDetectionDuration")
                .map(Duration::from_millis),
        })
    }
}

/// The SID of the call. A name of another shape comes from software that plays Twilio; the signature
/// holds, so the person on the line is asked all the same.
fn call_sid(form: &Form) -> Result<CallSid, WebhookError> {
    let parameter = "CallSid";
    let text = form.get(parameter).filter(|text| !text.is_empty());
    let text = text.ok_or(WebhookError { parameter })?;
    Ok(text.parse().unwrap_or_else(|_| CallSid::of_foreign(text)))
}

fn required<T: FromStr>(form: &Form, parameter: &'static str) -> Result<T, WebhookError> {
    parsed(form, parameter).ok_or(WebhookError { parameter })
}

fn parsed<T: FromStr>(form: &Form, parameter: &str) -> Option<T> {
    form.get(parameter)?.parse().ok()
}

/// Reads Twilio's dates, `Sun, 25 Mar 2018 09:53:19 +0000`.
pub(super) fn rfc2822(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDS: &str =
        "CallSid=CA0123456789abcdef0123456789abcdef&AccountSid=AC0123456789abcdef0123456789abcdef";

    fn form(rest: &str) -> Form {
        Form::parse(format!("{SIDS}&{rest}").as_bytes()).unwrap()
    }

    #[test]
    fn a_gathers_action_is_read_as_twilio_sends_it() {
        let form = form(
            "Digits=1&Digits=2&FinishedOnKey=&msg=Gather+End&CallStatus=in-progress&From=%2B15551234567&ToCity=",
        );
        let request = VoiceRequest::read(&form).unwrap();
        assert_eq!(
            request.call_sid.to_string(),
            "CA0123456789abcdef0123456789abcdef"
        );
        assert_eq!(
            request.account_sid.to_string(),
            "AC0123456789abcdef0123456789abcdef"
        );
        assert_eq!(request.call_status, Some(CallStatus::InProgress));
        assert_eq!(
            (request.digits, request.finished_on_key),
            (Some("1"), Some(""))
        );
        assert_eq!(
            (request.from, request.to, request.speech_result),
            (Some("+15551234567"), None, None)
        );
    }

    #[test]
    fn speech_machine_detection_and_errors_are_read() {
        let form = form(
            "SpeechResult=yes&Confidence=0.9&AnsweredBy=human&ErrorCode=11200&ErrorUrl=https%3A%2F%2Fa%2F",
        );
        let request = VoiceRequest::read(&form).unwrap();
        assert_eq!(
            (request.speech_result, request.confidence),
            (Some("yes"), Some(0.9))
        );
        assert_eq!(request.answered_by, Some(AnsweredBy::Human));
        assert_eq!(
            (request.error_code, request.error_url),
            (Some(11200), Some("https://a/"))
        );
    }

    #[test]
    fn what_cannot_be_read_counts_as_absent() {
        let form = form("CallStatus=resting&Confidence=NaN&AnsweredBy=dog&ErrorCode=-1");
        let request = VoiceRequest::read(&form).unwrap();
        assert_eq!((request.call_status, request.confidence), (None, None));
        assert_eq!((request.answered_by, request.error_code), (None, None));
        assert_eq!(
            StatusCallback::read(&form),
            Err(WebhookError {
                parameter: "CallStatus"
            })
        );
    }

    #[test]
    fn what_names_the_call_is_required() {
        let none = Form::parse(b"CallSid=&CallStatus=ringing").unwrap();
        assert_eq!(
            VoiceRequest::read(&none),
            Err(WebhookError {
                parameter: "CallSid"
            })
        );
        let account = Form::parse(b"CallSid=CA0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(
            AmdCallback::read(&account),
            Err(WebhookError {
                parameter: "AccountSid"
            })
        );
    }

    #[test]
    fn a_call_that_twilio_did_not_name_has_one_name_in_all_its_webhooks() {
        let foreign = Form::parse(
            b"CallSid=0192f3c1-7c3e-7bb0-a1de-1f0f0f0f0f0f&CallStatus=ringing\
              &AccountSid=AC0123456789abcdef0123456789abcdef",
        )
        .unwrap();
        let (voice, status) = (VoiceRequest::read(&foreign), StatusCallback::read(&foreign));
        assert_eq!(voice.unwrap().call_sid, status.unwrap().call_sid);
    }

    #[test]
    fn a_final_status_callback_tells_how_the_call_ended() {
        let form = form(
            "CallStatus=no-answer&Duration=0&CallDuration=0&SipResponseCode=487&SequenceNumber=3\
             &Timestamp=Sun%2C+25+Mar+2018+09%3A53%3A19+%2B0000&CallbackSource=call-progress-events",
        );
        let callback = StatusCallback::read(&form).unwrap();
        assert_eq!(callback.call_status, CallStatus::NoAnswer);
        assert_eq!(
            callback.timestamp,
            Some("2018-03-25T09:53:19Z".parse().unwrap())
        );
        assert_eq!(
            (callback.sip_response_code, callback.sequence_number),
            (Some(487), Some(3))
        );
        assert_eq!(callback.call_duration, Some(Duration::ZERO));
        assert_eq!((callback.answered_by, callback.error_code), (None, None));
    }

    #[test]
    fn a_machine_detection_callback_is_read() {
        let form = form("AnsweredBy=machine_end_beep&MachineDetectionDuration=4210");
        let callback = AmdCallback::read(&form).unwrap();
        assert_eq!(callback.answered_by, Some(AnsweredBy::MachineEndBeep));
        assert_eq!(
            callback.machine_detection_duration,
            Some(Duration::from_millis(4_210))
        );
    }
}
