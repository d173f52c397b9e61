//! The behaviour of a number that is called: by its last four digits, or as configured. It keeps
//! no time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::addresses::is_number;
use super::config::CallTimings;
use super::moments::seconds;

/// The behaviour of the called party. With all fields left out the phone rings on the page until
/// somebody there acts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberBehaviour {
    /// Picks up this long after the first ring.
    pub answer_after_seconds: Option<f64>,
    /// Never picks up, and why.
    pub ends: Option<CallEnding>,
    /// SIP code of the final callback, where another than the usual one is wanted (such as 480).
    pub sip_code: Option<u16>,
    /// Keys that are pressed.
    pub keys: Vec<ScriptedKeys>,
    /// Words that are said.
    pub says: Vec<ScriptedWords>,
    /// A machine picks up.
    pub voicemail: Option<Voicemail>,
    /// Hangs up this long after the pick-up.
    pub hang_up_after_seconds: Option<f64>,
    /// Result of machine detection, where another than the natural one is wanted (`fax`,
    /// `unknown`, …).
    pub answered_by: Option<String>,
}

/// The reason why a phone is not picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnding {
    /// The line is busy (486).
    Busy,
    /// It rings until `Timeout` (487).
    NoAnswer,
    /// It cannot be reached (404).
    Unreachable,
    /// Somebody declines (603).
    Decline,
    /// The carrier blocks it as unwanted (607); `sip_code` 608 for one that rejects suspected spam.
    Blocked,
}

/// Keys pressed a while after the pick-up, a moment after the n-th Gather has begun, or by somebody
/// who listens: when a Gather says certain words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedKeys {
    /// Seconds after the pick-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<f64>,
    /// Number of the Gather in its call, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_gather: Option<u32>,
    /// A part of the prompt of a Gather.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_said: Option<String>,
    /// Number of Gathers with those words that are answered; one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Pressed only once the prompt of that Gather has been said to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_prompt: bool,
    /// Seconds from the beginning of that prompt, or from its end, to the first key; two, or half a
    /// second, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_seconds: Option<f64>,
    /// `0`–`9`, `*`, `#`.
    pub digits: String,
    /// Seconds between two of them; 0.3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_seconds: Option<f64>,
    /// Hangs up this long after the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang_up_after_seconds: Option<f64>,
}

/// Words said a while after the pick-up, or after the prompt of a Gather that says certain words;
/// whether a Gather listens to them or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedWords {
    /// Seconds after the pick-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<f64>,
    /// A part of the prompt of a Gather; the words are said once, half a second after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_said: Option<String>,
    /// The words as Twilio recognises them.
    pub text: String,
    /// Twilio's confidence in it, from 0 to 1.
    #[serde(default = "ScriptedWords::sure")]
    pub confidence: f64,
}

impl ScriptedKeys {
    /// Returns whether they are pressed at the Gather with this number and prompt.
    pub(super) fn fit(&self, number: u32, prompt: &str) -> bool {
        let is_said = |words: &String| prompt.contains(words.as_str()) && self.times != Some(0);
        self.at_gather == Some(number) || self.when_said.as_ref().is_some_and(is_said)
    }
}

impl ScriptedWords {
    /// The confidence of words that were spoken clearly.
    pub(super) const fn sure() -> f64 {
        0.9
    }
}

/// An answering machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    /// The length of the greeting.
    pub greeting_seconds: f64,
    /// A beep follows it.
    pub beep: bool,
}

impl NumberBehaviour {
    /// The behaviour of a number that was not configured.
    pub(super) fn of_number(number: &str, timings: &CallTimings) -> Self {
        let answers = Self {
            answer_after_seconds: Some(timings.answered_after.as_secs_f64()),
            ..Self::default()
        };
        let presses = |keys: &[&str]| Self {
            keys: keys_at_gathers(keys),
            ..answers.clone()
        };
        let ends = |ending| Self {
            ends: Some(ending),
            ..Self::default()
        };
        if !is_number(number) {
            return Self::default();
        }
        let Some(last) = number.len().checked_sub(4).and_then(|at| number.get(at..)) else {
            return Self::default();
        };
        // Keys that accept are pressed once the message was heard, all others at once.
        match last {
            "0101" => presses(&["1"]),
            "0102" => presses(&["2"]),
            "0103" => ends(CallEnding::Busy),
            "0104" => ends(CallEnding::NoAnswer),
            "0105" => ends(CallEnding::Unreachable),
            "0106" => Self {
                voicemail: Some(Voicemail {
                    greeting_seconds: 5.0,
                    beep: true,
                }),
                ..answers
            },
            "0107" => answers,
            "0108" => Self {
                hang_up_after_seconds: Some(1.0),
                ..answers
            },
            "0109" => presses(&["*", "1"]),
            "0110" => presses(&["3", "2015", "1"]),
            "0111" => presses(&["1", "2"]),
            "0112" => presses(&["9", "1"]),
            "0113" => ends(CallEnding::Decline),
            "0114" => ends(CallEnding::Blocked),
            "0115" => Self {
                sip_code: Some(608),
                ..ends(CallEnding::Blocked)
            },
            _ => Self::default(),
        }
    }

    /// Returns whether somebody at the page must act for the call to go on.
    pub(super) fn waits_for_a_hand(&self) -> bool {
        self.answer_after().is_none() && self.ends.is_none()
    }

    /// Pause between the first ring and the pick-up; a machine or a quick hang-up needs no more to
    /// be said.
    pub(super) fn answer_after(&self) -> Option<Duration> {
        let implied = self.voicemail.is_some()
            || self.hang_up_after_seconds.is_some()
            || !self.keys.is_empty()
            || !self.says.is_empty();
        self.answer_after_seconds
            .or(implied.then_some(3.0))
            .map(seconds)
    }

    /// The first mistake in the description, in words.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let spans = [
            self.answer_after_seconds,
            self.hang_up_after_seconds,
            self.voicemail.map(|it| it.greeting_seconds),
        ];
        let key_spans = self.keys.iter().flat_map(|keys| {
            [
                keys.after_seconds,
                keys.pause_seconds,
                keys.gap_seconds,
                keys.hang_up_after_seconds,
            ]
        });
        let words = self.says.iter().map(|words| words.after_seconds);
        if spans
            .into_iter()
            .chain(key_spans)
            .chain(words)
            .flatten()
            .any(|span| !(0.0..=86_400.0).contains(&span))
        {
            return Some("seconds must be between 0 and 86400");
        }
        for words in &self.says {
            if words.after_seconds.is_some() == words.when_said.is_some() {
                return Some("words need either after_seconds or when_said");
            }
        }
        for keys in &self.keys {
            let moments = [
                keys.after_seconds.is_some(),
                keys.at_gather.is_some(),
                keys.when_said.is_some(),
            ];
            if moments.into_iter().filter(|is_given| *is_given).count() != 1 {
                return Some("keys need one of after_seconds, at_gather and when_said");
            }
            let is_timed = keys.after_prompt || keys.pause_seconds.is_some();
            if is_timed && keys.after_seconds.is_some() {
                return Some("after_prompt and pause_seconds need at_gather or when_said");
            }
            if keys.times.is_some() && keys.when_said.is_none() {
                return Some("times needs when_said");
            }
            if !is_keys(&keys.digits) {
                return Some("digits must be of 0-9, * and #");
            }
        }
        None
    }
}

/// Returns whether `text` could be pressed on a keypad.
pub(super) fn is_keys(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'))
}

fn keys_at_gathers(keys: &[&str]) -> Vec<ScriptedKeys> {
    let pressed = |(at, digits): (u32, &&str)| ScriptedKeys {
        at_gather: Some(at),
        after_prompt: *digits == "1",
        digits: (*digits).to_owned(),
        ..ScriptedKeys::default()
    };
    (1..).zip(keys).map(pressed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_behave_by_their_last_four_digits_in_any_country() {
        let of = |number| NumberBehaviour::of_number(number, &CallTimings::default());
        assert_eq!(of("+14155550103").ends, Some(CallEnding::Busy));
        assert_eq!(of("+81312340103").ends, Some(CallEnding::Busy));
        assert_eq!(
            of("+14155550110")
                .keys
                .iter()
                .map(|keys| keys.digits.as_str())
                .collect::<Vec<_>>(),
            ["3", "2015", "1"]
        );
        assert!(of("+14155550107").answer_after().is_some());
        assert!(of("+14155552671").waits_for_a_hand());
        assert!(of("é1").waits_for_a_hand());
    }

    #[test]
    fn a_behaviour_is_read_from_json() {
        let text = r#"{"answer_after_seconds": 2, "keys": [{"at_gather": 1, "digits": "1"}]}"#;
        let behaviour: NumberBehaviour = serde_json::from_str(text).unwrap();
        assert_eq!(behaviour.problem(), None);
        let both = r#"{"keys": [{"at_gather": 1, "after_seconds": 2, "digits": "1"}]}"#;
        assert!(
            serde_json::from_str::<NumberBehaviour>(both)
                .unwrap()
                .problem()
                .is_some()
        );
    }
}
