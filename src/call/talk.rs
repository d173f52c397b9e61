//! The conversation: what a key means where it is pressed, and what is said next.
//!
//! Pure, and without memory: everything that was agreed so far rides in the [`Turn`] of the URL
//! that Twilio asks. Words are not made here; a [`Reply`] says what is to be said, and `speech`
//! says it.

use jiff::civil::Time;

use super::said::Said;
use super::turn::{Decision, Place, Turn};
use crate::domain::{Alternatives, Reservation};

/// After so many replies, or [`LONGEST_TALK`] seconds, a polite goodbye ends the talk.
pub const MOST_REPLIES: u8 = 12;
/// The longest talk in seconds; Twilio cuts the line at `TimeLimit`, 300 s.
pub const LONGEST_TALK: u16 = 240;
/// How often a restaurant that rings back hears the question.
const CALLBACK_ROUNDS: u8 = 3;
/// How often a nonsensical time is asked for again.
const MOST_MISSES: u8 = 2;

/// What the restaurant hears next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole message: who calls, the reservation, the keys.
    Ask {
        /// The first time, or once more.
        opening: Opening,
        /// Asked for by star: slowly, and the time said in two ways.
        slowly: bool,
        /// Where the next key leads.
        listen: Turn,
    },
    /// The keys alone.
    Keys {
        /// Why they are said again.
        because: Because,
        /// Where the next key leads.
        listen: Turn,
    },
    /// What was understood.
    Decided {
        /// The decision.
        decision: Decision,
        /// Where a key that changes it leads; `None`: goodbye.
        listen: Option<Turn>,
    },
    /// Asks for another time, in four digits.
    AskTime {
        /// What was typed before was no time.
        again: bool,
        /// Where the digits lead.
        listen: Turn,
    },
    /// Reads a time back, to be confirmed with 1.
    CheckTime {
        /// The time.
        time: Time,
        /// Where the key leads.
        listen: Turn,
    },
    /// Asks whether really never to call again.
    AskOptOut {
        /// Where the key leads.
        listen: Turn,
    },
    /// The reservation, for a restaurant that rings us back: keys 1 and 2.
    Called {
        /// Where the key leads.
        listen: Turn,
    },
    /// Offers a caller, whose number proves nothing, to ring the restaurant now: key 1.
    Offer {
        /// Where the key leads.
        listen: Turn,
    },
    /// The last words.
    Goodbye(Goodbye),
    /// One sentence that says sorry; the line is closed.
    Apology(Apology),
    /// Nothing more is said.
    HangUp,
}

/// How the whole message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// At pick-up.
    First,
    /// After silence, or when a failed document is said anew.
    Again,
}

/// Why the keys are said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The key pressed means nothing here.
    WrongKey,
    /// Back from asking for a time, or from the question whether to call again.
    Back,
    /// What was said was not understood.
    NotUnderstood,
}

/// Which last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// A decision was made and read back.
    Decided,
    /// Nobody pressed a key.
    NoKey,
    /// They will not be called again.
    OptedOut,
}

/// What we are sorry for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apology {
    /// Something failed on our side, or the document asked for is no longer valid.
    Fault,
    /// The guest has cancelled.
    Canceled,
    /// It is too late for this call.
    Expired,
    /// Staff asked not to be called any more, while this very call was on its way.
    OptedOut,
}

/// What the conversation needs to know of its call.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The table's wished time of day.
    pub wished: Time,
    /// The times that would do besides; without them key 3 is not offered.
    pub alternatives: Option<Alternatives>,
    /// Rounds of silence before goodbye.
    pub rounds: u8,
    /// The most replies in a call: [`MOST_REPLIES`], or 9 on a trial account.
    pub most_replies: u8,
}

impl Facts {
    /// The facts of a reservation. A place behind a menu gets five rounds: nobody may be there yet
    /// when we begin.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            wished: reservation.time.time(),
            alternatives: reservation.alternatives,
            rounds: if reservation.extension.is_some() {
                5
            } else {
                3
            },
            most_replies: MOST_REPLIES,
        }
    }
}

/// What came from the keypad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The keys, without a terminating one.
    Digits(&'a str),
    /// No key in time.
    Silence,
    /// Something was said instead (`TWILIO_SPEECH`).
    Said(Said),
}

/// What a key settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing was settled.
    Nothing,
    /// The staff decided.
    Decided(Decision),
    /// They took back what they had decided.
    Withdrawn,
}

impl Heard {
    /// The decision that stands since then, if anything was settled.
    pub(super) const fn settled(self) -> Option<Option<Decision>> {
        match self {
            Self::Nothing => None,
            Self::Decided(decision) => Some(Some(decision)),
            Self::Withdrawn => Some(None),
        }
    }
}

/// The first words after pick-up.
#[must_use]
pub fn open(began: u16) -> Reply {
    Reply::Ask {
        opening: Opening::First,
        slowly: false,
        listen: Turn::first(began),
    }
}

/// Says the document of `turn` once more, because it could not be fetched or run (Twilio's
/// fallback).
#[must_use]
pub fn resume(turn: Turn, facts: &Facts) -> Reply {
    let listen = turn.next();
    if listen.step >= facts.most_replies {
        return goodbye(turn);
    }
    match turn.place {
        Place::Keys => Reply::Ask {
            opening: Opening::Again,
            slowly: false,
            listen,
        },
        Place::Change => turn
            .said
            .map_or(Reply::Goodbye(Goodbye::Decided), |decision| {
                decided(decision, Some(listen))
            }),
        Place::Time => Reply::AskTime {
            again: false,
            listen,
        },
        Place::TimeCheck(time) => Reply::CheckTime { time, listen },
        Place::OptOut => Reply::AskOptOut { listen },
        Place::Called => Reply::Called { listen },
        Place::Offer => Reply::Offer { listen },
    }
}

/// Answers what came from the keypad at `turn`; `elapsed` is how many seconds ago the phone was
/// picked up.
#[must_use]
pub fn answer(turn: Turn, input: Input<'_>, elapsed: u16, facts: &Facts) -> (Heard, Reply) {
    let (heard, reply) = match as_keys(turn, input, facts) {
        None => (Heard::Nothing, not_understood(turn)),
        Some(input) => match turn.place {
            Place::Keys => at_keys(turn, input, facts),
            Place::Change => at_change(turn, input),
            Place::Time => at_time(turn, input, facts),
            Place::TimeCheck(time) => at_time_check(turn, time, input),
            Place::OptOut => at_opt_out(turn, input),
            Place::Called | Place::Offer => at_callback(turn, input),
        },
    };
    let over = turn.step.saturating_add(1) >= facts.most_replies || elapsed >= LONGEST_TALK;
    (
        heard,
        if over {
            shorten(turn, heard, reply)
        } else {
            reply
        },
    )
}

/// What was said, as the key that means the same here; `None` for what means nothing here.
#[must_use]
pub fn as_keys<'a>(turn: Turn, input: Input<'a>, facts: &Facts) -> Option<Input<'a>> {
    let Input::Said(said) = input else {
        return Some(input);
    };
    let key = match (turn.place, said) {
        (_, Said::Unclear) => None,
        (_, Said::Again) => Some("*"),
        (
            Place::Keys | Place::TimeCheck(_) | Place::OptOut | Place::Called | Place::Offer,
            Said::Yes,
        ) => Some("1"),
        (Place::Keys | Place::TimeCheck(_) | Place::OptOut | Place::Called, Said::No) => Some("2"),
        (Place::TimeCheck(_), Said::OtherTime) => Some("2"),
        (Place::Keys, Said::OtherTime) => facts.alternatives.map(|_| "3"),
        // "Yes" may agree with what was read back or answer the question after it: only a key
        // changes a decision.
        (Place::Change | Place::Time, Said::Yes | Said::No | Said::OtherTime) => None,
        (Place::Offer, Said::No | Said::OtherTime)
        | (Place::OptOut | Place::Called, Said::OtherTime) => None,
    };
    key.map(Input::Digits)
}

/// Words that nobody understood settle nothing: a key is asked for.
fn not_understood(turn: Turn) -> Reply {
    let listen = turn.next();
    match turn.place {
        Place::Keys => Reply::Keys {
            because: Because::NotUnderstood,
            listen,
        },
        Place::Change => goodbye(turn),
        Place::Time => Reply::AskTime {
            again: true,
            listen,
        },
        Place::TimeCheck(time) => Reply::CheckTime { time, listen },
        Place::OptOut => Reply::AskOptOut { listen },
        Place::Called | Place::Offer => at_callback(turn, Input::Silence).1,
    }
}

/// The same answer without a further question.
fn shorten(turn: Turn, heard: Heard, reply: Reply) -> Reply {
    match reply {
        Reply::Decided { decision, .. } => decided(decision, None),
        Reply::AskOptOut { .. } => Reply::Goodbye(Goodbye::OptedOut),
        Reply::Ask { .. }
        | Reply::Keys { .. }
        | Reply::AskTime { .. }
        | Reply::CheckTime { .. }
        | Reply::Called { .. }
        | Reply::Offer { .. } => match heard {
            Heard::Withdrawn => Reply::Goodbye(Goodbye::NoKey),
            Heard::Nothing | Heard::Decided(_) => goodbye(turn),
        },
        Reply::Goodbye(_) | Reply::Apology(_) | Reply::HangUp => reply,
    }
}

fn goodbye(turn: Turn) -> Reply {
    Reply::Goodbye(match turn.said {
        Some(Decision::OptedOut) => Goodbye::OptedOut,
        Some(Decision::Accepted | Decision::Declined | Decision::OtherTime(_)) => Goodbye::Decided,
        None => Goodbye::NoKey,
    })
}

const fn decided(decision: Decision, listen: Option<Turn>) -> Reply {
    Reply::Decided { decision, listen }
}

/// Reads a decision back and leaves a chance to change it.
fn settle(turn: Turn, decision: Decision) -> (Heard, Reply) {
    let listen = Turn {
        place: Place::Change,
        said: Some(decision),
        ..turn.next()
    };
    (Heard::Decided(decision), decided(decision, Some(listen)))
}

fn at_keys(turn: Turn, input: Input<'_>, facts: &Facts) -> (Heard, Reply) {
    let listen = turn.next();
    let reply = match input {
        Input::Digits("1") => return settle(turn, Decision::Accepted),
        Input::Digits("2") => return settle(turn, Decision::Declined),
        Input::Digits("3") if facts.alternatives.is_some() => Reply::AskTime {
            again: false,
            listen: Turn {
                place: Place::Time,
                misses: 0,
                ..listen
            },
        },
        Input::Digits("9") => {
            let said = Some(Decision::OptedOut);
            let reply = Reply::AskOptOut {
                listen: Turn {
                    place: Place::OptOut,
                    said,
                    ..listen
                },
            };
            return (Heard::Decided(Decision::OptedOut), reply);
        }
        Input::Digits("*") => Reply::Ask {
            opening: Opening::Again,
            slowly: true,
            listen,
        },
        Input::Digits(_) => Reply::Keys {
            because: Because::WrongKey,
            listen,
        },
        // Words have become keys before they come here; those that mean none are silence to the
        // keypad.
        Input::Silence | Input::Said(_) if listen.silences + 1 >= facts.rounds => {
            Reply::Goodbye(Goodbye::NoKey)
        }
        Input::Silence | Input::Said(_) => {
            let listen = Turn {
                silences: listen.silences + 1,
                ..listen
            };
            Reply::Ask {
                opening: Opening::Again,
                slowly: false,
                listen,
            }
        }
    };
    (Heard::Nothing, reply)
}

/// One chance to change: the other of the two keys. Star says again what was understood.
fn at_change(turn: Turn, input: Input<'_>) -> (Heard, Reply) {
    let changed = match (turn.said, input) {
        (Some(said), Input::Digits("*")) => {
            return (Heard::Nothing, decided(said, Some(turn.next())));
        }
        (Some(Decision::Declined), Input::Digits("1")) => Decision::Accepted,
        (Some(Decision::Accepted | Decision::OtherTime(_)), Input::Digits("2")) => {
            Decision::Declined
        }
        _ => return (Heard::Nothing, goodbye(turn)),
    };
    (Heard::Decided(changed), decided(changed, None))
}

fn at_time(turn: Turn, input: Input<'_>, facts: &Facts) -> (Heard, Reply) {
    let reply = match input {
        Input::Silence | Input::Said(_) => back(
            Turn {
                silences: turn.silences + 1,
                ..turn
            },
            facts,
        ),
        Input::Digits(digits) if digits.starts_with('*') => Reply::AskTime {
            again: false,
            listen: turn.next(),
        },
        Input::Digits(digits) => match read_time(digits, facts.wished) {
            Some(time) => Reply::CheckTime {
                time,
                listen: Turn {
                    place: Place::TimeCheck(time),
                    ..turn.next()
                },
            },
            None if turn.misses < MOST_MISSES => Reply::AskTime {
                again: true,
                listen: Turn {
                    misses: turn.misses + 1,
                    ..turn.next()
                },
            },
            None => back(turn, facts),
        },
    };
    (Heard::Nothing, reply)
}

/// Back to the keys, or goodbye when there was silence too often.
fn back(turn: Turn, facts: &Facts) -> Reply {
    if turn.silences >= facts.rounds {
        return Reply::Goodbye(Goodbye::NoKey);
    }
    Reply::Keys {
        because: Because::Back,
        listen: Turn {
            place: Place::Keys,
            said: None,
            ..turn.next()
        },
    }
}

fn at_time_check(turn: Turn, time: Time, input: Input<'_>) -> (Heard, Reply) {
    match input {
        Input::Digits("1") => settle(turn, Decision::OtherTime(time)),
        Input::Digits("*") => (
            Heard::Nothing,
            Reply::CheckTime {
                time,
                listen: turn.next(),
            },
        ),
        Input::Digits(_) | Input::Silence | Input::Said(_) if turn.misses < MOST_MISSES => {
            let listen = Turn {
                place: Place::Time,
                misses: turn.misses + 1,
                ..turn.next()
            };
            (
                Heard::Nothing,
                Reply::AskTime {
                    again: true,
                    listen,
                },
            )
        }
        Input::Digits(_) | Input::Silence | Input::Said(_) => {
            let listen = Turn {
                place: Place::Keys,
                ..turn.next()
            };
            (
                Heard::Nothing,
                Reply::Keys {
                    because: Because::Back,
                    listen,
                },
            )
        }
    }
}

/// Key 9 counts from the moment it was pressed: 1, 9, silence and hanging up leave it standing.
fn at_opt_out(turn: Turn, input: Input<'_>) -> (Heard, Reply) {
    match input {
        Input::Digits("1" | "9") | Input::Silence | Input::Said(_) => {
            (Heard::Nothing, Reply::Goodbye(Goodbye::OptedOut))
        }
        Input::Digits("*") => (
            Heard::Nothing,
            Reply::AskOptOut {
                listen: turn.next(),
            },
        ),
        Input::Digits(_) => {
            let listen = Turn {
                place: Place::Keys,
                said: None,
                ..turn.next()
            };
            (
                Heard::Withdrawn,
                Reply::Keys {
                    because: Because::Back,
                    listen,
                },
            )
        }
    }
}

/// A restaurant that rings back: 1 and 2 as ever, or 1 to be rung now; everything else hears the
/// question again.
fn at_callback(turn: Turn, input: Input<'_>) -> (Heard, Reply) {
    let again = Turn {
        silences: turn.silences.saturating_add(1),
        ..turn.next()
    };
    let reply = match (turn.place, input) {
        (Place::Called, Input::Digits("1")) => return settle(turn, Decision::Accepted),
        (Place::Called, Input::Digits("2")) => return settle(turn, Decision::Declined),
        (Place::Offer, Input::Digits("1")) => Reply::Goodbye(Goodbye::Decided),
        _ if again.silences >= CALLBACK_ROUNDS => Reply::Goodbye(Goodbye::NoKey),
        (Place::Offer, _) => Reply::Offer { listen: again },
        _ => Reply::Called { listen: again },
    };
    (Heard::Nothing, reply)
}

/// Reads four digits as a time of day. Where the restaurant says quarter past eight as 0815 and
/// means the evening, the reading nearest the wished time counts; `None` for what is no time at
/// all.
#[must_use]
pub fn read_time(digits: &str, wished: Time) -> Option<Time> {
    let number: i16 = digits
        .parse()
        .ok()
        .filter(|_| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (hour, minute) = (
        i8::try_from(number / 100).ok()?,
        i8::try_from(number % 100).ok()?,
    );
    let first = Time::new(hour, minute, 0, 0).ok()?;
    let second = match hour {
        0..=11 => Time::new(hour + 12, minute, 0, 0).ok(),
        12 => Time::new(0, minute, 0, 0).ok(),
        _ => None,
    };
    let minutes = |time: Time| i16::from(time.hour()) * 60 + i16::from(time.minute());
    let distance = |time: &Time| (minutes(*time) - minutes(wished)).abs();
    std::iter::once(first).chain(second).min_by_key(distance)
}

#[cfg(test)]
mod tests;
