//! Faults of a callee's line: every fault of the simulator, for this number alone.

use serde_json::{Value, json};
use twilio_simulator::Fault;

use super::dice::Dice;

/// A fault, or none.
#[derive(Clone, Debug)]
pub(super) struct LineFault {
    /// `None`: everything works.
    pub(super) fault: Option<Fault>,
    /// Its switch, but for the number.
    pub(super) switch: Value,
}

/// Loss that a fault may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// No key and no word.
    Nothing,
    /// Keys or words.
    Answers,
    /// The rest of the conversation.
    Rest,
    /// The whole call.
    Call,
}

impl LineFault {
    /// Faults and the lack of one.
    pub(super) const KINDS: usize = Fault::ALL.len() + 1;

    pub(super) fn new(number: usize, dice: &mut Dice) -> Self {
        let fault = Fault::ALL.get(number % Self::KINDS).copied();
        let mut switch = json!({});
        // Once, a few times, or for as long as the call lasts.
        match dice.below(3) {
            0 => switch["count"] = json!(1),
            1 => switch["count"] = json!(dice.one_of(&[2, 3, 5])),
            _ => {}
        }
        match fault {
            Some(Fault::DelayCallback) => switch["seconds"] = json!(dice.seconds(1.0, 60.0)),
            Some(Fault::DelayVoice) => switch["seconds"] = json!(dice.seconds(0.1, 2.0)),
            Some(Fault::AmdLate) => switch["seconds"] = json!(dice.seconds(1.0, 20.0)),
            Some(Fault::ListStale) => switch["seconds"] = json!(dice.seconds(1.0, 60.0)),
            Some(Fault::ClockSkew) => switch["seconds"] = json!(dice.seconds(1.0, 120.0)),
            // In real seconds.
            Some(Fault::CreateSlow) => switch["seconds"] = json!(0.02),
            Some(Fault::Create429) => {
                switch["retry_after"] = json!(dice.one_of(&[1, 5]));
                switch["count"] = json!(dice.one_of(&[1, 2]));
            }
            // A carrier that never takes a call on ends no conversation wrongly.
            Some(Fault::Create503 | Fault::RestError | Fault::CreateError) => {
                switch["count"] = json!(1);
            }
            _ => {}
        }
        if matches!(
            fault,
            Some(
                Fault::Unsigned
                    | Fault::WrongSignature
                    | Fault::WebhookUnreachable
                    | Fault::DelayVoice
                    | Fault::DuplicateVoice
            )
        ) {
            switch["only"] = json!(dice.one_of(&["key", "key", "voice"]));
        }
        Self { fault, switch }
    }

    pub(super) fn loss(&self) -> Loss {
        match self.fault {
            None => Loss::Nothing,
            Some(fault) => match fault {
                Fault::DropCallback
                | Fault::DropCompleted
                | Fault::DelayCallback
                | Fault::DuplicateCallback
                | Fault::DuplicateVoice
                | Fault::DelayVoice
                | Fault::ReorderCallbacks
                | Fault::Create429
                | Fault::Create500AfterAccepting
                | Fault::Create503
                | Fault::CreateSlow
                | Fault::CreateLostResponse
                | Fault::TrialNoCallback
                | Fault::RotatedSignature
                | Fault::ShuffledParams
                | Fault::SortedQuery
                | Fault::ExtraParams
                | Fault::AmdLate
                | Fault::ListStale
                | Fault::ClockSkew
                | Fault::Update21220 => Loss::Nothing,
                Fault::Unsigned
                | Fault::WrongSignature
                | Fault::WebhookUnreachable
                | Fault::RedirectAction => Loss::Answers,
                Fault::HangupMidPrompt => Loss::Rest,
                Fault::CreateError | Fault::RestError => Loss::Call,
            },
        }
    }

    pub(super) fn name(&self) -> String {
        self.fault.map_or_else(
            || "none".to_owned(),
            |fault| json!(fault).as_str().unwrap().to_owned(),
        )
    }
}
