//! A primary that sentinels name: they are asked again whenever the connection is lost, so that a
//! failover is followed as soon as they have agreed on it.

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
    nodes: Vec<ConnectionAddr>,
    /// The name that they have for the primary.
    name: String,
    user: Option<String>,
    password: Option<String>,
    database: i64,
    is_tls: bool,
    certificates: Option<TlsCertificates>,
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
        let asked = self.client(true)?.async_get_client().await;
        let Err(refused) = asked else { return asked };
        if self.password.is_none() {
            return Err(refused);
        }
        let again = self.client(false)?.async_get_client().await;
        again.map_err(|_also| refused)
    }

    fn client(&self, with_login: bool) -> RedisResult<SentinelClient> {
        let mut nodes = self.nodes.clone();
        // One that hangs is not always the first.
        fastrand::shuffle(&mut nodes);
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
