//! Faults that can be switched on, how often they occur, and with which probability. It causes
//! none of them itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::moments::seconds;

/// A fault that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A status callback is never sent.
    DropCallback,
    /// The final status callback is never sent.
    DropCompleted,
    /// A status callback is sent `seconds` later, past others.
    DelayCallback,
    /// A status callback is sent twice, with one idempotency token.
    DuplicateCallback,
    /// A request for a document is sent twice, with one idempotency token; the second answer
    /// counts.
    DuplicateVoice,
    /// A request for a document leaves `seconds` later; the call may end meanwhile, and it is sent
    /// all the same.
    DelayVoice,
    /// A status callback changes places with the next one.
    ReorderCallbacks,
    /// A create gets 429 (with `retry_after`) and is not processed.
    #[serde(rename = "create_429")]
    Create429,
    /// A create is accepted and answered 500.
    #[serde(rename = "create_500_after_accepting")]
    Create500AfterAccepting,
    /// A create is refused with `code` and `status`, or 400 and 21200.
    CreateError,
    /// Any REST request is refused with `code` and `status`, or 401 and 20003 (as suspended
    /// accounts are).
    RestError,
    /// A create gets 503 and is not processed.
    #[serde(rename = "create_503")]
    Create503,
    /// A create is accepted and answered `seconds` (real ones) later.
    CreateSlow,
    /// A create is accepted and its connection closed without an answer.
    CreateLostResponse,
    /// A create with a `StatusCallback` is refused as trial accounts refuse it.
    TrialNoCallback,
    /// A webhook has no signature.
    Unsigned,
    /// A webhook has a wrong signature.
    WrongSignature,
    /// A webhook is signed with the second auth token.
    RotatedSignature,
    /// A webhook's parameters come in another order.
    ShuffledParams,
    /// The query of a webhook's URL is sent with sorted keys, but signed as configured.
    SortedQuery,
    /// A webhook has parameters that nobody announced.
    ExtraParams,
    /// A webhook attempt fails as if the connection were refused.
    WebhookUnreachable,
    /// The verdict of machine detection comes `seconds` later.
    AmdLate,
    /// Lists and single calls are as they were `seconds` ago.
    ListStale,
    /// The callee hangs up in the middle of a prompt.
    HangupMidPrompt,
    /// The action request of a Gather comes as if redirected: GET, without `Digits`.
    RedirectAction,
    /// `Timestamp` of callbacks is `seconds` ahead.
    ClockSkew,
    /// An update finds the call just ended: 21220.
    #[serde(rename = "update_21220")]
    Update21220,
}

impl Fault {
    /// Every fault, in the order of the documentation.
    pub const ALL: [Self; 28] = [
        Self::DropCallback,
        Self::DropCompleted,
        Self::DelayCallback,
        Self::DuplicateCallback,
        Self::DuplicateVoice,
        Self::DelayVoice,
        Self::ReorderCallbacks,
        Self::Create429,
        Self::Create500AfterAccepting,
        Self::CreateError,
        Self::RestError,
        Self::Create503,
        Self::CreateSlow,
        Self::CreateLostResponse,
        Self::TrialNoCallback,
        Self::Unsigned,
        Self::WrongSignature,
        Self::RotatedSignature,
        Self::ShuffledParams,
        Self::SortedQuery,
        Self::ExtraParams,
        Self::WebhookUnreachable,
        Self::AmdLate,
        Self::ListStale,
        Self::HangupMidPrompt,
        Self::RedirectAction,
        Self::ClockSkew,
        Self::Update21220,
    ];

    /// A sentence for the documentation.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::DropCallback => "A status callback is never sent.",
            Self::DropCompleted => "The final status callback is never sent.",
            Self::DelayCallback => "A status callback is sent `seconds` later, past others.",
            Self::DuplicateCallback => {
                "A status callback is sent twice, with one idempotency token."
            }
            Self::DuplicateVoice => {
                "A request for a document is sent twice, with one idempotency token; the second answer counts."
            }
            Self::DelayVoice => {
                "A request for a document leaves `seconds` later; the call may end meanwhile, and it is sent all the same."
            }
            Self::ReorderCallbacks => "A status callback changes places with the next one.",
            Self::Create429 => "A create gets 429 (with `retry_after`) and is not processed.",
            Self::Create500AfterAccepting => "A create is accepted and answered 500.",
            Self::CreateError => "A create is refused with `code` and `status`, or 400 and 21200.",
            Self::RestError => {
                "Any REST request is refused with `code` and `status`, or 401 and 20003 (as suspended accounts are)."
            }
            Self::Create503 => "A create gets 503 and is not processed.",
            Self::CreateSlow => "A create is accepted and answered `seconds` (real ones) later.",
            Self::CreateLostResponse => {
                "A create is accepted and its connection closed without an answer."
            }
            Self::TrialNoCallback => {
                "A create with a `StatusCallback` is refused as trial accounts refuse it."
            }
            Self::Unsigned => "A webhook has no signature.",
            Self::WrongSignature => "A webhook has a wrong signature.",
            Self::RotatedSignature => "A webhook is signed with the second auth token.",
            Self::ShuffledParams => "A webhook's parameters come in another order.",
            Self::SortedQuery => {
                "The query of a webhook's URL is sent with sorted keys, but signed as configured."
            }
            Self::ExtraParams => "A webhook has parameters that nobody announced.",
            Self::WebhookUnreachable => {
                "A webhook attempt fails as if the connection were refused."
            }
            Self::AmdLate => "The verdict of machine detection comes `seconds` later.",
            Self::ListStale => "Lists and single calls are as they were `seconds` ago.",
            Self::HangupMidPrompt => "The callee hangs up in the middle of a prompt.",
            Self::RedirectAction => {
                "The action request of a Gather comes as if redirected: GET, without `Digits`."
            }
            Self::ClockSkew => "`Timestamp` of callbacks is `seconds` ahead.",
            Self::Update21220 => "An update finds the call just ended: 21220.",
        }
    }
}

/// Frequency of a fault. With neither `count` nor `probability`: always.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSwitch {
    /// Times that it still happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Its length in seconds, where the fault has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// `Retry-After` of `create_429`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Twilio's code, of `create_error` and `rest_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// HTTP status, of `create_error` and `rest_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Only for calls to this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only for webhooks of this kind (`voice`, `key`: voice with digits, `status`, `amd`) or this
    /// `CallStatus`; for REST requests of this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Seed of this fault's dice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl FaultSwitch {
    /// The length of the fault, or `default` seconds.
    pub(super) fn length(&self, default: f64) -> Duration {
        seconds(self.seconds.unwrap_or(default))
    }
}

/// The switches of one fault: one, or a list, of which the first that fits counts. So the same fault
/// can happen once to one number and always to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum FaultSwitches {
    One(FaultSwitch),
    List(Vec<FaultSwitch>),
}

impl<'de> Deserialize<'de> for FaultSwitches {
    /// By hand, because an untagged enum would not say which field is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let switches = if value.is_array() {
            serde_json::from_value(value).map(Self::List)
        } else {
            serde_json::from_value(value).map(Self::One)
        };
        switches.map_err(serde::de::Error::custom)
    }
}

/// The switches that are on, with their dice.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Fault, Vec<(FaultSwitch, fastrand::Rng)>>);

impl Faults {
    pub(super) fn set(&mut self, switches: BTreeMap<Fault, FaultSwitches>) {
        let seeded = |switch: FaultSwitch| {
            let dice = fastrand::Rng::with_seed(switch.seed.unwrap_or(0));
            (switch, dice)
        };
        let seeded = |switches: FaultSwitches| match switches {
            FaultSwitches::One(switch) => vec![seeded(switch)],
            FaultSwitches::List(switches) => switches.into_iter().map(seeded).collect(),
        };
        self.0 = switches
            .into_iter()
            .map(|(fault, switches)| (fault, seeded(switches)))
            .collect();
    }

    pub(super) fn switches(&self) -> BTreeMap<Fault, FaultSwitches> {
        let shown = |switches: &[(FaultSwitch, fastrand::Rng)]| match switches {
            [(switch, _)] => FaultSwitches::One(switch.clone()),
            list => FaultSwitches::List(list.iter().map(|(switch, _)| switch.clone()).collect()),
        };
        self.0
            .iter()
            .map(|(fault, switches)| (*fault, shown(switches)))
            .collect()
    }

    /// Returns whether `fault` happens now, to a call to `to`, to a webhook of the kinds in `what`;
    /// counts it if so.
    pub(super) fn trigger(&mut self, fault: Fault, to: &str, what: &[&str]) -> Option<FaultSwitch> {
        let switches = self.0.get_mut(&fault)?;
        let (switch, dice) = switches.iter_mut().find(|(switch, _)| {
            switch.to.as_deref().is_none_or(|only| only == to)
                && switch
                    .only
                    .as_deref()
                    .is_none_or(|only| what.contains(&only))
        })?;
        if switch.count == Some(0)
            || switch
                .probability
                .is_some_and(|chance| dice.f64() >= chance)
        {
            return None;
        }
        switch.count = switch.count.map(|left| left - 1);
        Some(switch.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_happens_so_often_and_only_where_it_is_meant() {
        let mut faults = Faults::default();
        let text = r#"{"drop_callback": {"count": 1, "only": "completed"}, "create_429": {"retry_after": 2}}"#;
        faults.set(serde_json::from_str(text).unwrap());
        assert!(
            faults
                .trigger(Fault::DropCallback, "+1", &["status", "ringing"])
                .is_none()
        );
        assert!(
            faults
                .trigger(Fault::DropCallback, "+1", &["status", "completed"])
                .is_some()
        );
        assert!(
            faults
                .trigger(Fault::DropCallback, "+1", &["status", "completed"])
                .is_none()
        );
        assert_eq!(
            faults
                .trigger(Fault::Create429, "+1", &[])
                .unwrap()
                .retry_after,
            Some(2)
        );
    }

    #[test]
    fn each_number_may_have_a_switch_of_its_own() {
        let mut faults = Faults::default();
        let text = r#"{"unsigned": [{"to": "+1", "count": 1}, {"to": "+2"}]}"#;
        let switches: BTreeMap<Fault, FaultSwitches> = serde_json::from_str(text).unwrap();
        faults.set(switches.clone());
        assert_eq!(faults.switches(), switches);
        let mut strikes = |to| faults.trigger(Fault::Unsigned, to, &["voice"]).is_some();
        assert_eq!(
            ["+1", "+1", "+2", "+2", "+3"].map(&mut strikes),
            [true, false, true, true, false]
        );
        let wrong = serde_json::from_str::<FaultSwitches>(r#"[{"often": 1}]"#).unwrap_err();
        assert!(wrong.to_string().contains("`often`"), "{wrong}");
    }

    #[test]
    fn dice_with_one_seed_fall_alike() {
        let rolls = |seed: u64| {
            let mut faults = Faults::default();
            let switch = FaultSwitch {
                probability: Some(0.5),
                seed: Some(seed),
                ..FaultSwitch::default()
            };
            faults.set([(Fault::Unsigned, FaultSwitches::One(switch))].into());
            (0..64)
                .map(|_| faults.trigger(Fault::Unsigned, "", &[]).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }
}
