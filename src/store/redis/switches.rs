//! Follows the primary that sentinels name: the old one goes on to acknowledge writes for some ten
//! seconds after a planned failover, and drops them all when it is made a replica.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use redis::aio::PubSub;
use redis::{ConnectionAddr, RedisResult};
use tokio::time::timeout;

use super::sentinel::Sentinels;

/// Published by a sentinel that uses another primary from now on.
const SWITCHED: &str = "+switch-master";
/// Published by the sentinel that leads a failover, as soon as a replica has become the primary and
/// before it turns to the other replicas.
const PROMOTED: &str = "+promoted-slave";
/// Time limit of one answer of a sentinel.
const ANSWER: Duration = Duration::from_secs(1);
/// Time between two tries to hear a sentinel.
const RETRY: Duration = Duration::from_secs(3);
/// Time of silence after which a sentinel is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(15);

impl Sentinels {
    /// Calls `switched` each time that a sentinel names a primary which is not the one in use.
    /// Never ends.
    ///
    /// All of them are heard, because they learn of a failover up to two seconds apart.
    pub(super) async fn watch(&self, switched: impl Fn()) {
        let hear = async |node: &ConnectionAddr| {
            loop {
                if let Err(error) = self.hear(node, &switched).await {
                    tracing::debug!(%error, "a sentinel cannot be heard");
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        join_all(self.nodes.iter().map(hear)).await;
    }

    /// Hears one sentinel until its connection is lost.
    async fn hear(&self, node: &ConnectionAddr, switched: &impl Fn()) -> RedisResult<()> {
        let (mut subscriptions, mut messages) = self.subscribed(node).await?.split();
        loop {
            match timeout(QUIET, messages.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(message)) => {
                    let text: String = message.get_payload()?;
                    if let Some(primary) = named(message.get_channel_name(), &text, &self.name)
                        && self.note_named(node, &primary)
                    {
                        switched();
                    }
                }
                Err(_quiet) => {
                    let asked = timeout(ANSWER, subscriptions.ping::<redis::Value>()).await;
                    let _answer = asked.map_err(|_late| late())??;
                }
            }
        }
    }

    /// A subscription at one sentinel, with the login of the server or, if it wants none, without.
    async fn subscribed(&self, node: &ConnectionAddr) -> RedisResult<PubSub> {
        let subscribe = async |with_login| {
            let mut client = self.client(vec![node.clone()], with_login)?;
            let sentinel = client.async_get_sentinel_client().await?;
            let mut subscriptions = sentinel.get_async_pubsub().await?;
            subscriptions.subscribe(&[SWITCHED, PROMOTED]).await?;
            Ok(subscriptions)
        };
        let with_login = timeout(ANSWER * 2, subscribe(true)).await;
        match with_login.map_err(|_late| late())? {
            Err(_refused) if self.has_login() => {
                let without = timeout(ANSWER * 2, subscribe(false)).await;
                without.map_err(|_late| late())?
            }
            done => done,
        }
    }
}

fn late() -> std::io::Error {
    std::io::ErrorKind::TimedOut.into()
}

/// The primary of this name that a message announces, as `host:port`.
fn named(channel: &str, message: &str, name: &str) -> Option<String> {
    let words: Vec<&str> = message.split(' ').collect();
    let (of, host, port) = match (channel, &words[..]) {
        (SWITCHED, [of, _old, _old_port, host, port]) => (of, host, port),
        (PROMOTED, ["slave", _, host, port, "@", of, ..]) => (of, host, port),
        _ => return None,
    };
    (*of == name).then(|| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_named_when_a_replica_was_promoted_and_when_all_have_switched() {
        let switched = "mymaster 10.0.0.1 6379 10.0.0.2 6380";
        let promoted = "slave 10.0.0.2:6380 10.0.0.2 6380 @ mymaster 10.0.0.1 6379";
        let new = Some("10.0.0.2:6380".to_owned());
        assert_eq!(named(SWITCHED, switched, "mymaster"), new);
        assert_eq!(named(PROMOTED, promoted, "mymaster"), new);
        assert_eq!(named(SWITCHED, switched, "another"), None);
        assert_eq!(named(PROMOTED, promoted, "another"), None);
        assert_eq!(named(SWITCHED, promoted, "mymaster"), None);
        assert_eq!(named(SWITCHED, "", "mymaster"), None);
    }
}
