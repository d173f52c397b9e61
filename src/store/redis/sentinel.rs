//! A primary that sentinels name: they are asked again whenever the connection is lost.

use std::sync::Arc;

use parking_lot::Mutex;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, RedisResult,
    TlsCertificates, TlsMode,
};

/// The port of a sentinel where the address names none.
const PORT: u16 = 26_379;

/// The sentinels, and what they and the primary are asked with.
#[derive(Clone)]
pub(super) struct Sentinels {
    pub(super) nodes: Vec<ConnectionAddr>,
    /// The name that they have for the primary.
    pub(super) name: String,
    user: Option<String>,
    password: Option<String>,
    database: i64,
    is_tls: bool,
    certificates: Option<TlsCertificates>,
    known: Arc<Mutex<KnownPrimary>>,
}

/// What is known of the primary between two connections.
#[derive(Default)]
struct KnownPrimary {
    /// Its address as `host:port`; empty: there was none.
    address: String,
    /// The sentinel that named it first. The others may name the one before it for another two
    /// seconds.
    told_by: Option<ConnectionAddr>,
}

impl std::fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sentinels({})", self.name)
    }
}

impl Sentinels {
    /// Reads what follows `redis+sentinel://`, such as
    /// `user:password@one:26379,two:26379/mymaster/0`; `scheme` is `redis` or `rediss`.
    pub(super) fn parse(scheme: &str, rest: &str) -> RedisResult<Self> {
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let at = if login.is_empty() { "" } else { "@" };
        let wrong = || (ErrorKind::InvalidClientConfig, "no name of a primary");
        let (hosts, path) = rest.split_once('/').ok_or_else(wrong)?;
        let path = path.trim_end_matches('/');
        let (name, database) = path.split_once('/').unwrap_or((path, "0"));
        if name.is_empty() {
            return Err(wrong().into());
        }
        // Reads the login and the number of the database as every other address has them.
        let read = |host: &str| {
            let host = with_port(host);
            format!("{scheme}://{login}{at}{host}/{database}").into_connection_info()
        };
        let nodes = hosts
            .split(',')
            .map(read)
            .collect::<RedisResult<Vec<_>>>()?;
        let first = nodes.first().ok_or_else(wrong)?.redis_settings().clone();
        Ok(Self {
            nodes: nodes.iter().map(|node| node.addr().clone()).collect(),
            name: name.to_owned(),
            user: first.username().map(str::to_owned),
            password: first.password().map(str::to_owned),
            database: first.db(),
            is_tls: scheme == "rediss",
            certificates: None,
            known: Arc::default(),
        })
    }

    /// The same, with these certificates; `None`: there is no TLS.
    pub(super) fn with_certificates(self, certificates: TlsCertificates) -> Option<Self> {
        self.is_tls.then_some(Self {
            certificates: Some(certificates),
            ..self
        })
    }

    /// A client of the primary of this moment.
    ///
    /// Sentinels may want the login of the server, or none at all.
    pub(super) async fn primary(&self) -> RedisResult<Client> {
        let nodes = self.in_order();
        let mut primary = self.client(nodes.clone(), true)?.async_get_client().await;
        if let Err(refused) = primary {
            if !self.has_login() {
                return Err(refused);
            }
            let again = self.client(nodes, false)?.async_get_client().await;
            primary = again.map_err(|_also| refused);
        }
        if let Ok(client) = &primary {
            self.known.lock().address = client.get_connection_info().addr().to_string();
        }
        primary
    }

    pub(super) const fn has_login(&self) -> bool {
        self.password.is_some()
    }

    /// The sentinels in the order in which they are asked: once the one that knows of a failover,
    /// else any, because one that hangs must not always be the first.
    fn in_order(&self) -> Vec<ConnectionAddr> {
        let mut nodes = self.nodes.clone();
        fastrand::shuffle(&mut nodes);
        if let Some(first) = self.known.lock().told_by.take() {
            nodes.sort_by_key(|node| *node != first);
        }
        nodes
    }

    /// Notes what a sentinel announces; whether another primary is in use.
    pub(super) fn note_named(&self, node: &ConnectionAddr, primary: &str) -> bool {
        let mut known = self.known.lock();
        if known.address.is_empty() || known.address == primary {
            return false;
        }
        known.address = primary.to_owned();
        known.told_by = Some(node.clone());
        true
    }

    /// A client of these sentinels.
    pub(super) fn client(
        &self,
        nodes: Vec<ConnectionAddr>,
        with_login: bool,
    ) -> RedisResult<SentinelClient> {
        let mut builder =
            SentinelClientBuilder::new(nodes, &self.name, SentinelServerType::Master)?
                .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                .set_client_to_redis_db(self.database);
        if let Some(user) = &self.user {
            builder = builder.set_client_to_redis_username(user);
            if with_login {
                builder = builder.set_client_to_sentinel_username(user);
            }
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_redis_password(password);
            if with_login {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
        if self.is_tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates.clone());
            }
        }
        builder.build()
    }
}

fn with_port(host: &str) -> String {
    let has_port = match host.rsplit_once(']') {
        Some((_, after)) => after.starts_with(':'),
        None => host.contains(':'),
    };
    if has_port {
        host.to_owned()
    } else {
        format!("{host}:{PORT}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_sentinels_and_the_primary() {
        let read = |text: &str| Sentinels::parse("redis", text).unwrap();
        let whole = read("user:p%40ss@one:26379,two/mymaster/3");
        let nodes: Vec<_> = whole.nodes.iter().map(ToString::to_string).collect();
        assert_eq!(nodes, ["one:26379", "two:26379"]);
        assert_eq!(with_port("[::1]"), "[::1]:26379");
        assert_eq!(with_port("[::1]:7"), "[::1]:7");
        assert_eq!(
            (whole.user.as_deref(), whole.password.as_deref()),
            (Some("user"), Some("p@ss"))
        );
        assert_eq!((&*whole.name, whole.database), ("mymaster", 3));
        assert!(!format!("{whole:?}").contains("p@ss"));
        let bare = read("one/mymaster");
        assert_eq!((bare.user, bare.password, bare.database), (None, None, 0));
        for wrong in ["one:26379", "one:26379/", "/mymaster", "one/mymaster/x"] {
            assert!(Sentinels::parse("redis", wrong).is_err(), "{wrong}");
        }
    }
}
