//! Refusals of the control API.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;

/// A refusal of the control API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ControlError {
    #[error("There is nothing here")]
    NotFound,
    #[error("This call is not known")]
    NoCall,
    #[error("The call is {0}")]
    WrongState(&'static str),
    #[error("The body is not the JSON that is wanted here: {0}")]
    Unreadable(String),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("Only a simulated clock can be moved")]
    RealClock,
    #[error("Another site may not act here")]
    CrossSite,
}

impl ControlError {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoCall => StatusCode::NOT_FOUND,
            Self::WrongState(_) | Self::RealClock => StatusCode::CONFLICT,
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

pub(super) fn read<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, ControlError> {
    serde_json::from_slice(request.body())
        .map_err(|error| ControlError::Unreadable(error.to_string()))
}
