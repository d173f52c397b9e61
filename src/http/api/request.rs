//! The body of a request: documented as a type, read as JSON, judged by `service::intake` field by
//! field.

use std::marker::PhantomData;

use poem::http::header::CONTENT_ENCODING;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::enums::{InlineWord, Instant};
use super::strict_json;
use crate::domain::VoicemailAction;
use crate::http::problem::{Code, Failure};
use crate::service::ServiceError;

/// A request to have a restaurant asked for a table. The first four fields are the whole of what is
/// required.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub struct CallRequest {
    /// Who the table is for; at least one letter, at most 240 bytes.
    #[oai(validator(min_length = 1, max_length = 80))]
    name: String,
    /// How the name sounds, in the script of the language of the call, such as `Win` for Nguyễn:
    /// said instead of it; at most 120 bytes. Needed for a name that the voice cannot say.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 1, max_length = 80)
    )]
    name_pronounced: Option<String>,
    /// The reading of a name whose script does not say how it is read, such as the kana of a name
    /// in kanji: spelled when staff press star; at most 120 bytes.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 1, max_length = 80)
    )]
    name_reading: Option<String>,
    /// The restaurant's number: E.164, a `tel:` URI, or in national form where `country` (or the
    /// country of the service's own number) makes it unambiguous. Letters stand for the keys of a
    /// telephone. An extension behind it (`x12`, `ext. 12`, `;ext=12`, `,12`, `#12`) fills
    /// `extension`. Only one number may be given.
    #[oai(validator(min_length = 3, max_length = 64))]
    phone: String,
    /// Date and time on the restaurant's wall clock, such as `2027-06-18T19:30`, at most 400 days
    /// ahead. An RFC 3339 offset is accepted; its wall clock is what is read. A time that the clock
    /// there skips when it is set forward is refused (`time_does_not_exist`); one that it shows
    /// twice when it is set back is the earlier.
    #[oai(validator(min_length = 16, max_length = 40))]
    time: String,
    /// How many people.
    #[oai(validator(minimum(value = "1"), maximum(value = "99")))]
    party_size: u8,
    /// The name of the place, spoken and shown.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 1, max_length = 80)
    )]
    restaurant: Option<String>,
    /// The guest's own number, read out digit by digit, and its extension after it. It must have a
    /// possible length.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 3, max_length = 64)
    )]
    guest_phone: Option<String>,
    /// What else staff should know, spoken; at most 420 bytes.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 1, max_length = 140)
    )]
    notes: Option<String>,
    /// The language of `notes`, as a tag such as `es-ES`: they are said in its voice. By default
    /// the language of the call.
    #[oai(skip_serializing_if_is_none, validator(min_length = 2))]
    notes_language: Option<String>,
    /// What staff hear, as a language tag such as `en-GB`. By default the language of the number's
    /// country, or of its area where the country has several.
    #[oai(skip_serializing_if_is_none, validator(min_length = 2))]
    language: Option<String>,
    /// ISO 3166 alpha-2, to read a national `phone`.
    #[oai(skip_serializing_if_is_none, validator(min_length = 2, max_length = 2))]
    country: Option<String>,
    /// The restaurant's IANA time zone: one of the number's country, or one that keeps the clock of
    /// a zone in which the number can lie. Known by itself where all possible zones keep one clock;
    /// needed where they leave no hour to call in (`timezone_needed`).
    #[oai(skip_serializing_if_is_none, validator(min_length = 1))]
    timezone: Option<String>,
    /// When the restaurant is open, in the syntax of OpenStreetMap, such as
    /// `Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off`; at most 420 bytes. It is rung only while it
    /// is open or in the hour before, never in the last half hour, and within the service's call
    /// hours. A table at a time when it is closed is refused (`restaurant_closed`). `PH` and `SH`
    /// are the holidays of the number's country, where they are known. Times that are `unknown`
    /// count as open; the sun rises at 07:00 and sets at 19:00.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 1, max_length = 300)
    )]
    opening_hours: Option<String>,
    /// Digits, `*`, `#` and `w` (half a second) sent after pick-up: for places behind a menu. To be
    /// left out where `phone` ends in an extension.
    #[oai(
        skip_serializing_if_is_none,
        validator(max_length = 32, pattern = r"^[0-9*#w]+$")
    )]
    extension: Option<String>,
    /// Other times of the same day that would do: lets the restaurant offer one by keypad.
    #[oai(skip_serializing_if_is_none)]
    alternatives: Option<AlternativeTimes>,
    /// The earliest first ring, RFC 3339.
    #[oai(skip_serializing_if_is_none)]
    not_before: Option<Instant>,
    /// When to stop trying, RFC 3339. By default 24 hours later, with `opening_hours` 24 hours after
    /// the first moment at which they let it ring; never after the table's time.
    #[oai(skip_serializing_if_is_none)]
    give_up_at: Option<Instant>,
    /// How many times to ring at most; 3 by default.
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "1"), maximum(value = "5"))
    )]
    attempts: Option<u8>,
    /// What to do when a machine answers: `hang_up` (default) or `leave_message`.
    #[oai(skip_serializing_if_is_none)]
    voicemail: Option<InlineWord<VoicemailAction>>,
    /// An https URL that gets signed events.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_length = 10, max_length = 300, pattern = r"^https?://")
    )]
    callback_url: Option<String>,
}

/// From when to when another time would do.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct AlternativeTimes {
    /// Local time such as `18:30`, or with the date of the table.
    earliest: String,
    /// Local time such as `21:00`, or with the date of the table.
    latest: String,
}

impl Example for CallRequest {
    /// A table at a number that answers by itself in the simulator, and presses 1.
    fn example() -> Self {
        Self {
            name: "Ana García".to_owned(),
            name_pronounced: None,
            name_reading: None,
            phone: "+14155550101".to_owned(),
            time: "2027-06-18T19:30".to_owned(),
            party_size: 4,
            restaurant: None,
            guest_phone: None,
            notes: None,
            notes_language: None,
            language: None,
            country: None,
            timezone: None,
            opening_hours: None,
            extension: None,
            alternatives: None,
            not_before: None,
            give_up_at: None,
            attempts: None,
            voicemail: None,
            callback_url: None,
        }
    }
}

/// Mark that some editors and libraries write before UTF-8. A reader of JSON may pass it over (RFC
/// 8259, 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A JSON object that the document calls `T`.
#[derive(Debug)]
pub struct Body<T> {
    /// The fields as they came.
    pub fields: Map<String, Value>,
    described_as: PhantomData<fn() -> T>,
}

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        <Json<T> as Payload>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        // Read as it is, a compressed body would be reported as invalid JSON.
        if is_encoded(request) {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "Send the body as it is, without the header Content-Encoding.",
            )
            .into());
        }
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        match strict_json::read(text) {
            Ok((Value::Object(_), twice)) if !twice.is_empty() => {
                Err(Failure::from(ServiceError::Invalid(twice)).into())
            }
            Ok((Value::Object(fields), _)) => Ok(Self {
                fields,
                described_as: PhantomData,
            }),
            Ok(_) => Err(Failure::new(Code::BadJson, "The body must be a JSON object.").into()),
            // serde_json says what it expected and where, and nothing of what it found.
            Err(error) => {
                Err(Failure::new(Code::BadJson, format!("The body is not JSON: {error}.")).into())
            }
        }
    }
}

/// Returns whether a body is said to be encoded; `identity` says that it is not.
fn is_encoded(request: &Request) -> bool {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    encodings.any(|it| !it.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

impl<'a, T: Type> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<poem_openapi::registry::MetaRequest> {
        Some(poem_openapi::registry::MetaRequest {
            description: None,
            content: vec![poem_openapi::registry::MetaMediaType {
                content_type: <Self as Payload>::CONTENT_TYPE,
                schema: <Self as Payload>::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match request.content_type() {
            Some(content_type) if !<Self as Payload>::check_content_type(content_type) => {
                Err(Failure::new(
                    Code::UnsupportedMediaType,
                    "Send the body as application/json.",
                )
                .into())
            }
            Some(_) | None => <Self as ParsePayload>::from_request(request, body).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    /// Reads the bytes of a body.
    fn read(bytes: Vec<u8>) -> Result<Map<String, Value>, Failure> {
        let (request, mut body) = Request::builder().body(bytes).split();
        let read = <Body<CallRequest> as ParsePayload>::from_request(&request, &mut body);
        // The bytes are there already: nothing is waited for.
        let read = read.now_or_never().expect("read at once");
        read.map(|body| body.fields)
            .map_err(|error| error.downcast::<Failure>().expect("a failure of ours"))
    }

    #[test]
    fn broken_json_is_told_by_line_and_column_and_not_repeated() {
        let failure = read(b"{\n  \"name\": Ana}".to_vec()).unwrap_err();
        assert_eq!(failure.code, Code::BadJson);
        assert!(
            failure.detail.contains("line 2 column 11") && !failure.detail.contains("Ana"),
            "{}",
            failure.detail
        );
        assert_eq!(
            read("[".repeat(60_000).into_bytes()).unwrap_err().code,
            Code::BadJson,
            "depth is bounded"
        );
    }

    #[test]
    fn a_body_that_is_encoded_is_refused_by_the_name_of_the_header() {
        let read = |encoding: &str| {
            let request = Request::builder().header(CONTENT_ENCODING, encoding);
            let (request, mut body) = request.body(b"{}".to_vec()).split();
            let read = <Body<CallRequest> as ParsePayload>::from_request(&request, &mut body);
            let read = read.now_or_never().expect("read at once");
            read.map_err(|error| error.downcast::<Failure>().expect("a failure of ours"))
        };
        for encoding in ["gzip", "identity, gzip", "br", ""] {
            let failure = read(encoding).unwrap_err();
            assert_eq!(failure.code, Code::UnsupportedMediaType, "{encoding}");
            assert!(failure.detail.contains("Content-Encoding"), "{encoding}");
        }
        assert!(read("Identity").is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(read(b"\xEF\xBB\xBF{\"a\":1}".to_vec()).unwrap()["a"], 1);
        let twice = read(b"\xEF\xBB\xBF\xEF\xBB\xBF{}".to_vec());
        assert_eq!(twice.unwrap_err().code, Code::BadJson);
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_by_name() {
        let failure = read(br#"{"name": "Ana", "name": "Bob"}"#.to_vec()).unwrap_err();
        assert_eq!(failure.code, Code::InvalidRequest);
        let body = failure.body("");
        assert_eq!(body["errors"][0]["field"], "name");
        assert_eq!(body["errors"][0]["code"], "given_twice");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_object_or_bad_json(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}\\[\\]\",:0-9eE.+u\\\\ -]{0,40}") {
            for body in [bytes, text.into_bytes()] {
                let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
                let plain = serde_json::from_slice::<Map<String, Value>>(text).is_ok();
                match read(body) {
                    Ok(_) => prop_assert!(plain),
                    Err(failure) if failure.code == Code::InvalidRequest => prop_assert!(plain),
                    Err(failure) => prop_assert_eq!((failure.code, plain), (Code::BadJson, false)),
                }
            }
        }
    }
}
