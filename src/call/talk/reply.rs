//! The next reply, and the position of the key that answers it.

use crate::call::decision::Decision;
use crate::call::position::{TalkPosition, TalkStage};
use crate::domain::OfferedTime;

/// The words and the question that the restaurant hears next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole message: the caller, the reservation, the keys.
    Ask {
        /// The first time, or a repetition.
        opening: Opening,
        /// Said slowly, with the time in two forms, because staff pressed star.
        slowly: bool,
        /// The position of the next key.
        listen: TalkPosition,
    },
    /// The keys alone.
    Keys {
        /// Reason to name the keys again.
        because: RepromptReason,
        /// The position of the next key.
        listen: TalkPosition,
    },
    /// Day, time and party in one sentence, and the request to press 1 once more, because key 1 was
    /// pressed before they could be heard.
    BeSure {
        /// The time that staff offer; `None`: the time of the reservation.
        time: Option<OfferedTime>,
        /// The position of the key.
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
        /// Reason of the question.
        because: TimePrompt,
        /// The position of the digits.
        listen: TalkPosition,
    },
    /// Reads a time back, to be confirmed with 1.
    CheckTime {
        /// The time.
        time: OfferedTime,
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

/// Beginning of the whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// At pick-up.
    First,
    /// After silence, or when a failed document is repeated.
    Again,
}

/// Reason to name the keys again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepromptReason {
    /// The pressed key has no meaning here.
    WrongKey,
    /// Several keys were typed in a row, which together mean nothing.
    SeveralKeys,
    /// Staff returned from the question for a time, or from that about an opt-out.
    Back,
    /// Spoken words were not understood.
    NotUnderstood,
}

/// Reason to ask for another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePrompt {
    /// Staff want to offer a time, or to hear the question once more.
    First,
    /// Staff meant another time than was read back.
    Again,
    /// The typed digits are not a time.
    NotATime,
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

impl Reply {
    /// Changes the position of the next key by `to`, if the reply has one.
    #[must_use]
    pub fn listening(self, to: impl FnOnce(TalkPosition) -> TalkPosition) -> Self {
        let mut reply = self;
        match &mut reply {
            Self::Ask { listen, .. }
            | Self::Keys { listen, .. }
            | Self::BeSure { listen, .. }
            | Self::AskTime { listen, .. }
            | Self::CheckTime { listen, .. }
            | Self::AskOptOut { listen }
            | Self::Called { listen }
            | Self::Offer { listen } => *listen = to(*listen),
            Self::Decided { listen, .. } => *listen = listen.map(to),
            Self::Goodbye(_) | Self::Apology(_) | Self::HangUp => {}
        }
        reply
    }

    /// The position of the next key; `None` if the line is closed after this reply.
    #[must_use]
    pub const fn listen(&self) -> Option<TalkPosition> {
        match self {
            Self::Ask { listen, .. }
            | Self::Keys { listen, .. }
            | Self::BeSure { listen, .. }
            | Self::AskTime { listen, .. }
            | Self::CheckTime { listen, .. }
            | Self::AskOptOut { listen }
            | Self::Called { listen }
            | Self::Offer { listen } => Some(*listen),
            Self::Decided { listen, .. } => *listen,
            Self::Goodbye(_) | Self::Apology(_) | Self::HangUp => None,
        }
    }
}

/// The reply to a row that means nothing: the decision of its first key is taken back, and the keys
/// are named again.
pub(super) fn several_keys(position: TalkPosition) -> Reply {
    Reply::Keys {
        because: RepromptReason::SeveralKeys,
        listen: TalkPosition {
            stage: TalkStage::Keys,
            decision: position.decision.map(|_| Decision::Withdrawn),
            ..position.next()
        },
    }
}

/// Reads a typed time back, to be confirmed; with day and party if they could not be heard yet.
pub(super) const fn read_back(
    position: TalkPosition,
    time: OfferedTime,
    listen: TalkPosition,
) -> Reply {
    if position.prompt.informed {
        Reply::CheckTime { time, listen }
    } else {
        Reply::BeSure {
            time: Some(time),
            listen,
        }
    }
}

pub(super) const fn ask_slowly(listen: TalkPosition) -> Reply {
    Reply::Ask {
        opening: Opening::Again,
        slowly: true,
        listen,
    }
}

pub(super) fn goodbye(position: TalkPosition) -> Reply {
    Reply::Goodbye(match position.decision {
        Some(Decision::OptedOut) => Goodbye::OptedOut,
        Some(Decision::Accepted | Decision::Declined | Decision::OtherTime(_)) => Goodbye::Decided,
        Some(Decision::Withdrawn) | None => Goodbye::NoKey,
    })
}

pub(super) const fn decided(decision: Decision, listen: Option<TalkPosition>) -> Reply {
    Reply::Decided { decision, listen }
}
