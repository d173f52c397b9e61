//! Address and credentials of the client's requests.
//!
//! Secrets are never shown: neither by `Debug` nor in an error.

use std::fmt;
use std::time::Duration;

use crate::twilio::AccountSid;

/// Time limit of a request, unless configured otherwise.
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
    /// Time limit of a request from connecting to the last byte of its answer.
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

/// Credentials of the REST API (Twilio, "Requests to Twilio"; "OAuth Token API").
#[derive(Clone)]
pub struct Credentials(pub(super) CredentialKind);

#[derive(Clone)]
pub(super) enum CredentialKind {
    /// User and password of each request (HTTP Basic).
    Basic { user: String, secret: String },
    /// A client that gets short-lived tokens (RFC 6749 section 4.4).
    OAuth { id: String, secret: String },
}

impl Credentials {
    /// The account itself and its auth token.
    #[must_use]
    pub fn auth_token(account_sid: AccountSid, token: impl Into<String>) -> Self {
        Self(CredentialKind::Basic {
            user: account_sid.to_string(),
            secret: token.into(),
        })
    }

    /// An API key (`SK…`) and its secret.
    #[must_use]
    pub fn api_key(key_sid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(CredentialKind::Basic {
            user: key_sid.into(),
            secret: secret.into(),
        })
    }

    /// An OAuth client (`OQ…`) and its secret.
    #[must_use]
    pub fn oauth(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(CredentialKind::OAuth {
            id: client_id.into(),
            secret: secret.into(),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, user) = match &self.0 {
            CredentialKind::Basic { user, .. } => ("basic", user),
            CredentialKind::OAuth { id, .. } => ("oauth", id),
        };
        f.debug_struct("Credentials")
            .field(kind, user)
            .finish_non_exhaustive()
    }
}

/// The API's URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API's URL is not an http or https URL without query and fragment")]
pub struct InvalidApiUrl;

/// Reason for which there is no host of the API for a region and an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHost {
    /// One of them is no name that can stand in a host.
    #[error("and TWILIO_EDGE are made of lower-case letters, digits and hyphens")]
    BadLabel,
    /// Twilio closed this region's API.
    #[error(
        "names a region whose API takes no requests since 2026-04-28: leave it out, and api.twilio.com is asked"
    )]
    Closed,
    /// There is no such region.
    #[error("must be us1, ie1 or au1")]
    Unknown,
}

/// The host of the API: `api.{edge}.{region}.twilio.com`.
///
/// Without edge and region: `api.twilio.com`. An edge without a region means region `us1`; a region without an edge
/// means the city where it lies, because hosts of a region alone take no requests since 2026-04-28
/// (Twilio's changelog).
///
/// # Errors
/// See [`NoHost`].
pub fn api_host(region: Option<&str>, edge: Option<&str>) -> Result<String, NoHost> {
    let label = |text: &&str| {
        text.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let (region, edge) = (
        region.filter(|text| !text.is_empty()),
        edge.filter(|text| !text.is_empty()),
    );
    if ![region, edge].iter().flatten().all(label) {
        return Err(NoHost::BadLabel);
    }
    let Some(region) = region else {
        return Ok(edge.map_or_else(
            || "api.twilio.com".to_owned(),
            |edge| format!("api.{edge}.us1.twilio.com"),
        ));
    };
    let city = match region {
        "us1" => "ashburn",
        "ie1" => "dublin",
        "au1" => "sydney",
        "br1" | "de1" | "jp1" | "jp2" | "sg1" | "us2" => return Err(NoHost::Closed),
        _ => return Err(NoHost::Unknown),
    };
    Ok(format!("api.{}.{region}.twilio.com", edge.unwrap_or(city)))
}

/// The host to use instead of one of Twilio's that takes no requests any more; `None`: `host` may
/// be asked.
#[must_use]
pub fn replacement_host(host: &str) -> Option<String> {
    let names: Vec<&str> = host.strip_suffix(".twilio.com")?.split('.').collect();
    match names[..] {
        ["api", "us1"] => None,
        ["api", region @ ("ie1" | "au1")] => api_host(Some(region), None).ok(),
        ["api", .., "br1" | "de1" | "jp1" | "jp2" | "sg1" | "us2"] => {
            Some("api.twilio.com".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_names_a_city_or_neither_city_nor_region() {
        let host = |region, edge| api_host(region, edge).unwrap();
        assert_eq!(host(None, None), "api.twilio.com");
        assert_eq!(host(Some(""), Some("")), "api.twilio.com");
        assert_eq!(host(None, Some("dublin")), "api.dublin.us1.twilio.com");
        assert_eq!(host(Some("us1"), None), "api.ashburn.us1.twilio.com");
        assert_eq!(host(Some("ie1"), None), "api.dublin.ie1.twilio.com");
        assert_eq!(host(Some("au1"), None), "api.sydney.au1.twilio.com");
        assert_eq!(
            host(Some("ie1"), Some("frankfurt")),
            "api.frankfurt.ie1.twilio.com"
        );
    }

    #[test]
    fn regions_without_an_api_and_unknown_ones_are_refused() {
        for region in ["br1", "de1", "jp1", "jp2", "sg1", "us2"] {
            assert_eq!(api_host(Some(region), Some("x")), Err(NoHost::Closed));
        }
        assert_eq!(api_host(Some("xx9"), None), Err(NoHost::Unknown));
        assert_eq!(api_host(Some("evil.example/"), None), Err(NoHost::BadLabel));
    }

    #[test]
    fn hosts_that_take_no_requests_have_a_replacement() {
        for (host, instead) in [
            ("api.ie1.twilio.com", Some("api.dublin.ie1.twilio.com")),
            ("api.au1.twilio.com", Some("api.sydney.au1.twilio.com")),
            ("api.de1.twilio.com", Some("api.twilio.com")),
            ("api.tokyo.jp1.twilio.com", Some("api.twilio.com")),
            ("api.us1.twilio.com", None),
            ("api.dublin.ie1.twilio.com", None),
            ("api.twilio.com", None),
            ("api.ie1.example.com", None),
        ] {
            assert_eq!(replacement_host(host).as_deref(), instead, "{host}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let account: AccountSid = "AC0123456789abcdef0123456789abcdef".parse().unwrap();
        let config = ClientConfig::new(account, Credentials::auth_token(account, "geheim"));
        assert!(!format!("{config:?}").contains("geheim"));
        let client = Credentials::oauth("OQ1", "geheim");
        assert_eq!(format!("{client:?}"), "Credentials { oauth: \"OQ1\", .. }");
    }
}
