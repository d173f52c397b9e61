//! Checks a server before it is used: its identity, and whether it supports all that a call needs.
//! `tablecall doctor` asks the same.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{RedisError, RedisResult};

use super::Redis;
use super::failure::{ServerFailure, verbatim};
use super::link::Link;
use super::metrics::Cause;
use super::wire::{Address, Wire};

/// The oldest version that has all that is asked of it: `SET … NX GET` came with it.
const MAJOR: u32 = 7;
/// The message that an instance publishes to itself.
pub(super) const ECHO: &[u8] = b"?";
/// Time limit of a message that an instance publishes for itself.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Properties of a server, by its own information.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// Its name and version, such as `Redis 7.0.15`.
    pub(super) version: Option<String>,
    /// The first number of that, as far as it is compatible with Redis.
    major: Option<u32>,
    is_cluster: bool,
    is_sentinel: bool,
    /// Its policy for a full memory (`maxmemory-policy`).
    pub(super) policy: Option<String>,
    /// Reason for which the server does not answer that, in its own words.
    pub(super) untold: Option<String>,
}

impl About {
    /// Asks a server, or one node of a cluster: they are alike.
    async fn ask(address: &Address, wire: &mut Wire) -> Self {
        let asked = match address {
            Address::Server(_) | Address::Sentinels(_) => info(wire).await,
            Address::Cluster(nodes, _) => info_of_any(nodes).await,
        };
        match asked {
            Ok(text) => Self::read(&text),
            Err(error) => Self {
                untold: Some(verbatim(&error)),
                ..Self::default()
            },
        }
    }

    fn read(info: &str) -> Self {
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        let compatible = field("redis_version");
        let version = match (field("valkey_version"), compatible) {
            (Some(version), _) => Some(format!("Valkey {version}")),
            (None, Some(version)) => Some(format!("Redis {version}")),
            (None, None) => None,
        };
        let major = compatible.and_then(|text| text.split('.').next()?.parse().ok());
        Self {
            version,
            major,
            is_cluster: field("cluster_enabled") == Some("1"),
            is_sentinel: field("redis_mode") == Some("sentinel"),
            policy: field("maxmemory_policy").map(str::to_owned),
            untold: None,
        }
    }

    /// Returns whether it can be used, as far as that is known before anything is tried.
    fn suits(&self, is_cluster: bool) -> Result<(), ServerFailure> {
        if let (Some(version), Some(..MAJOR)) = (&self.version, self.major) {
            let text = format!("{version} is too old: Redis 7.0 or newer, or Valkey, is needed");
            return Err(ServerFailure::new(Cause::Server, text));
        }
        if self.is_sentinel {
            let text = "REDIS_URL leads to a sentinel: write redis+sentinel:// in place of redis://, and the name of the \
                        primary behind its address (redis+sentinel://HOST:26379/mymaster)";
            return Err(ServerFailure::new(Cause::Server, text));
        }
        if self.is_cluster && !is_cluster {
            return Err(ServerFailure::node_of_a_cluster("cluster_enabled:1"));
        }
        Ok(())
    }

    /// The policy by which it drops what is stored.
    fn evicts(&self) -> Option<&str> {
        self.policy
            .as_deref()
            .filter(|policy| *policy != "noeviction")
    }
}

async fn info(wire: &mut Wire) -> RedisResult<String> {
    redis::cmd("INFO").query_async(wire).await
}

async fn info_of_any(nodes: &[redis::ConnectionInfo]) -> RedisResult<String> {
    let mut last: RedisError = std::io::Error::from(std::io::ErrorKind::NotFound).into();
    for node in nodes {
        let node = Address::Server(Box::new(node.clone()));
        match node.connect(Arc::new(|_push| {})).await {
            Ok(mut wire) => return info(&mut wire).await,
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Redis {
    /// The failure behind an error of a server that may be of another kind than configured.
    fn failure(&self, error: &RedisError) -> ServerFailure {
        self.link.failure_of(error)
    }

    /// Asks a server for everything that a call asks of it. What it says of itself is put into
    /// `about` as soon as it is known.
    pub(super) async fn try_out(
        &self,
        wire: &mut Wire,
        about: &mut About,
    ) -> Result<(), ServerFailure> {
        *about = About::ask(self.link.address(), wire).await;
        about.suits(self.link.is_cluster())?;
        self.ask_basics(wire)
            .await
            .map_err(|error| self.failure(&error))?;
        self.rehearse(wire).await?;
        self.hear_itself(wire).await
    }

    /// The write; the channel of this instance; the scripts, of which the first is sent nothing but
    /// text: a server that does not know a command repeats what it was sent, and a client cannot
    /// read that where it is no text.
    async fn ask_basics(&self, wire: &mut Wire) -> RedisResult<()> {
        let () = Link::write(&self.names.probe()).query_async(wire).await?;
        wire.subscribe(&self.channel()).await?;
        // The nodes of a cluster learn each script when it is first refused.
        if matches!(wire, Wire::Server(_)) {
            let () = self.scripts.load().query_async(wire).await?;
        }
        let mut script = self.scripts.unreserve.prepare_invoke();
        script.key(self.names.probe()).arg("nobody");
        script.invoke_async(wire).await
    }

    /// Publishes a message for itself, and waits for it.
    async fn hear_itself(&self, wire: &mut Wire) -> Result<(), ServerFailure> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel()).arg(ECHO);
        let sent: RedisResult<i64> = publish.query_async(wire).await;
        sent.map_err(|error| self.failure(&error))?;
        let heard = tokio::time::timeout(HEARD_WITHIN, self.heard.notified()).await;
        heard.map_err(|_late| {
            let text = "Redis does not deliver what is published: a message did not come back within a second";
            ServerFailure::new(Cause::Server, text)
        })
    }

    /// Tries a server out, compares keys with other instances, and finds out by its mark whether it
    /// was emptied.
    pub(super) async fn greet(&self, wire: &mut Wire) -> Result<(), ServerFailure> {
        let mut about = About::default();
        let tried = self.try_out(wire, &mut about).await;
        self.note_about(&about);
        tried?;
        let joined = async {
            self.join_instances(wire).await?;
            self.read_marks(wire).await.map(|_is_emptied| ())
        };
        joined.await.map_err(|error| self.failure(&error))
    }

    /// Says once what those who look after the server should know of it.
    fn note_about(&self, about: &About) {
        if *about == About::default() || self.was_told.swap(true, Ordering::SeqCst) {
            return;
        }
        let version = about.version.as_deref();
        if let Some(policy) = about.evicts() {
            tracing::warn!(
                version,
                policy,
                "the shared store drops calls and locks when its memory is full; set maxmemory-policy to noeviction"
            );
        } else if let Some(why) = &about.untold {
            tracing::info!(
                why,
                "the shared store does not tell its version and its maxmemory-policy"
            );
        } else {
            tracing::info!(version, "the shared store");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_what_it_says() {
        let redis = About::read(
            "# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\ncluster_enabled:0\r\n",
        );
        assert_eq!(redis.version.as_deref(), Some("Redis 7.0.15"));
        assert_eq!((redis.suits(false), redis.evicts()), (Ok(()), None));
        let valkey =
            About::read("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\ncluster_enabled:1\r\n");
        assert_eq!(valkey.version.as_deref(), Some("Valkey 9.1.2"));
        assert_eq!(valkey.suits(true), Ok(()));
        let text = valkey.suits(false).unwrap_err().text;
        assert!(text.contains("redis+cluster://"), "{text}");
        let old = About::read("redis_version:6.2.5\r\nmaxmemory_policy:allkeys-lru\r\n");
        assert_eq!(
            old.suits(false).unwrap_err().text,
            "Redis 6.2.5 is too old: Redis 7.0 or newer, or Valkey, is needed"
        );
        assert_eq!(old.evicts(), Some("allkeys-lru"));
        assert_eq!(About::default().suits(false), Ok(()), "it need not tell");
    }
}
