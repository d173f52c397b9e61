//! Holds what came of a call against what the callee meant and did.

use jiff::Timestamp;
use serde_json::Value;
use twilio_simulator::Fault;

use super::callee::{Callee, Meaning};
use super::fault::Loss;

/// Keys that follow each other so soon are no answers of their own, in seconds. What the service
/// measures may differ from what was pressed by the leaps of the clock.
const ROW: f64 = 1.4;
/// Nobody can have heard day, time and party so soon after the pick-up, in seconds.
const SOON: f64 = 5.0;

/// One callee with what is known of its call.
pub(super) struct Case<'a> {
    pub(super) callee: &'a Callee,
    /// As the API shows it; `None`: it was refused.
    pub(super) call: Option<&'a Value>,
    /// Its lines at the carrier.
    pub(super) lines: Vec<&'a Value>,
}

/// A key that was pressed.
struct Press {
    /// Seconds from the pick-up.
    at: f64,
    /// Seconds of the call that were heard by then.
    heard: f64,
    key: char,
}

/// Returns whether the callee was understood.
///
/// # Errors
/// How it was not, with everything that is needed to see why.
pub(super) fn judge(case: &Case<'_>) -> Result<(), String> {
    case.verdict().map_err(|why| case.tell(&why))
}

impl Case<'_> {
    fn verdict(&self) -> Result<(), String> {
        let will = &self.callee.will;
        let Some(call) = self.call else {
            return Ok(());
        };
        if call["final"] != true {
            return Err("its call never ended".to_owned());
        }
        let loss = self.callee.fault.loss();
        let Some(taken) = taken(call) else {
            let meant = will.meant.last().filter(|_| will.clearly);
            return match meant {
                Some(meant) if loss == Loss::Nothing && *meant != Meaning::Nothing => {
                    Err(self.lost(meant))
                }
                _ => Ok(()),
            };
        };
        let allowed = match loss {
            // Where it was not heard, or the line broke off, it may not have come to say the rest.
            Loss::Rest | Loss::Answers => self.said_last() == Some(&taken),
            Loss::Nothing | Loss::Call => will.meant.last() == Some(&taken),
        };
        // Keys whose webhooks are held up cannot be known to be one row, unless they accept.
        let is_held_up = self.callee.fault.fault == Some(Fault::DelayVoice)
            && matches!(taken, Meaning::Decline | Meaning::OptOut);
        let is_taken_for = is_held_up || will.or.contains(&taken) || will.at_random;
        // It typed the time, and the line ended before it could confirm it.
        let is_unconfirmed =
            call["outcome"] == "countered" && self.timeline("not_confirmed").next().is_some();
        let was_typed = is_unconfirmed && will.meant.contains(&taken);
        if !(allowed || is_taken_for || was_typed) {
            return Err(format!("it was taken to mean {taken:?}"));
        }
        if let Meaning::Offer(time) = &taken {
            // Within what the guest allowed an offer is the answer, else the guest has to decide.
            let window = self.callee.alternatives;
            let agreed = window.is_some_and(|(from, to)| (from..=to).contains(&time.as_str()));
            let outcome = if agreed { "confirmed" } else { "countered" };
            if call["outcome"] != outcome {
                return Err(format!("{time} of {window:?} is not {}", call["outcome"]));
            }
        }
        if is_unconfirmed {
            return self.is_typed(&taken);
        }
        if is_held_up {
            return Ok(());
        }
        self.is_evident(&taken)
    }

    /// Says why nothing came of what it clearly meant. The time limit of a create is the one thing
    /// here that real time counts.
    fn lost(&self, meant: &Meaning) -> String {
        if self.lines.is_empty() && self.timeline("unanswered").next().is_some() {
            "nobody was rung: a create had no answer in ten seconds in which this process stood still"
                .to_owned()
        } else {
            format!("{meant:?} was clearly said, and not understood")
        }
    }

    /// The last of its meanings for which it pressed the key.
    fn said_last(&self) -> Option<&Meaning> {
        if self.speaks() {
            return self.callee.will.meant.last();
        }
        let mut keys = self.lines.iter().flat_map(|line| {
            let pressed = line["digits"].as_array().unwrap();
            pressed
                .iter()
                .flat_map(|it| it["digits"].as_str().unwrap().chars())
        });
        let is_pressed = |meaning: &&Meaning| {
            let key = match meaning {
                Meaning::Accept | Meaning::Offer(_) => '1',
                Meaning::Decline | Meaning::Nothing => '2',
                Meaning::OptOut => '9',
            };
            keys.any(|pressed| pressed == key)
        };
        self.callee.will.meant.iter().take_while(is_pressed).last()
    }

    /// The entries of one kind in the timeline.
    fn timeline(&self, what: &str) -> impl Iterator<Item = &Value> {
        let call = self.call.into_iter();
        let entries = call.flat_map(|call| call["timeline"].as_array().unwrap());
        entries.filter(move |entry| entry["what"] == what)
    }

    /// An offer that was not confirmed is the time that was typed last.
    fn is_typed(&self, taken: &Meaning) -> Result<(), String> {
        let typed = self.timeline("time_typed").last();
        let typed = typed.and_then(|entry| entry["detail"].as_str());
        let is_typed = matches!((taken, typed), (Meaning::Offer(time), Some(typed)) if typed.starts_with(time.as_str()));
        if is_typed {
            Ok(())
        } else {
            Err(format!(
                "{taken:?} is not the time that was typed, {typed:?}"
            ))
        }
    }

    /// Checks that the understood answer is in the timeline, and was pressed or said.
    fn is_evident(&self, taken: &Meaning) -> Result<(), String> {
        let (key, word) = match taken {
            Meaning::Accept | Meaning::Offer(_) => ('1', "yes"),
            Meaning::Decline => ('2', "no"),
            Meaning::OptOut => ('9', ""),
            Meaning::Nothing => return Ok(()),
        };
        let entries = |what: &str| {
            let details = self.timeline(what).filter_map(|it| it["detail"].as_str());
            details.map(str::to_owned).collect::<Vec<_>>()
        };
        let (keys, said) = (entries("key"), entries("said"));
        if keys.iter().any(|keys| keys.as_str() == key.to_string()) {
            if !(self.speaks() || self.was_pressed(key)) {
                return Err(format!("{key} was never pressed by itself"));
            }
        } else if !said.iter().any(|said| said == word) {
            return Err(format!("nothing in the timeline says why {taken:?}"));
        }
        Ok(())
    }

    fn speaks(&self) -> bool {
        let says = self.callee.behaviour["says"].as_array();
        says.is_some_and(|says| !says.is_empty())
    }

    /// Returns whether the key was pressed at any time and no other key in the same row.
    fn was_pressed(&self, key: char) -> bool {
        self.lines.iter().any(|line| {
            let keys = self.presses(line);
            keys.iter().any(|press| {
                let is_alone = keys.iter().all(|other| {
                    let apart = (other.at - press.at).abs();
                    apart >= ROW || other.key == key || matches!(other.key, '#' | '*')
                });
                press.key == key && is_alone && (key != '1' || press.heard >= SOON)
            })
        })
    }

    /// The keys that were pressed on a line. Its clock stands while a document is fetched, and so does
    /// the callee who presses the keys: what the carrier held up a webhook for passed between two keys.
    fn presses(&self, line: &Value) -> Vec<Press> {
        let Some(picked_up) = moment(&line["answered_at"]) else {
            return Vec::new();
        };
        let since = |at: &Value| {
            let at = moment(at).unwrap();
            at.duration_since(picked_up).as_secs_f64()
        };
        let held_up = (self.callee.fault.fault == Some(Fault::DelayVoice))
            .then(|| self.callee.fault.switch["seconds"].as_f64())
            .flatten()
            .unwrap_or_default();
        let sent = line["webhooks"].as_array().unwrap().iter();
        let mut sent = sent.filter(|it| it["kind"] == "voice").filter_map(|it| {
            let digits = it["digits"].as_str().filter(|digits| !digits.is_empty())?;
            Some((since(&it["at"]), digits))
        });
        let (mut next, mut typed, mut stood) = (sent.next(), String::new(), 0.0);
        let mut presses = Vec::new();
        for pressed in line["digits"].as_array().unwrap() {
            let heard = since(&pressed["at"]);
            for key in pressed["digits"].as_str().unwrap().chars() {
                let at = heard + stood;
                presses.push(Press { at, heard, key });
                let Some((arrived, digits)) = next else {
                    continue;
                };
                typed.push(key);
                if digits == typed {
                    stood += (arrived - at).clamp(0.0, held_up);
                    next = sent.next();
                    typed.clear();
                } else if !digits.starts_with(&typed) {
                    // It was pressed while no Gather was open.
                    let _unheard = typed.pop();
                }
            }
        }
        presses
    }

    /// Everything about the callee, for whoever has to find out.
    fn tell(&self, why: &str) -> String {
        let Callee {
            seed,
            kind,
            language,
            fault,
            behaviour,
            request,
            rings_back,
            will,
            ..
        } = self.callee;
        let mut text = format!(
            "callee {seed} ({kind}, {language}) under {} {}: {why}\nagain: TABLECALL_CALLEES=1:{seed}\n\
             meant: {will:?}\nbehaviour: {behaviour}\nrings back: {rings_back:?}\nrequest: {request}\n",
            fault.name(),
            fault.switch
        );
        if let Some(call) = self.call {
            text += &format!(
                "outcome: {}, agreed {}, offered {}\ntimeline:\n",
                call["outcome"], call["agreed_time"], call["offered_time"]
            );
            for entry in call["timeline"].as_array().unwrap() {
                text += &format!("  {} {} {}\n", entry["at"], entry["what"], entry["detail"]);
            }
        }
        for line in &self.lines {
            text += &format!(
                "line {} {}, picked up {}:\n",
                line["direction"], line["status"], line["answered_at"]
            );
            for entry in line["transcript"].as_array().unwrap() {
                text += &format!(
                    "  {} {} {}: {}\n",
                    entry["at"], entry["speaker"], entry["kind"], entry["text"]
                );
            }
        }
        text
    }
}

/// The answer that the call was taken to have ended with; `None`: no answer.
fn taken(call: &Value) -> Option<Meaning> {
    let time = |field: &str| {
        let (_, time) = call[field].as_str()?.split_once('T')?;
        Some(time.to_owned())
    };
    Some(match call["outcome"].as_str()? {
        "confirmed" => match time("agreed_time")? {
            wished if wished == "19:30" => Meaning::Accept,
            other => Meaning::Offer(other),
        },
        "countered" => Meaning::Offer(time("offered_time")?),
        "rejected" => Meaning::Decline,
        "opted_out" => Meaning::OptOut,
        _ => return None,
    })
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
