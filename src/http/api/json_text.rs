//! An answer in JSON, written at once: poem-openapi's own payload builds a tree of values first,
//! which costs more than all else about a small answer.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// A value that is documented as one type and written by `serde` as the same.
///
/// It is written when it is made, and only its text goes the long way out: the value itself is a
/// kilobyte or two.
#[derive(Debug)]
pub struct JsonText<T> {
    /// `None` for what JSON cannot hold; our own types have string keys and no such values.
    text: Option<Vec<u8>>,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> JsonText<T> {
    /// Writes `value`.
    pub fn of(value: &T) -> Self {
        // A call has one to two kilobytes.
        let mut text = Vec::with_capacity(2048);
        let written = serde_json::to_writer(&mut text, value);
        Self {
            text: written.is_ok().then_some(text),
            of: PhantomData,
        }
    }
}

impl<T: Type> Payload for JsonText<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> IntoResponse for JsonText<T> {
    fn into_response(self) -> Response {
        let Some(text) = self.text else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = text.into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(Self::CONTENT_TYPE),
        );
        response
    }
}
