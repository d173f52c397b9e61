//! Addresses at which the service is reached, and the peers that may.

use std::net::SocketAddr;

use url::{Host, Url};

use super::RawConfig;
use super::reader::{Reader, set};
use crate::http::cors::Origins;
use crate::http::networks::TrustedProxies;

impl Reader {
    pub(super) fn listen(&mut self, given: &RawConfig) -> Option<SocketAddr> {
        if set(&given.server.listen).is_some() {
            return self.parsed(
                "TABLECALL_LISTEN",
                &given.server.listen,
                "must be an address with a port such as 127.0.0.1:8080",
            );
        }
        match set(&given.server.port) {
            Some(_) => {
                let port: Option<u16> =
                    self.parsed("PORT", &given.server.port, "must be a port number");
                port.map(|port| SocketAddr::from(([0, 0, 0, 0], port)))
            }
            None => Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
        }
    }

    pub(super) fn public_url(&mut self, given: &RawConfig, simulated: bool) -> Option<Url> {
        const NAME: &str = "TABLECALL_PUBLIC_URL";
        let Some(text) = set(&given.server.public_url) else {
            if !simulated {
                self.wrong(
                    NAME,
                    "is needed with a Twilio account: the https origin under which Twilio reaches this service",
                );
            }
            return None;
        };
        let Ok(url) = Url::parse(text) else {
            self.wrong(NAME, "must be an origin such as https://calls.example.com");
            return None;
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            self.wrong(
                NAME,
                "must begin with https://, unless the host is this machine itself",
            );
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
        {
            self.wrong(NAME, "must be an origin: no path, no query, no credentials");
        }
        if url.host_str().is_some_and(|host| host.contains('_')) {
            self.wrong(
                NAME,
                "must have a host without underscores: Twilio refuses those",
            );
        }
        Some(url)
    }

    pub(super) fn trusted_proxies(&mut self, given: &RawConfig) -> TrustedProxies {
        let networks = self.each("TABLECALL_TRUSTED_PROXIES", &given.server.trusted_proxies);
        TrustedProxies(networks)
    }

    pub(super) fn proxy_protocol(&mut self, given: &RawConfig, proxies: &TrustedProxies) -> bool {
        const NAME: &str = "TABLECALL_PROXY_PROTOCOL";
        match set(&given.server.proxy_protocol).unwrap_or("off") {
            "off" => false,
            "on" if proxies.0.is_empty() => {
                let rule =
                    "needs TABLECALL_TRUSTED_PROXIES: the header is read from those addresses only";
                self.wrong(NAME, rule);
                false
            }
            "on" => true,
            _ => {
                self.wrong(NAME, "must be `on` or `off`");
                false
            }
        }
    }

    pub(super) fn cors_origins(&mut self, given: &RawConfig, simulated: bool) -> Origins {
        const NAME: &str = "TABLECALL_CORS_ORIGINS";
        match set(&given.server.cors_origins) {
            None => Origins::Closed,
            Some("*") if simulated => Origins::Any,
            Some("*") => {
                self.wrong(NAME, "cannot be * with a Twilio account: name the origins whose pages may make calls");
                Origins::Closed
            }
            Some(_) => Origins::Listed(self.each(NAME, &given.server.cors_origins)),
        }
    }
}

/// Returns whether a URL leads to this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
