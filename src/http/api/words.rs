//! The closed lists of the core as types of the document.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::call::{Ended, Outcome, WaitingFor};

/// A closed list of words.
pub trait Words: Copy + Send + Sync + 'static {
    /// What the list is called in the document.
    const NAME: &'static str;

    /// Every value.
    fn all() -> Vec<Self>;

    /// The word of this value.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($type:ty, $name:literal) => {
        impl Words for $type {
            const NAME: &'static str = $name;

            fn all() -> Vec<Self> {
                Self::ALL.to_vec()
            }

            fn word(self) -> &'static str {
                self.word()
            }
        }
    };
}

words!(Outcome, "Outcome");
words!(Ended, "EndedBecause");
words!(WaitingFor, "WaitingFor");

/// A `status` of the API.
#[derive(Clone, Copy, Debug)]
pub struct Status(pub &'static str);

impl Words for Status {
    const NAME: &'static str = "Status";

    fn all() -> Vec<Self> {
        ["queued", "dialing", "ringing", "in_progress", "finished"]
            .map(Self)
            .to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// How far an attempt got.
#[derive(Clone, Copy, Debug)]
pub struct AttemptStatus(pub &'static str);

impl Words for AttemptStatus {
    const NAME: &'static str = "AttemptStatus";

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

/// How far the events to a `callback_url` have come.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryStatus(pub &'static str);

impl Words for DeliveryStatus {
    const NAME: &'static str = "DeliveryStatus";

    fn all() -> Vec<Self> {
        ["pending", "retrying", "delivered", "gave_up"]
            .map(Self)
            .to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// What `POST /api/call/check` answers.
#[derive(Clone, Copy, Debug)]
pub struct Verdict(pub &'static str);

impl Words for Verdict {
    const NAME: &'static str = "Verdict";

    fn all() -> Vec<Self> {
        ["allowed", "waits", "blocked"].map(Self).to_vec()
    }

    fn word(self) -> &'static str {
        self.0
    }
}

/// A value of a closed list.
#[derive(Clone, Copy, Debug)]
pub struct Word<T>(pub T);

impl<T: Words> Type for Word<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::NAME.to_owned(), |_| MetaSchema {
            enum_items: T::all()
                .into_iter()
                .map(|value| value.word().into())
                .collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: Words> ToJSON for Word<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.word().into())
    }
}

/// Needed by the derive of objects that hold it; nothing we read holds one.
impl<T: Words> ParseFromJSON for Word<T> {
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

/// An instant, in milliseconds, as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub Timestamp);

impl Type for Instant {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

/// As with [`Word`].
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

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl ToJSON for Instant {
    fn to_json(&self) -> Option<Value> {
        Some(self.text().into())
    }
}
