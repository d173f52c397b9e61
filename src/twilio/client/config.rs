//! Where the client sends its requests, and as whom.
//!
//! Secrets are never shown: neither by `Debug` nor in an error.

use std::fmt;
use std::time::Duration;

use crate::twilio::AccountSid;

/// How long a request may take, unless configured otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of a [`Client`](super::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Origin of the interface, with the path before `/2010-04-01` when it has one.
    pub api_url: String,
    /// The account whose calls these are.
    pub account_sid: AccountSid,
    /// The credentials of requests.
    pub credentials: Credentials,
    /// How long a request may take from connecting to the last byte of its answer.
    pub timeout: Duration,
}

impl ClientConfig {
    /// Twilio itself, with the default time limit of 10 s.
    #[must_use]
    pub fn new(account_sid: AccountSid, credentials: Credentials) -> Self {
        Self {
            api_url: "https://api.twilio.com".to_owned(),
            account_sid,
            credentials,
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

/// User and password of the requests (HTTP Basic; Twilio, "Requests to Twilio").
#[derive(Clone)]
pub struct Credentials {
    pub(super) user: String,
    pub(super) secret: String,
}

impl Credentials {
    /// The account itself and its auth token.
    #[must_use]
    pub fn auth_token(account_sid: AccountSid, token: impl Into<String>) -> Self {
        Self {
            user: account_sid.to_string(),
            secret: token.into(),
        }
    }

    /// An API key (`SK…`) and its secret.
    #[must_use]
    pub fn api_key(key_sid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            user: key_sid.into(),
            secret: secret.into(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The API's URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API's URL is not an http or https URL without query and fragment")]
pub struct InvalidApiUrl;

/// A region or an edge is not a name that can stand in a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region or an edge is made of lower-case letters, digits and hyphens")]
pub struct BadHostLabel;

/// The host of the API as Twilio's libraries make it: `api.{edge}.{region}.twilio.com`.
///
/// Neither: `api.twilio.com`. An edge without a region means region `us1`; a region without an edge
/// means the edge where it lies (twilio-go and -python, since hosts of a region alone were
/// announced to stop working in 2026).
///
/// # Errors
/// When one of them could not stand in a host name.
pub fn api_host(region: Option<&str>, edge: Option<&str>) -> Result<String, BadHostLabel> {
    let label = |text: &&str| {
        text.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let (region, edge) = (
        region.filter(|text| !text.is_empty()),
        edge.filter(|text| !text.is_empty()),
    );
    if ![region, edge].iter().flatten().all(label) {
        return Err(BadHostLabel);
    }
    Ok(match (region, edge.or_else(|| home_edge(region?))) {
        (None, None) => "api.twilio.com".to_owned(),
        (None, Some(edge)) => format!("api.{edge}.us1.twilio.com"),
        (Some(region), Some(edge)) => format!("api.{edge}.{region}.twilio.com"),
        (Some(region), None) => format!("api.{region}.twilio.com"),
    })
}

fn home_edge(region: &str) -> Option<&'static str> {
    Some(match region {
        "au1" => "sydney",
        "br1" => "sao-paulo",
        "de1" => "frankfurt",
        "ie1" => "dublin",
        "jp1" => "tokyo",
        "jp2" => "osaka",
        "sg1" => "singapore",
        "us1" => "ashburn",
        "us2" => "umatilla",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_made_as_twilios_libraries_make_them() {
        let host = |region, edge| api_host(region, edge).unwrap();
        assert_eq!(host(None, None), "api.twilio.com");
        assert_eq!(host(Some(""), Some("")), "api.twilio.com");
        assert_eq!(host(None, Some("dublin")), "api.dublin.us1.twilio.com");
        assert_eq!(
            host(Some("ie1"), Some("dublin")),
            "api.dublin.ie1.twilio.com"
        );
        assert_eq!(host(Some("ie1"), None), "api.dublin.ie1.twilio.com");
        assert_eq!(host(Some("xx9"), None), "api.xx9.twilio.com");
        assert_eq!(api_host(Some("evil.example/"), None), Err(BadHostLabel));
    }

    #[test]
    fn secrets_are_not_shown() {
        let account: AccountSid = "AC0123456789abcdef0123456789abcdef".parse().unwrap();
        let config = ClientConfig::new(account, Credentials::auth_token(account, "geheim"));
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
