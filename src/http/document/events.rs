//! Events to clients, as the document describes them.

use serde_json::{Value, json};

use super::examples;

const EVENT: &str = "Standard Webhooks: the signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. \
The body holds the call as a read shows it, without `delivery`. At least once, one after the other for each call, ordered \
by `data.updated_at`; states that follow each other before they were sent merge into the newest. Answer with a 2xx within \
five seconds; else it is sent again after 1, 2, 4, 8 … seconds, at most 15 minutes apart, for an hour.";

/// The body of an event.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "What is posted to a `callback_url` when its call has changed.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": ["call.updated", "call.finished"], "description": "`call.finished` is the last of a call."},
            "timestamp": {"type": "string", "format": "date-time", "description": "When the call changed."},
            "data": {"$ref": "#/components/schemas/Call"}
        }
    })
}

/// Events to clients, as `callbacks` of a create.
pub(super) fn callbacks() -> Value {
    let header = |description: &str| json!({"in": "header", "required": true, "schema": {"type": "string"}, "description": description});
    let named = |name: &str, description: &str| {
        let mut parameter = header(description);
        parameter["name"] = name.into();
        parameter
    };
    json!({
        "call_event": {
            "{$request.body#/callback_url}": {
                "post": {
                    "summary": "A call has changed",
                    "description": EVENT,
                    "operationId": "call_event",
                    "tags": ["Events"],
                    "parameters": [
                        named("webhook-id", "The same for each repetition of an event: do nothing the second time."),
                        named("webhook-timestamp", "When it was signed, in seconds since 1970."),
                        named("webhook-signature", "One signature for each secret, separated by spaces.")
                    ],
                    "requestBody": {
                        "required": true,
                        "content": {"application/json": {
                            "schema": {"$ref": "#/components/schemas/CallEvent"},
                            "example": examples::event()
                        }}
                    },
                    "responses": {
                        "2XX": {"description": "It was received."},
                        "410": {"description": "It is not sent again."},
                        "3XX": {"description": "Redirects are not followed: it is sent again later."},
                        "4XX": {"description": "It is sent again later, as `Retry-After` says."},
                        "5XX": {"description": "It is sent again later, as `Retry-After` says."}
                    }
                }
            }
        }
    })
}
