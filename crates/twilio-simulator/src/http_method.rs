//! The methods with which documents are asked for.

/// A method that TwiML and the REST side can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `POST`, the default everywhere.
    #[default]
    Post,
}

impl HttpMethod {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}
