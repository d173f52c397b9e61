//! The URL to which the events of a call are sent.
//!
//! Only the text is checked here. The address behind a name is checked each time it is resolved, in
//! `notify::address`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An https URL of at most 300 characters, without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallbackUrl(Box<str>);

/// Reasons to refuse a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Not an absolute URL with a host.
    #[error("must be an absolute https URL")]
    NotAUrl,
    /// More than 300 characters.
    #[error("must have at most 300 characters")]
    TooLong,
    /// Anything but https (or http, where private callbacks are allowed).
    #[error("must begin with https://")]
    NotHttps,
    /// A user name or password before the host.
    #[error("must not contain credentials")]
    Credentials,
    /// A host that is not on the public internet.
    #[error("must not point at a private or local address")]
    PrivateAddress,
}

impl CallbackError {
    /// The stable code of this error in the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAUrl => "not_a_url",
            Self::TooLong => "too_long",
            Self::NotHttps => "not_https",
            Self::Credentials => "credentials_in_url",
            Self::PrivateAddress => "private_address",
        }
    }
}

impl CallbackUrl {
    /// The most characters of the URL.
    pub const MAX_CHARACTERS: usize = 300;

    /// Reads a URL; `allow_private` also lets http and private addresses pass.
    ///
    /// # Errors
    /// Says which rule is broken.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, CallbackError> {
        if text.len() > 4 * Self::MAX_CHARACTERS || text.chars().count() > Self::MAX_CHARACTERS {
            return Err(CallbackError::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| CallbackError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if allow_private => {}
            _ => return Err(CallbackError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallbackError::Credentials);
        }
        match url.host() {
            None => return Err(CallbackError::NotAUrl),
            Some(host) if !allow_private && is_local(&host) => {
                return Err(CallbackError::PrivateAddress);
            }
            Some(_) => {}
        }
        url.set_fragment(None);
        // Percent-encoding can make it longer than it was written.
        if url.as_str().len() > Self::MAX_CHARACTERS {
            return Err(CallbackError::TooLong);
        }
        Ok(Self(url.as_str().into()))
    }

    /// Scheme, host and port, which identify an endpoint.
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self
            .0
            .get(host..)
            .and_then(|rest| rest.find(['/', '?', '#']))
            .map_or(self.0.len(), |at| host + at);
        self.0.get(..end).unwrap_or_default()
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost"
                || name.ends_with(".localhost")
                || name.ends_with(".local")
                || name.ends_with(".internal")
        }
        Host::Ipv4(ip) => !is_public(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => !is_public(IpAddr::V6(*ip)),
    }
}

/// Returns whether an address is on the public internet, by the registries of special-purpose
/// addresses (RFC 6890 and later).
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Carrier-grade NAT, protocol assignments, 6to4 relays, benchmarking.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, c, d, e, f, g, h] = ip.segments();
    // Addresses that carry an IPv4 address are as public as that one: NAT64 and 6to4.
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        return is_public_v4(embedded(g, h));
    }
    if a == 0x2002 {
        return is_public_v4(embedded(b, c));
    }
    // Global unicast is 2000::/3; Teredo, ORCHID and documentation lie inside it.
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    (0x2000..0x4000).contains(&a) && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_https_urls_pass() {
        assert_eq!(
            CallbackUrl::parse("https://example.com/hook?x=1#part", false)
                .unwrap()
                .as_str(),
            "https://example.com/hook?x=1"
        );
        assert!(CallbackUrl::parse("http://127.0.0.1:9000/hook", true).is_ok());
        for (url, origin) in [
            (
                "https://Example.com:443/hook?to=https://b.example/",
                "https://example.com",
            ),
            ("https://example.com:8443?x", "https://example.com:8443"),
            ("https://[2606:4700::1111]/", "https://[2606:4700::1111]"),
        ] {
            assert_eq!(CallbackUrl::parse(url, false).unwrap().origin(), origin);
        }
    }

    #[test]
    fn everything_else_says_why_not() {
        let error = |text: &str| CallbackUrl::parse(text, false).unwrap_err();
        assert_eq!(error("example.com"), CallbackError::NotAUrl);
        assert_eq!(error("http://example.com/"), CallbackError::NotHttps);
        assert_eq!(error("ftp://example.com/"), CallbackError::NotHttps);
        assert_eq!(
            error("https://user:pw@example.com/"),
            CallbackError::Credentials
        );
        assert_eq!(
            error(&format!("https://example.com/{}", "a".repeat(300))),
            CallbackError::TooLong
        );
        assert_eq!(
            error(&format!("https://example.com/{}", "é".repeat(100))),
            CallbackError::TooLong
        );
    }

    #[test]
    fn local_hosts_are_refused_in_every_spelling() {
        for host in [
            "localhost",
            "a.localhost.",
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:db8::1]",
            "metadata.google.internal",
            "169.254.169.254.",
            "[fd00:ec2::254]",
            "0.1.2.3",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "240.0.0.1",
            "[::127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a00:1]",
            "[2001:0:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[fec0::1]",
            "[3fff::1]",
        ] {
            let url = format!("https://{host}/");
            assert_eq!(
                CallbackUrl::parse(&url, false),
                Err(CallbackError::PrivateAddress),
                "{host}"
            );
        }
        assert!(CallbackUrl::parse("https://[2606:4700::1111]/", false).is_ok());
        assert!(CallbackUrl::parse("https://93.184.216.34/", false).is_ok());
    }
}
