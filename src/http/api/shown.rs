//! An answer in JSON, written at once: poem-openapi's own payload builds a tree of values first, which costs more than
//! all else about a small answer.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// A value that is documented as one type and written by `serde` as the same.
#[derive(Debug)]
pub struct Shown<T>(pub T);

impl<T: Type> Payload for Shown<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        // A call has one to two kilobytes.
        let mut body = Vec::with_capacity(2048);
        // Our own types have string keys and no values that JSON cannot hold.
        if serde_json::to_writer(&mut body, &self.0).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let mut response = body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::CONTENT_TYPE));
        response
    }
}
