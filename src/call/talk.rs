//! The conversation: what a key means where it is pressed, and what is said next.
//!
//! It is pure and keeps nothing: everything agreed so far is in the [`TalkPosition`] of the
//! requested URL. It makes no words: a [`Reply`] is what is to be said, and `speech` renders it.

use jiff::civil::Time;

use super::position::{Decision, LATEST, PromptTiming, TalkPosition, TalkStage};
use super::spoken_intent::SpokenIntent;
use crate::domain::Reservation;

/// Number of replies after which a polite goodbye ends the conversation; so do [`LONGEST_TALK`]
/// seconds.
pub const MOST_REPLIES: u8 = 12;
/// The longest conversation, in seconds. Twilio cuts the line at `TimeLimit`, 300 s.
pub const LONGEST_TALK: u16 = 240;
/// How often a restaurant that calls back hears the question.
const CALLBACK_ROUNDS: u8 = 3;
/// How often the machine asks again for a time after input that is none.
const MOST_MISSES: u8 = 2;
/// Keys that follow each other within this many milliseconds are typed in a row: they are one
/// answer. A second and a half, and a quarter of a second in which the webhooks may differ on their
/// way.
pub(super) const ROW: u32 = 1_750;

/// A key after a refusal accepts only so many milliseconds after it: before that it may belong to a
/// row whose webhooks were held up, and nobody has heard yet that 1 would accept.
const HELD_UP: u32 = 4_000;

/// What the restaurant hears and is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole message: who calls, the reservation, the keys.
    Ask {
        /// Whether it is said for the first time or again.
        opening: Opening,
        /// Said slowly, with the time in two forms, because staff pressed star.
        slowly: bool,
        /// The position of the next key.
        listen: TalkPosition,
    },
    /// The keys alone.
    Keys {
        /// Why the keys are said again.
        because: RepromptReason,
        /// The position of the next key.
        listen: TalkPosition,
    },
    /// Key 1 was pressed before day, time and party could be heard: they are said in one sentence,
    /// and 1 is asked for once more.
    BeSure {
        /// The time that staff offer; `None`: the one that the guest wished for.
        time: Option<Time>,
        /// Where the key leads.
        listen: TalkPosition,
    },
    /// Reads the decision back.
    Decided {
        /// The decision.
        decision: Decision,
        /// The position of a key that changes it; `None`: goodbye.
        listen: Option<TalkPosition>,
    },
    /// Asks for another time, in digits.
    AskTime {
        /// Whether the digits typed before were not a time.
        again: bool,
        /// The position of the digits.
        listen: TalkPosition,
    },
    /// Reads a time back, to be confirmed with 1.
    CheckTime {
        /// The time.
        time: Time,
        /// The position of the key.
        listen: TalkPosition,
    },
    /// Asks whether the number is really never to be called again.
    AskOptOut {
        /// The position of the key.
        listen: TalkPosition,
    },
    /// The reservation, for a restaurant that calls back: keys 1 and 2.
    Called {
        /// The position of the key.
        listen: TalkPosition,
    },
    /// Offers a caller, whose number proves nothing, to call the restaurant now: key 1.
    Offer {
        /// The position of the key.
        listen: TalkPosition,
    },
    /// The last words.
    Goodbye(Goodbye),
    /// One sentence of apology; then the line is closed.
    Apology(Apology),
    /// Hangs up without another word.
    HangUp,
}

/// How the whole message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// At pick-up.
    First,
    /// After silence, or when a failed document is repeated.
    Again,
}

/// Why the keys are said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepromptReason {
    /// The pressed key has no meaning here.
    WrongKey,
    /// Several keys were typed in a row, which together mean nothing.
    SeveralKeys,
    /// The staff left the question for a time, or the one whether to call again.
    Back,
    /// What was said was not understood.
    NotUnderstood,
}

/// The kinds of goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// A decision was made and read back.
    Decided,
    /// Nobody pressed a key.
    NoKey,
    /// They will not be called again.
    OptedOut,
}

/// The reasons for an apology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apology {
    /// Something failed on our side, or the requested document is no longer valid.
    Fault,
    /// The guest has cancelled.
    Canceled,
    /// It is too late for this call.
    Expired,
    /// Staff asked not to be called any more while this call was in progress.
    OptedOut,
}

/// What the conversation needs to know about its call.
#[derive(Clone, Copy, Debug)]
pub struct TalkContext {
    /// The table's wished time of day.
    pub wished: Time,
    /// Rounds of silence before goodbye.
    pub rounds: u8,
    /// The most replies in a call: [`MOST_REPLIES`], or 9 on a trial account.
    pub most_replies: u8,
}

impl TalkContext {
    /// The context for a reservation. A number behind a phone menu gets five rounds of silence,
    /// because nobody may be there yet when the message begins.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            wished: reservation.time.time(),
            rounds: if reservation.extension.is_some() {
                5
            } else {
                3
            },
            most_replies: MOST_REPLIES,
        }
    }
}

/// The input of the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The keys, without a terminating one.
    Digits(&'a str),
    /// No key was pressed in time.
    Silence,
    /// Words were said instead (`TWILIO_SPEECH`).
    Spoken(SpokenIntent),
}

/// The effect of a key on the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyResult {
    /// Nothing was settled.
    Nothing,
    /// The staff decided.
    Decided(Decision),
    /// The staff took their decision back.
    Withdrawn,
}

impl KeyResult {
    /// The decision that stands since then, if anything was settled.
    pub(super) const fn settled(self) -> Option<Decision> {
        match self {
            Self::Nothing => None,
            Self::Decided(decision) => Some(decision),
            Self::Withdrawn => Some(Decision::Withdrawn),
        }
    }
}

/// The first words after pick-up, handed out at `moment`: milliseconds since the ticket was sealed,
/// as everywhere here.
#[must_use]
pub fn open(began: u16, moment: u32) -> Reply {
    let first = TalkPosition::first(began);
    Reply::Ask {
        opening: Opening::First,
        slowly: false,
        listen: TalkPosition {
            prompt: PromptTiming {
                asked: moment,
                ..first.prompt
            },
            ..first
        },
    }
}

/// Repeats the document of `position`, because Twilio could not fetch or run it (fallback URL), and
/// nobody here knows its input. A decision that a lost key may have changed is taken back.
#[must_use]
pub fn resume(position: TalkPosition, moment: u32, context: &TalkContext) -> (KeyResult, Reply) {
    // A key may have been pressed that was not heard here; more of them may follow in a row.
    let next = position.next();
    let is_doubtful = has_lost_key(position, moment);
    let heard = if is_doubtful {
        KeyResult::Withdrawn
    } else {
        KeyResult::Nothing
    };
    let listen = TalkPosition {
        prompt: PromptTiming {
            asked: moment,
            after: Some('#'),
            informed: position.prompt.informed,
            facts: None,
            question: None,
            late: false,
        },
        ..next
    };
    if listen.step >= context.most_replies {
        let reply = if is_doubtful {
            Reply::Goodbye(Goodbye::NoKey)
        } else {
            goodbye(position)
        };
        return (heard, reply);
    }
    let reply = match position.stage {
        TalkStage::Change | TalkStage::OptOut if is_doubtful => {
            several_keys(position).listening(|keys| TalkPosition {
                prompt: listen.prompt,
                ..keys
            })
        }
        TalkStage::Keys => Reply::Ask {
            opening: Opening::Again,
            slowly: false,
            listen,
        },
        TalkStage::Change => position
            .said
            .map_or(Reply::Goodbye(Goodbye::Decided), |decision| {
                decided(decision, Some(listen))
            }),
        TalkStage::Time => Reply::AskTime {
            again: false,
            listen,
        },
        TalkStage::TimeCheck(time) => Reply::CheckTime { time, listen },
        TalkStage::OptOut => Reply::AskOptOut { listen },
        TalkStage::Called => Reply::Called { listen },
        TalkStage::Offer => Reply::Offer { listen },
    };
    (heard, reply)
}

/// Whether a key that was lost at `position` may belong to the row of the key that decided, as the
/// digits of a time do, or may have changed that decision. The input was a key and no silence,
/// because so soon the decision is still being read back. Until the fallback URL is requested up to
/// [`LATEST`] milliseconds pass; a wish not to be called stands unless the key came in the row for
/// certain.
fn has_lost_key(position: TalkPosition, moment: u32) -> bool {
    let age = position.prompt.age(moment);
    position.prompt.after.is_some()
        && match position.stage {
            TalkStage::Change => age < ROW + LATEST,
            TalkStage::OptOut => age < ROW,
            TalkStage::Keys
            | TalkStage::Time
            | TalkStage::TimeCheck(_)
            | TalkStage::Called
            | TalkStage::Offer => false,
        }
}

/// Answers the input at `position`. `elapsed` is the number of seconds since pick-up.
#[must_use]
pub fn answer(
    position: TalkPosition,
    input: Input<'_>,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    let (heard, reply) = match as_digits(position, input, moment) {
        None => (KeyResult::Nothing, not_understood(position)),
        Some(input) => in_a_row(position, input, moment).unwrap_or_else(|| match position.stage {
            TalkStage::Keys => at_keys(position, input, moment, context),
            TalkStage::Change => at_change(position, input, moment),
            TalkStage::Time => at_time(position, input, context),
            TalkStage::TimeCheck(time) => at_time_check(position, time, input, moment),
            TalkStage::OptOut => at_opt_out(position, input),
            TalkStage::Called | TalkStage::Offer => at_callback(position, input, moment),
        }),
    };
    let elapsed = (moment / 1_000).saturating_sub(u32::from(position.began));
    let over =
        position.step.saturating_add(1) >= context.most_replies || elapsed >= LONGEST_TALK.into();
    let reply = if over {
        shorten(position, heard, reply)
    } else {
        reply
    };
    let prompt = PromptTiming {
        asked: moment,
        after: last_key(position, input, moment),
        informed: position.prompt.is_informed(moment),
        facts: None,
        question: None,
        late: false,
    };
    (
        heard,
        reply.listening(|listen| TalkPosition { prompt, ..listen }),
    )
}

/// The key that the next document follows. Hash is no answer but the end of one, so that the key
/// before it is still the last. So it is after a silence shorter than [`ROW`], in which a key on its
/// way may still follow.
fn last_key(position: TalkPosition, input: Input<'_>, moment: u32) -> Option<char> {
    match input {
        Input::Digits("#") => position.prompt.after.or(Some('#')),
        Input::Digits(digits) => digits
            .chars()
            .next_back()
            .filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#')),
        // Hash alone ends a Gather for a time, and Twilio need not say so.
        Input::Silence if position.stage == TalkStage::Time => Some('#'),
        Input::Silence | Input::Spoken(_) => position
            .prompt
            .after
            .filter(|_| position.prompt.age(moment) < ROW),
    }
}

/// Translates words into the key with the same meaning at this stage; `None` if they have none.
#[must_use]
pub fn as_digits(position: TalkPosition, input: Input<'_>, moment: u32) -> Option<Input<'_>> {
    let Input::Spoken(said) = input else {
        return Some(input);
    };
    if !position.prompt.has_put_question(moment) {
        return None;
    }
    let key = match (position.stage, said) {
        (_, SpokenIntent::Unclear) => None,
        (_, SpokenIntent::Again) => Some("*"),
        (
            TalkStage::Keys
            | TalkStage::TimeCheck(_)
            | TalkStage::OptOut
            | TalkStage::Called
            | TalkStage::Offer,
            SpokenIntent::Yes,
        ) => Some("1"),
        (
            TalkStage::Keys | TalkStage::TimeCheck(_) | TalkStage::OptOut | TalkStage::Called,
            SpokenIntent::No,
        ) => Some("2"),
        (TalkStage::TimeCheck(_), SpokenIntent::OtherTime) => Some("2"),
        (TalkStage::Keys, SpokenIntent::OtherTime) => Some("3"),
        // "Yes" may agree with what was read back or answer the question after it: only a key
        // changes a decision.
        (
            TalkStage::Change | TalkStage::Time,
            SpokenIntent::Yes | SpokenIntent::No | SpokenIntent::OtherTime,
        ) => None,
        (TalkStage::Offer, SpokenIntent::No | SpokenIntent::OtherTime)
        | (TalkStage::OptOut | TalkStage::Called, SpokenIntent::OtherTime) => None,
    };
    key.map(Input::Digits)
}

/// A key that follows another within [`ROW`]: together they are one answer. A key that was pressed
/// twice is one key, hash ends an answer, and star asks to repeat; everything else means nothing,
/// and what the first key decided is taken back. Only digits of a time are typed in a row.
fn in_a_row(position: TalkPosition, input: Input<'_>, moment: u32) -> Option<(KeyResult, Reply)> {
    let Input::Digits(digits) = input else {
        return None;
    };
    let before = position.prompt.after?;
    let is_repeated = digits == "#" || digits.chars().all(|key| key == before);
    if position.prompt.heard(moment) >= ROW || position.stage == TalkStage::Time || digits == "*" {
        return None;
    }
    let listen = position.next();
    let nothing = |reply| Some((KeyResult::Nothing, reply));
    match position.stage {
        TalkStage::TimeCheck(time) => nothing(read_back(position, time, listen)),
        TalkStage::Keys if is_repeated => nothing(match before {
            '1' if !position.prompt.informed => Reply::BeSure { time: None, listen },
            '*' => ask_slowly(listen),
            _ => Reply::Keys {
                because: RepromptReason::WrongKey,
                listen,
            },
        }),
        TalkStage::Called if is_repeated && before == '1' => {
            nothing(Reply::BeSure { time: None, listen })
        }
        TalkStage::Change if is_repeated => position
            .said
            .and_then(|said| nothing(decided(said, Some(listen)))),
        TalkStage::OptOut if is_repeated => nothing(Reply::AskOptOut { listen }),
        TalkStage::Keys => nothing(several_keys(position)),
        TalkStage::Change | TalkStage::OptOut => {
            Some((KeyResult::Withdrawn, several_keys(position)))
        }
        TalkStage::Called => nothing(Reply::Called { listen }),
        TalkStage::Offer => nothing(Reply::Offer { listen }),
        TalkStage::Time => None,
    }
}

/// Several keys mean nothing together: what the first one decided is taken back, and the keys are
/// said again.
fn several_keys(position: TalkPosition) -> Reply {
    Reply::Keys {
        because: RepromptReason::SeveralKeys,
        listen: TalkPosition {
            stage: TalkStage::Keys,
            said: position.said.map(|_| Decision::Withdrawn),
            ..position.next()
        },
    }
}

/// A time that was typed, to be confirmed: with day and party where they were not heard yet.
const fn read_back(position: TalkPosition, time: Time, listen: TalkPosition) -> Reply {
    if position.prompt.informed {
        Reply::CheckTime { time, listen }
    } else {
        Reply::BeSure {
            time: Some(time),
            listen,
        }
    }
}

const fn ask_slowly(listen: TalkPosition) -> Reply {
    Reply::Ask {
        opening: Opening::Again,
        slowly: true,
        listen,
    }
}

/// Words that were not understood settle nothing; the reply asks for a key.
fn not_understood(position: TalkPosition) -> Reply {
    let listen = position.next();
    match position.stage {
        TalkStage::Keys => Reply::Keys {
            because: RepromptReason::NotUnderstood,
            listen,
        },
        TalkStage::Change => goodbye(position),
        TalkStage::Time => Reply::AskTime {
            again: true,
            listen,
        },
        TalkStage::TimeCheck(time) => read_back(position, time, listen),
        TalkStage::OptOut => Reply::AskOptOut { listen },
        TalkStage::Called | TalkStage::Offer => at_callback(position, Input::Silence, 0).1,
    }
}

/// The same answer without a further question.
fn shorten(position: TalkPosition, heard: KeyResult, reply: Reply) -> Reply {
    match reply {
        Reply::Decided { decision, .. } => decided(decision, None),
        Reply::AskOptOut { .. } => Reply::Goodbye(Goodbye::OptedOut),
        Reply::Ask { .. }
        | Reply::Keys { .. }
        | Reply::BeSure { .. }
        | Reply::AskTime { .. }
        | Reply::CheckTime { .. }
        | Reply::Called { .. }
        | Reply::Offer { .. } => match heard {
            KeyResult::Withdrawn => Reply::Goodbye(Goodbye::NoKey),
            KeyResult::Nothing | KeyResult::Decided(_) => goodbye(position),
        },
        Reply::Goodbye(_) | Reply::Apology(_) | Reply::HangUp => reply,
    }
}

fn goodbye(position: TalkPosition) -> Reply {
    Reply::Goodbye(match position.said {
        Some(Decision::OptedOut) => Goodbye::OptedOut,
        Some(Decision::Accepted | Decision::Declined | Decision::OtherTime(_)) => Goodbye::Decided,
        Some(Decision::Withdrawn) | None => Goodbye::NoKey,
    })
}

const fn decided(decision: Decision, listen: Option<TalkPosition>) -> Reply {
    Reply::Decided { decision, listen }
}

/// Reads a decision back and offers one chance to change it.
fn settle(position: TalkPosition, decision: Decision) -> (KeyResult, Reply) {
    let listen = TalkPosition {
        stage: TalkStage::Change,
        said: Some(decision),
        ..position.next()
    };
    (
        KeyResult::Decided(decision),
        decided(decision, Some(listen)),
    )
}

/// Staff can only accept what they could hear: an earlier key 1 is one that picked up the phone, or
/// a habit.
fn accept(position: TalkPosition, moment: u32) -> (KeyResult, Reply) {
    if position.prompt.is_informed(moment) {
        return settle(position, Decision::Accepted);
    }
    let listen = position.next();
    (KeyResult::Nothing, Reply::BeSure { time: None, listen })
}

fn at_keys(
    position: TalkPosition,
    input: Input<'_>,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    let listen = position.next();
    let reply = match input {
        Input::Digits("1") => return accept(position, moment),
        Input::Digits("2") => return settle(position, Decision::Declined),
        Input::Digits("3") => Reply::AskTime {
            again: false,
            listen: TalkPosition {
                stage: TalkStage::Time,
                misses: 0,
                ..listen
            },
        },
        Input::Digits("9") => {
            let said = Some(Decision::OptedOut);
            let reply = Reply::AskOptOut {
                listen: TalkPosition {
                    stage: TalkStage::OptOut,
                    said,
                    ..listen
                },
            };
            return (KeyResult::Decided(Decision::OptedOut), reply);
        }
        Input::Digits("*") => ask_slowly(listen),
        Input::Digits(_) => Reply::Keys {
            because: RepromptReason::WrongKey,
            listen,
        },
        // Words were translated into keys before; words without a meaning count as silence here.
        Input::Silence | Input::Spoken(_) if listen.silences + 1 >= context.rounds => {
            Reply::Goodbye(Goodbye::NoKey)
        }
        Input::Silence | Input::Spoken(_) => {
            let listen = TalkPosition {
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
    (KeyResult::Nothing, reply)
}

/// One chance to change: the other of the two keys. Star says again what was understood.
fn at_change(position: TalkPosition, input: Input<'_>, moment: u32) -> (KeyResult, Reply) {
    let listen = position.next();
    let changed = match (position.said, input) {
        (Some(said), Input::Digits("*")) => {
            return (KeyResult::Nothing, decided(said, Some(listen)));
        }
        // Also where the key may be the second digit of a time, such as 21.
        (Some(Decision::Declined), Input::Digits("1"))
            if !position.prompt.is_informed(moment) || position.prompt.heard(moment) < HELD_UP =>
        {
            return (KeyResult::Nothing, Reply::BeSure { time: None, listen });
        }
        (Some(Decision::Declined), Input::Digits("1")) => Decision::Accepted,
        (Some(Decision::Accepted | Decision::OtherTime(_)), Input::Digits("2")) => {
            Decision::Declined
        }
        // A digit of a time whose webhook was held up is no part of the row any more. Nobody who
        // accepts presses such a key.
        (Some(Decision::Accepted | Decision::OtherTime(_)), Input::Digits(digits))
            if !matches!(digits, "1" | "#") =>
        {
            return (KeyResult::Withdrawn, several_keys(position));
        }
        _ => return (KeyResult::Nothing, goodbye(position)),
    };
    (KeyResult::Decided(changed), decided(changed, None))
}

fn at_time(position: TalkPosition, input: Input<'_>, context: &TalkContext) -> (KeyResult, Reply) {
    let reply = match input {
        Input::Silence | Input::Spoken(_) => back(
            TalkPosition {
                silences: position.silences + 1,
                ..position
            },
            context,
        ),
        Input::Digits(digits) if digits.starts_with('*') => Reply::AskTime {
            again: false,
            listen: position.next(),
        },
        Input::Digits(digits) => match read_time(digits, context.wished) {
            Some(time) => read_back(
                position,
                time,
                TalkPosition {
                    stage: TalkStage::TimeCheck(time),
                    ..position.next()
                },
            ),
            None if position.misses < MOST_MISSES => Reply::AskTime {
                again: true,
                listen: TalkPosition {
                    misses: position.misses + 1,
                    ..position.next()
                },
            },
            None => back(position, context),
        },
    };
    (KeyResult::Nothing, reply)
}

/// Back to the keys, or goodbye when there was silence too often.
fn back(position: TalkPosition, context: &TalkContext) -> Reply {
    if position.silences >= context.rounds {
        return Reply::Goodbye(Goodbye::NoKey);
    }
    Reply::Keys {
        because: RepromptReason::Back,
        listen: TalkPosition {
            stage: TalkStage::Keys,
            ..position.next()
        },
    }
}

/// A time counts once it could be heard how it was understood.
fn at_time_check(
    position: TalkPosition,
    time: Time,
    input: Input<'_>,
    moment: u32,
) -> (KeyResult, Reply) {
    match input {
        Input::Digits("1") if position.prompt.has_said_facts(moment) => {
            settle(position, Decision::OtherTime(time))
        }
        Input::Digits("1" | "*") => (
            KeyResult::Nothing,
            read_back(position, time, position.next()),
        ),
        Input::Digits(_) | Input::Silence | Input::Spoken(_) if position.misses < MOST_MISSES => {
            let listen = TalkPosition {
                stage: TalkStage::Time,
                misses: position.misses + 1,
                ..position.next()
            };
            (
                KeyResult::Nothing,
                Reply::AskTime {
                    again: true,
                    listen,
                },
            )
        }
        Input::Digits(_) | Input::Silence | Input::Spoken(_) => {
            let listen = TalkPosition {
                stage: TalkStage::Keys,
                ..position.next()
            };
            (
                KeyResult::Nothing,
                Reply::Keys {
                    because: RepromptReason::Back,
                    listen,
                },
            )
        }
    }
}

/// Key 9 counts from the moment it was pressed: 1, 9, silence and hanging up leave it standing.
fn at_opt_out(position: TalkPosition, input: Input<'_>) -> (KeyResult, Reply) {
    match input {
        Input::Digits("1" | "9") | Input::Silence | Input::Spoken(_) => {
            (KeyResult::Nothing, Reply::Goodbye(Goodbye::OptedOut))
        }
        Input::Digits("*") => (
            KeyResult::Nothing,
            Reply::AskOptOut {
                listen: position.next(),
            },
        ),
        Input::Digits(_) => {
            let listen = TalkPosition {
                stage: TalkStage::Keys,
                said: Some(Decision::Withdrawn),
                ..position.next()
            };
            (
                KeyResult::Withdrawn,
                Reply::Keys {
                    because: RepromptReason::Back,
                    listen,
                },
            )
        }
    }
}

/// A restaurant that rings back: 1 and 2 as ever, or 1 to be rung now; everything else hears the
/// question again.
fn at_callback(position: TalkPosition, input: Input<'_>, moment: u32) -> (KeyResult, Reply) {
    let again = TalkPosition {
        silences: position.silences.saturating_add(1),
        ..position.next()
    };
    let reply = match (position.stage, input) {
        (TalkStage::Called, Input::Digits("1")) => return accept(position, moment),
        (TalkStage::Called, Input::Digits("2")) => return settle(position, Decision::Declined),
        (TalkStage::Offer, Input::Digits("1")) => Reply::Goodbye(Goodbye::Decided),
        _ if again.silences >= CALLBACK_ROUNDS => Reply::Goodbye(Goodbye::NoKey),
        (TalkStage::Offer, _) => Reply::Offer { listen: again },
        _ => Reply::Called { listen: again },
    };
    (KeyResult::Nothing, reply)
}

/// Reads digits as a time of day, with or without the hash key that ends them: hour and minute
/// (`1930`, `730`), or the hour alone (`19`, `07`).
///
/// Where the restaurant says quarter past eight as
/// 0815 and means the evening, the reading nearest the wished time counts; an hour that is typed as
/// 00 is always midnight. `None` for what is no time at all.
#[must_use]
pub fn read_time(digits: &str, wished: Time) -> Option<Time> {
    let digits = digits.strip_suffix('#').unwrap_or(digits);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // A single digit is rather a key of the menu than an hour.
    let (hour, minute) = match digits.len() {
        2 => (digits, "0"),
        3 => digits.split_at(1),
        4 => digits.split_at(2),
        _ => return None,
    };
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let first = Time::new(hour, minute, 0, 0).ok()?;
    let second = match hour {
        0 => None,
        1..=11 => Time::new(hour + 12, minute, 0, 0).ok(),
        12 => Time::new(0, minute, 0, 0).ok(),
        _ => None,
    };
    let minutes = |time: Time| i16::from(time.hour()) * 60 + i16::from(time.minute());
    let distance = |time: &Time| (minutes(*time) - minutes(wished)).abs();
    std::iter::once(first).chain(second).min_by_key(distance)
}

#[cfg(test)]
mod tests;
