//! The closed lists of the core as types of the document.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::call::{Ended, FinalStatus, Machine, Outcome, WaitingFor};
use crate::domain::VoicemailAction;
use crate::http::problem::Code;

/// A closed list of words.
pub trait ClosedList: Copy + Send + Sync + 'static {
    /// The list's name in the document.
    const NAME: &'static str;
    /// The list's description in the document.
    const DESCRIPTION: &'static str;

    /// Every value.
    fn all() -> Vec<Self>;

    /// The word of this value.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($type:ty, $name:literal, $description:literal) => {
        impl ClosedList for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;

            fn all() -> Vec<Self> {
                Self::ALL.to_vec()
            }

            fn word(self) -> &'static str {
                self.word()
            }
        }
    };
}

words!(
    Outcome,
    "Outcome",
    "The verdict of a call; null until there is one. A key sets it at once, while the restaurant may still change its mind."
);
words!(
    Ended,
    "EndedBecause",
    "Why an attempt ended; null until it has."
);
words!(
    WaitingFor,
    "WaitingFor",
    "What a queued call waits for; null where it waits for nothing."
);
words!(
    Machine,
    "AnsweredBy",
    "What machine detection said; null where it said nothing."
);

/// A `status` of the API.
#[derive(Clone, Copy, Debug)]
pub struct Status(pub &'static str);

impl ClosedList for Status {
    const NAME: &'static str = "Status";
    const DESCRIPTION: &'static str = "Where a call stands.";

    fn all() -> Vec<Self> {
        ["queued", "dialing", "ringing", "in_progress", "finished"]
            .map(Self)
            .to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// Progress of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct AttemptStatus(pub &'static str);

impl ClosedList for AttemptStatus {
    const NAME: &'static str = "AttemptStatus";
    const DESCRIPTION: &'static str = "How far an attempt got.";

    fn all() -> Vec<Self> {
        [
            "asked",
            "unknown",
            "queued",
            "initiated",
            "ringing",
            "in_progress",
            "ended",
        ]
        .map(Self)
        .to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// State of the events to a `callback_url`.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryStatus(pub &'static str);

impl ClosedList for DeliveryStatus {
    const NAME: &'static str = "DeliveryStatus";
    const DESCRIPTION: &'static str = "How far the newest state of a call has come. `pending`: to be sent; `retrying`: sent in vain, and sent again at `next_attempt_at`; `delivered`: received; `gave_up`: tried for an hour in vain, or the endpoint answered 410.";

    fn all() -> Vec<Self> {
        ["pending", "retrying", "delivered", "gave_up"]
            .map(Self)
            .to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// The verdict of `POST /api/call/check`.
#[derive(Clone, Copy, Debug)]
pub struct Verdict(pub &'static str);

impl ClosedList for Verdict {
    const NAME: &'static str = "Verdict";
    const DESCRIPTION: &'static str = "Whether a create would ring.";

    fn all() -> Vec<Self> {
        ["allowed", "waits", "blocked"].map(Self).to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// End of an attempt in Twilio's words.
impl ClosedList for FinalStatus {
    const NAME: &'static str = "TwilioStatus";
    const DESCRIPTION: &'static str = "Twilio's final status of an attempt; null until it has one.";

    fn all() -> Vec<Self> {
        [
            Self::Completed,
            Self::Busy,
            Self::NoAnswer,
            Self::Failed,
            Self::Canceled,
        ]
        .to_vec()
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// The reaction to an answering machine.
impl ClosedList for VoicemailAction {
    const NAME: &'static str = "Voicemail";
    const DESCRIPTION: &'static str = "What is done when a machine answers.";

    fn all() -> Vec<Self> {
        [Self::HangUp, Self::LeaveMessage].to_vec()
    }

    fn word(self) -> &'static str {
        match self {
            Self::HangUp => "hang_up",
            Self::LeaveMessage => "leave_message",
        }
    }
}

/// Reason for which a create would not ring at once.
#[derive(Clone, Copy, Debug)]
pub enum CheckCode {
    /// It would wait.
    Waits(WaitingFor),
    /// It would be refused with a problem of this code.
    Blocked(Code),
}

impl ClosedList for CheckCode {
    const NAME: &'static str = "CheckCode";
    const DESCRIPTION: &'static str = "Why a create would not ring at once: the code of the problem that it would get, or the word of `waiting_for`; null where it would ring.";

    fn all() -> Vec<Self> {
        let refusals = Code::OF_POLICY.into_iter().map(Self::Blocked);
        refusals
            .chain(WaitingFor::ALL.iter().copied().map(Self::Waits))
            .collect()
    }

    fn word(self) -> &'static str {
        match self {
            Self::Waits(reason) => reason.word(),
            Self::Blocked(code) => code.word(),
        }
    }
}

/// The schema of a closed list.
fn schema<T: ClosedList>() -> MetaSchema {
    MetaSchema {
        enum_items: T::all()
            .into_iter()
            .map(|value| value.word().into())
            .collect(),
        description: Some(T::DESCRIPTION),
        ..MetaSchema::new("string")
    }
}

/// Implements poem-openapi's traits for a value that is written as one string: the name and schema
/// in the document, and the text.
macro_rules! written_as_text {
    ([$($t:ident: $list:ident)?] $type:ty, $name:expr, $schema:expr, $text:expr $(, $register:item)?) => {
        impl$(<$t: $list>)? Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                $schema
            }

            $($register)?

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl$(<$t: $list>)? Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&Self) -> Cow<'static, str> = $text;
                serializer.serialize_str(&text(self))
            }
        }

        impl$(<$t: $list>)? ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                let text: fn(&Self) -> Cow<'static, str> = $text;
                Some(text(self).into())
            }
        }
    };
}

/// A value of a closed list.
#[derive(Clone, Copy, Debug)]
pub struct ApiEnum<T>(pub T);

written_as_text!(
    [T: ClosedList] ApiEnum<T>,
    T::NAME,
    MetaSchemaRef::Reference(T::NAME.to_owned()),
    |value| value.0.word().into(),
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::NAME.to_owned(), |_| schema::<T>());
    }
);

/// Needed by the derive of objects that hold it; nothing we read holds one.
impl<T: ClosedList> ParseFromJSON for ApiEnum<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let known = T::all()
            .into_iter()
            .find(|known| value.as_str() == Some(known.word()));
        known
            .map(Self)
            .ok_or_else(|| ParseError::expected_type(value))
    }
}

/// A value of a closed list that the document writes out where it stands, for lists that may be
/// null in one place and not in another.
#[derive(Clone, Copy, Debug)]
pub struct InlineWord<T>(pub T);

written_as_text!(
    [T: ClosedList] InlineWord<T>,
    T::NAME,
    MetaSchemaRef::Inline(Box::new(schema::<T>())),
    |value| value.0.word().into()
);

/// Never parsed; see [`ApiEnum`].
impl<T: ClosedList> ParseFromJSON for InlineWord<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        <ApiEnum<T> as ParseFromJSON>::parse_from_json(value)
            .map(|word| Self(word.0))
            .map_err(ParseError::propagate)
    }
}

/// An instant, in milliseconds, as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub Timestamp);

written_as_text!(
    [] Instant,
    "string_date-time",
    MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time"))),
    |value| value.text().into()
);

/// Never parsed; see [`ApiEnum`].
impl ParseFromJSON for Instant {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let read = value.as_str().and_then(|text| text.parse().ok());
        read.map(Self)
            .ok_or_else(|| ParseError::expected_type(value))
    }
}

impl Instant {
    fn text(self) -> String {
        const MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        MILLISECONDS.timestamp_to_string(
            &Timestamp::from_millisecond(self.0.as_millisecond()).unwrap_or(self.0),
        )
    }
}
