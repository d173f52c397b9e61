//! The server that instances share, if there is one.

use super::RawConfig;
use super::reader::{Reader, set};
use crate::store::redis::{BadCertificates, BadUrl, Certificates, Url};
use crate::ticket::Key;

/// The settings of a shared store.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Address of the server.
    pub url: Url,
    /// The key that hashes numbers into names.
    pub index_key: Key,
}

impl Reader {
    /// `None`: calls are kept in memory, or something is wrong.
    pub(super) fn shared(&mut self, given: &RawConfig) -> Option<Shared> {
        const RULE: &str =
            "is needed with REDIS_URL, the same for all instances, as `tablecall keygen` prints it";
        let index_key = set(&given.storage.index_key).map(|text| {
            let key = Key::parse(text);
            key.map_err(|error| {
                self.wrong(
                    "TABLECALL_INDEX_KEY",
                    format!("{error}, as `tablecall keygen` prints it"),
                );
            })
        });
        let url = set(&given.storage.redis_url)?
            .parse::<Url>()
            .map_err(|error: BadUrl| self.wrong("REDIS_URL", error));
        if index_key.is_none() {
            self.wrong("TABLECALL_INDEX_KEY", RULE);
        }
        if set(&given.storage.ticket_keys).is_none() {
            self.wrong("TABLECALL_TICKET_KEYS", RULE);
        }
        let certificates = Certificates {
            authorities: set(&given.storage.redis_ca),
            client: self.client_certificate(given),
        };
        let url = if certificates.authorities.is_none() && certificates.client.is_none() {
            url.ok()
        } else {
            let name = |error| match error {
                BadCertificates::Authorities => "REDIS_CA",
                BadCertificates::Client => "REDIS_CERT",
            };
            let url = url.ok().map(|url| url.with_certificates(certificates));
            url.and_then(|url| url.map_err(|error| self.wrong(name(error), error)).ok())
        };
        Some(Shared {
            url: url?,
            index_key: index_key?.ok()?,
        })
    }

    /// The certificate by which this process names itself to the server, with its private key.
    fn client_certificate<'a>(&mut self, given: &'a RawConfig) -> Option<(&'a str, &'a str)> {
        let certificate = set(&given.storage.redis_cert);
        let key = set(&given.storage.redis_key);
        match (certificate, key) {
            (Some(_), None) => self.wrong(
                "REDIS_KEY",
                "is needed with REDIS_CERT: its private key in PEM",
            ),
            (None, Some(_)) => self.wrong(
                "REDIS_CERT",
                "is needed with REDIS_KEY: its certificate in PEM",
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
        certificate.zip(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::{some, wrong};
    use super::super::{Config, RawConfig};

    #[test]
    fn a_shared_server_needs_its_keys_and_all_that_is_missing_is_told() {
        let key = crate::ticket::Key::generate().unwrap();
        let bare = RawConfig::default().with(|it| {
            it.storage.redis_url = some("redis://localhost");
        });
        assert_eq!(
            wrong(&bare),
            ["TABLECALL_INDEX_KEY", "TABLECALL_TICKET_KEYS"]
        );
        let bad = RawConfig::default().with(|it| {
            it.storage.redis_url = some("localhost");
            it.storage.index_key = some("AAAA");
        });
        assert_eq!(
            wrong(&bad),
            ["TABLECALL_INDEX_KEY", "REDIS_URL", "TABLECALL_TICKET_KEYS"]
        );
        let bare_ca = bare.clone().with(|it| {
            it.storage.redis_ca = some("a certificate");
            it.storage.index_key = Some(key.clone());
        });
        assert_eq!(
            wrong(&bare_ca),
            ["TABLECALL_TICKET_KEYS", "REDIS_CA"],
            "what is no certificate, and no TLS"
        );
        let half = RawConfig::default().with(|it| {
            it.storage.redis_url = some("rediss://localhost");
            it.storage.redis_cert = some("-----BEGIN CERTIFICATE-----");
            it.storage.ticket_keys = Some(key.clone());
            it.storage.index_key = Some(key.clone());
        });
        assert_eq!(wrong(&half), ["REDIS_KEY"]);
        let other_half = half.with(|it| {
            it.storage.redis_cert = None;
            it.storage.redis_key = some("-----BEGIN PRIVATE KEY-----");
        });
        assert_eq!(wrong(&other_half), ["REDIS_CERT"]);
        let whole = bare.with(|it| {
            it.storage.ticket_keys = Some(key.clone());
            it.storage.index_key = Some(key.clone());
        });
        assert!(Config::read(&whole).unwrap().shared.is_some());
        let alone = RawConfig::default().with(|it| it.storage.index_key = Some(key));
        assert!(
            Config::read(&alone).unwrap().shared.is_none(),
            "nothing is shared without a server"
        );
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let key = crate::ticket::Key::generate().unwrap();
        let given = RawConfig::default().with(|it| {
            it.storage.redis_url = some("redis://user:swordfish@localhost");
            it.storage.ticket_keys = Some(key.clone());
            it.storage.index_key = Some(key.clone());
        });
        let shown = format!("{:?}", Config::read(&given).unwrap());
        assert!(
            !shown.contains("swordfish") && !shown.contains(&key),
            "{shown}"
        );
    }
}
