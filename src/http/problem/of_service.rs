//! Problems from the errors of the service, of policy and of Twilio.

use serde_json::json;

use super::Failure;
use super::code::Code;
use crate::service::intake::FieldError;
use crate::telemetry::mask;
use crate::twilio::client::TwilioRefusal;
use crate::{service, store};

impl From<service::ServiceError> for Failure {
    fn from(error: service::ServiceError) -> Self {
        use service::ServiceError;
        match error {
            ServiceError::NotFound => Self::new(
                Code::CallNotFound,
                "There is no call with this id for this key.",
            ),
            ServiceError::Invalid(errors) => {
                let count = errors.len();
                let detail = if count == 1 {
                    "One field is wrong.".to_owned()
                } else {
                    format!("{count} fields are wrong.")
                };
                Self {
                    errors,
                    ..Self::new(Code::InvalidRequest, detail)
                }
            }
            ServiceError::Refused(refusal) => refused(refusal),
            ServiceError::TimezoneNeeded(zones) => Self {
                more: vec![("timezones", json!(zones))],
                ..refused(crate::policy::Refusal::TimezoneNeeded)
            },
            ServiceError::Starting => Self {
                retry_after: Some(2),
                ..Self::new(
                    Code::Unavailable,
                    "This process does not know yet which calls are under way: it asks Twilio first. /readyz tells what \
                     is in the way.",
                )
            },
            ServiceError::IdempotencyMismatch => Self::new(
                Code::IdempotencyMismatch,
                "Use another Idempotency-Key for another request.",
            ),
            ServiceError::CallFinished => {
                Self::new(Code::CallFinished, "It can no longer be cancelled.")
            }
            ServiceError::NoOffer => Self::new(
                Code::NoOffer,
                "The call is not finished, or its restaurant offered no other time.",
            ),
            ServiceError::NoCallbackUrl => Self::new(
                Code::NoCallbackUrl,
                "Nobody wants events of this call: it was made without a callback_url.",
            ),
            ServiceError::Twilio(refusal) => twilio(&refusal),
            ServiceError::Unavailable(store::StoreError::Full) => Self {
                retry_after: Some(30),
                ..Self::new(
                    Code::Unavailable,
                    "This service holds as many calls as it can: those that are open, and those that ended within the last hour.",
                )
            },
            ServiceError::Unavailable(store::StoreError::Away) => Self {
                retry_after: Some(5),
                ..Self::new(
                    Code::Unavailable,
                    "The shared store cannot be used now; /readyz says why. Calls under way go on; new ones can be made once it is back.",
                )
            },
            ServiceError::Unavailable(store::StoreError::Unreadable) | ServiceError::Internal => {
                Self::new(
                    Code::InternalError,
                    "The request was not carried out. Please try again.",
                )
            }
        }
    }
}

/// The code of a problem with which policy refuses a request.
pub(in crate::http) const fn code_of(refusal: &crate::policy::Refusal) -> Code {
    use crate::policy::Refusal;
    match refusal {
        Refusal::NumberKind(_) | Refusal::UnknownNumber => Code::NumberTypeNotAllowed,
        Refusal::OwnNumber => Code::OwnNumber,
        Refusal::Country => Code::CountryNotAllowed,
        Refusal::OptedOut => Code::OptedOut,
        Refusal::TooLate => Code::TooLate,
        Refusal::RestaurantClosed => Code::RestaurantClosed,
        Refusal::TimezoneNeeded => Code::TimezoneNeeded,
        Refusal::Duplicate(_) => Code::DuplicateCall,
        Refusal::NumberLimit { .. } => Code::NumberLimit,
        Refusal::KeyLimit { .. } => Code::KeyLimit,
        Refusal::ServiceLimit { .. } => Code::ServiceLimit,
    }
}

fn refused(refusal: crate::policy::Refusal) -> Failure {
    use crate::policy::Refusal;
    let code = code_of(&refusal);
    let whole = || Failure::new(code, format!("{}.", sentence(&refusal.to_string())));
    let field = match refusal {
        Refusal::Duplicate(id) => {
            return Failure {
                more: vec![("call_id", json!(id.to_string()))],
                ..whole()
            };
        }
        Refusal::NumberLimit { retry_after }
        | Refusal::KeyLimit { retry_after }
        | Refusal::ServiceLimit { retry_after } => return whole().after(retry_after),
        Refusal::NumberKind(_)
        | Refusal::UnknownNumber
        | Refusal::OwnNumber
        | Refusal::Country
        | Refusal::OptedOut => "phone",
        Refusal::TooLate => "give_up_at",
        Refusal::RestaurantClosed => "opening_hours",
        Refusal::TimezoneNeeded => "timezone",
    };
    let error = FieldError {
        field: field.to_owned(),
        code: refusal.code(),
        message: refusal.to_string(),
    };
    Failure {
        errors: vec![error],
        ..Failure::new(code, format!("{refusal}."))
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn twilio(refusal: &TwilioRefusal) -> Failure {
    let code = refusal.code.filter(|code| *code != 0).map_or_else(
        || format!("with status {} and without a code", refusal.status),
        |code| format!("with code {code}"),
    );
    let detail = format!("Twilio refused the call {code}. {}", refusal.advice());
    let more = vec![
        ("twilio_code", json!(refusal.code)),
        ("twilio_message", json!(mask::phones_in(&refusal.message))),
    ];
    Failure {
        more,
        ..Failure::new(Code::CallRefused, detail)
    }
}
