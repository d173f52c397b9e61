//! The tools: their names, what they say of themselves, and their arguments.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::{text_of, wrong_argument};

/// Seconds that [`ToolName::FollowCall`] waits by default: less than the minute after which most
/// clients give up a request.
const FOLLOW_SECONDS: u64 = 45;
/// The longest it waits, in seconds.
const MOST_FOLLOW_SECONDS: u64 = 600;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolName {
    CheckTable,
    AskForTable,
    FollowCall,
    ListCalls,
    CancelCall,
    AcceptOffer,
    ResendEvents,
}

impl ToolName {
    pub(super) const ALL: [Self; 7] = [
        Self::CheckTable,
        Self::AskForTable,
        Self::FollowCall,
        Self::ListCalls,
        Self::CancelCall,
        Self::AcceptOffer,
        Self::ResendEvents,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::CheckTable => "check_table",
            Self::AskForTable => "ask_for_table",
            Self::FollowCall => "follow_call",
            Self::ListCalls => "list_calls",
            Self::CancelCall => "cancel_call",
            Self::AcceptOffer => "accept_offer",
            Self::ResendEvents => "resend_events",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.word() == name)
    }

    const fn title(self) -> &'static str {
        match self {
            Self::CheckTable => "Check what a call would do",
            Self::AskForTable => "Phone a restaurant for a table",
            Self::FollowCall => "Follow a call to its outcome",
            Self::ListCalls => "List the calls of this key",
            Self::CancelCall => "Cancel a call",
            Self::AcceptOffer => "Take the time that a restaurant offered",
            Self::ResendEvents => "Send the events of a call again",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::CheckTable => {
                "Says whether the restaurant would be rung now, later or not, and every word that staff would hear. Nobody \
                 is rung."
            }
            Self::AskForTable => {
                "Phones the restaurant, reads the reservation aloud and asks staff to accept (1), decline (2) or offer \
                 another time (3). Rings a real phone where the server has a Twilio account, so it needs confirm: true, \
                 from a user who has agreed to this very call; without it nobody is rung and the answer says what would \
                 happen. The call goes on by itself: follow it with follow_call."
            }
            Self::FollowCall => {
                "Waits until the call is final, at most max_seconds, and gives its outcome with the evidence: the keys that \
                 staff pressed and when. Progress is notified while the phone rings. If it is not final by then, call this \
                 again."
            }
            Self::ListCalls => {
                "The newest calls of this key, with their outcomes. Changes nothing."
            }
            Self::CancelCall => {
                "Stops a queued, ringing or live call. Needs confirm: true; without it nothing changes and the answer says \
                 what would happen."
            }
            Self::AcceptOffer => {
                "After the outcome `countered`: calls the restaurant back, once, says that the guest takes the time which \
                 was offered, and asks for key 1. Needs confirm: true; without it nobody is rung and the answer says what \
                 would happen. Gives the new call: follow that one."
            }
            Self::ResendEvents => {
                "Posts the newest state of a call to its callback_url once more. Needs confirm: true; without it nothing is \
                 sent."
            }
        }
    }

    fn annotations(self) -> ToolAnnotations {
        let (reads, destroys, repeats) = match self {
            Self::CheckTable | Self::FollowCall | Self::ListCalls => (true, false, true),
            Self::AskForTable => (false, true, false),
            Self::CancelCall => (false, true, true),
            Self::AcceptOffer => (false, true, true),
            Self::ResendEvents => (false, false, true),
        };
        ToolAnnotations::with_title(self.title())
            .read_only(reads)
            .destructive(destroys)
            .idempotent(repeats)
            .open_world(matches!(self, Self::AskForTable | Self::AcceptOffer))
    }

    /// The tool as clients see it; `reservation` is the schema of a create.
    pub(super) fn describe(self, reservation: &JsonObject) -> Tool {
        let id = || {
            (
                "id",
                json!({"type": "string", "description": "The id of a call of this key."}),
            )
        };
        let confirm = || {
            let words =
                "True only when the user has agreed to exactly this. Without it nothing happens.";
            (
                "confirm",
                json!({"type": "boolean", "default": false, "description": words}),
            )
        };
        let schema = match self {
            Self::CheckTable => reservation.clone(),
            Self::AskForTable => {
                let words = "1 to 255 characters; a repeat with the same key gets the same call for 24 hours.";
                let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "description": words});
                with(reservation.clone(), [confirm(), ("idempotency_key", key)])
            }
            Self::FollowCall => {
                let seconds = json!({
                    "type": "integer", "minimum": 0, "maximum": MOST_FOLLOW_SECONDS, "default": FOLLOW_SECONDS,
                    "description": "How long to wait. 0 reads the call as it stands."
                });
                object(&["id"], [id(), ("max_seconds", seconds)])
            }
            Self::ListCalls => object(
                &[],
                [
                    (
                        "limit",
                        json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
                    ),
                    (
                        "cursor",
                        json!({"type": "string", "description": "The next_cursor of the page before."}),
                    ),
                    (
                        "status",
                        json!({"type": "string", "description": "Only calls that stand here, such as `finished`."}),
                    ),
                    (
                        "outcome",
                        json!({"type": "string", "description": "Only calls with this outcome, such as `confirmed`."}),
                    ),
                    (
                        "phone",
                        json!({"type": "string", "description": "Only calls to this number."}),
                    ),
                ],
            ),
            Self::CancelCall | Self::AcceptOffer | Self::ResendEvents => {
                object(&["id"], [id(), confirm()])
            }
        };
        Tool::new(self.word(), self.description(), Arc::new(schema))
            .with_title(self.title())
            .with_annotations(self.annotations())
    }
}

/// The arguments of a tool as they came.
pub(super) struct Arguments(pub(super) JsonObject);

impl Arguments {
    /// Returns whether the caller has confirmed: true itself, and nothing that could be taken for
    /// it.
    pub(super) fn confirm(&mut self) -> bool {
        self.0.remove("confirm") == Some(Value::Bool(true))
    }

    /// Takes out a text, which may be written as a number. Nothing else is passed over: a repeat
    /// whose key was lost would ring the restaurant again.
    fn text(&mut self, name: &str) -> Result<Option<String>, Value> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ (Value::String(_) | Value::Number(_))) => Ok(Some(text_of(&value))),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                Err(wrong_argument(name, "wrong_type", "must be a string"))
            }
        }
    }

    /// Takes out the key by which a repeated create is known.
    pub(super) fn idempotency_key(&mut self) -> Result<Option<String>, Value> {
        self.text("idempotency_key")
    }

    /// Takes out the id of a call.
    pub(super) fn id(&mut self) -> Result<String, Value> {
        let missing = || wrong_argument("id", "required", "is required: the id of a call");
        self.text("id")?.ok_or_else(missing)
    }

    /// Takes out how long a call is followed.
    pub(super) fn seconds(&mut self) -> Result<u64, Value> {
        let Some(value) = self.0.remove("max_seconds") else {
            return Ok(FOLLOW_SECONDS);
        };
        let rule = format!("must be a whole number from 0 to {MOST_FOLLOW_SECONDS}");
        let wrong = || wrong_argument("max_seconds", "out_of_range", &rule);
        let seconds = value
            .as_u64()
            .filter(|seconds| *seconds <= MOST_FOLLOW_SECONDS);
        seconds.ok_or_else(wrong)
    }

    /// The remaining fields: those of a request to the API, which judges them.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

fn object<const N: usize>(required: &[&str], properties: [(&str, Value); N]) -> JsonObject {
    let schema = json!({"type": "object", "required": required, "properties": {}, "additionalProperties": false});
    let Value::Object(schema) = schema else {
        return JsonObject::new();
    };
    with(schema, properties)
}

fn with<const N: usize>(mut schema: JsonObject, more: [(&str, Value); N]) -> JsonObject {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    schema
}

/// The schema of the body of `POST /api/call`, as JSON Schema: the document is OpenAPI 3.0, whose
/// schemas refer to components and write null in their own way.
pub(super) fn reservation(document: &Value) -> JsonObject {
    let components = &document["components"]["schemas"];
    let schema = json_schema(&components["CallRequest"], components);
    schema.as_object().cloned().unwrap_or_default()
}

fn json_schema(schema: &Value, components: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|path| path.rsplit('/').next()) {
                return json_schema(&components[name], components);
            }
            let kept = fields
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "nullable" | "example"));
            kept.map(|(name, field)| (name.clone(), json_schema(field, components)))
                .collect()
        }
        Value::Array(items) => {
            let values = items.iter().filter(|item| !item.is_null());
            values.map(|item| json_schema(item, components)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_confirms() {
        for value in [
            json!("true"),
            json!(1),
            json!(null),
            json!(false),
            json!([true]),
        ] {
            let mut arguments = Arguments(Map::from_iter([("confirm".to_owned(), value.clone())]));
            assert!(!arguments.confirm(), "{value}");
        }
        assert!(!Arguments(Map::new()).confirm());
        let mut arguments = Arguments(Map::from_iter([("confirm".to_owned(), json!(true))]));
        assert!(arguments.confirm() && arguments.rest().is_empty());
    }

    #[test]
    fn a_schema_of_the_document_becomes_one_of_json() {
        let document = json!({"components": {"schemas": {
            "CallRequest": {"type": "object", "properties": {
                "name": {"type": "string", "example": "Ana"},
                "times": {"$ref": "#/components/schemas/Times"},
                "voicemail": {"type": "string", "enum": ["hang_up", null], "nullable": true}
            }},
            "Times": {"type": "object", "nullable": true, "properties": {}}
        }}});
        assert_eq!(
            Value::Object(reservation(&document)),
            json!({"type": "object", "properties": {
                "name": {"type": "string"},
                "times": {"type": "object", "properties": {}},
                "voicemail": {"type": "string", "enum": ["hang_up"]}
            }})
        );
    }

    #[test]
    fn what_rings_or_changes_something_asks_for_confirmation() {
        for tool in ToolName::ALL {
            let described = tool.describe(&JsonObject::from_iter([(
                "properties".to_owned(),
                json!({}),
            )]));
            let reads = described.annotations.unwrap().read_only_hint == Some(true);
            let properties = described.input_schema["properties"].as_object().unwrap();
            assert_eq!(
                properties.contains_key("confirm"),
                !reads,
                "{}",
                tool.word()
            );
            assert_eq!(
                described.description.unwrap().contains("confirm: true"),
                !reads,
                "{}",
                tool.word()
            );
        }
    }
}
