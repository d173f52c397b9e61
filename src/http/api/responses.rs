//! The responses of each operation, with their statuses and headers.

use poem_openapi::ApiResponse;
use poem_openapi::payload::PlainText;

use super::CheckView;
use super::events::EventText;
use super::json_text::JsonText;
use super::view::CallView;

#[derive(ApiResponse)]
pub(super) enum CreateResponse {
    /// The call, being placed or queued.
    #[oai(status = 202)]
    Call(
        JsonText<CallView>,
        /// Where the call can be read.
        #[oai(header = "Location")]
        String,
        /// How many creates the key may make in which time (seconds), as in
        /// `"key_minute";q=60;w=60`. Only where that is limited.
        #[oai(header = "RateLimit-Policy")]
        Option<String>,
        /// How many are left, and in how many seconds there will be more, as in
        /// `"key_minute";r=59;t=60`.
        #[oai(header = "RateLimit")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
pub(super) enum CancelResponse {
    /// The call, cancelled; a line that is still open is being closed.
    #[oai(status = 202)]
    Call(JsonText<CallView>),
}

#[derive(ApiResponse)]
pub(super) enum ResendResponse {
    /// The call, whose newest state is being sent.
    #[oai(status = 202)]
    Call(JsonText<CallView>),
}

#[derive(ApiResponse)]
pub(super) enum ReadResponse {
    /// The call.
    #[oai(status = 200)]
    Call(JsonText<CallView>),
}

#[derive(ApiResponse)]
pub(super) enum FollowResponse {
    /// The call, each time it changes.
    #[oai(status = 200)]
    Events(EventText),
    /// The final state was seen already: nothing will follow.
    #[oai(status = 204, content_type = "text/event-stream")]
    Over(PlainText<&'static str>),
}

#[derive(ApiResponse)]
pub(super) enum CalendarResponse {
    /// The confirmed reservation.
    #[oai(status = 200, content_type = "text/calendar; charset=utf-8")]
    Entry(
        PlainText<String>,
        /// A name to save it under.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

#[derive(ApiResponse)]
pub(super) enum CheckResponse {
    /// What a create would do; nothing was dialled.
    #[oai(status = 200)]
    Check(JsonText<CheckView>),
}
