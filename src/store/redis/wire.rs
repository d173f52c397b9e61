//! One server or a cluster behind one type, and the address that says which.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionInfo, IntoConnectionInfo as _,
    Pipeline, ProtocolVersion, PushInfo, RedisFuture, RedisResult, TlsCertificates, Value,
};

use super::Certificates;
use super::sentinel::Sentinels;

/// Time limit of a connection attempt.
const CONNECT: Duration = Duration::from_secs(1);
/// Number of times that a command is sent again within a cluster, when a slot has moved or a node
/// is gone.
const CLUSTER_RETRIES: u32 = 3;

/// Handles a message that the server pushes.
pub(super) type PushHandler = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// The address of a server or of a cluster.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Server(Box<ConnectionInfo>),
    /// Its nodes, and whom they are trusted by, if not by the public authorities.
    Cluster(Vec<ConnectionInfo>, Option<TlsCertificates>),
    /// A server that sentinels name.
    Sentinels(Box<Sentinels>),
}

/// A connection.
#[derive(Clone)]
pub(super) enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Address {
    /// Reads `redis://`, `rediss://`, `redis+unix://`, and with one or more nodes
    /// `redis+cluster://user:password@one:6379,two:6379` or
    /// `redis+sentinel://user:password@one:26379,two:26379/mymaster`; `rediss+…` for TLS.
    pub(super) fn parse(text: &str) -> RedisResult<Self> {
        let resp3 = |info: ConnectionInfo| {
            let settings = info
                .redis_settings()
                .clone()
                .set_protocol(ProtocolVersion::RESP3);
            info.set_redis_settings(settings)
        };
        if let Some((scheme, rest)) = text.split_once("+sentinel://") {
            return Sentinels::parse(scheme, rest).map(|them| Self::Sentinels(Box::new(them)));
        }
        let Some((scheme, rest)) = text.split_once("+cluster://") else {
            return Ok(Self::Server(Box::new(resp3(text.into_connection_info()?))));
        };
        let (user, hosts) = rest
            .rsplit_once('@')
            .map_or(("", rest), |(user, hosts)| (user, hosts));
        let at = if user.is_empty() { "" } else { "@" };
        let nodes = hosts.trim_end_matches('/').split(',');
        let nodes = nodes.map(|host| {
            format!("{scheme}://{user}{at}{host}")
                .into_connection_info()
                .map(resp3)
        });
        nodes
            .collect::<RedisResult<_>>()
            .map(|nodes| Self::Cluster(nodes, None))
    }

    /// The same, reached with these certificates. An error where there is no TLS, or one cannot be
    /// read.
    pub(super) fn with_certificates(self, given: Certificates<'_>) -> RedisResult<Self> {
        let certificates = || TlsCertificates {
            client_tls: given.client.map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.as_bytes().to_vec(),
                client_key: key.as_bytes().to_vec(),
            }),
            root_cert: given.authorities.map(|pem| pem.as_bytes().to_vec()),
        };
        let with_tls = |node: ConnectionInfo| {
            Client::build_with_tls(node, certificates())
                .map(|client| client.get_connection_info().clone())
        };
        match self {
            Self::Server(info) => with_tls(*info).map(|info| Self::Server(Box::new(info))),
            Self::Cluster(nodes, _) => {
                let nodes = nodes
                    .into_iter()
                    .map(with_tls)
                    .collect::<RedisResult<_>>()?;
                Ok(Self::Cluster(nodes, Some(certificates())))
            }
            Self::Sentinels(sentinels) => {
                // They can be judged only together with an address.
                let any = "rediss://localhost".into_connection_info()?;
                drop(with_tls(any)?);
                let sentinels = sentinels.with_certificates(certificates());
                let no_tls = (redis::ErrorKind::InvalidClientConfig, "there is no TLS");
                Ok(Self::Sentinels(Box::new(sentinels.ok_or(no_tls)?)))
            }
        }
    }

    /// Connects; messages that the server pushes go to `push_handler`.
    pub(super) async fn connect(&self, push_handler: PushHandler) -> RedisResult<Wire> {
        let push = move |push: PushInfo| {
            push_handler(push);
            Ok::<(), redis::aio::SendError>(())
        };
        match self {
            Self::Server(info) => to_server(Client::open((**info).clone())?, push).await,
            Self::Sentinels(sentinels) => {
                let primary = tokio::time::timeout(CONNECT * 2, sentinels.primary()).await;
                to_server(primary.map_err(|_late| timed_out())??, push).await
            }
            Self::Cluster(nodes, authorities) => {
                let builder = ClusterClientBuilder::new(nodes.clone());
                let builder = match authorities {
                    Some(authorities) => builder.certs(authorities.clone()),
                    None => builder,
                };
                let client: ClusterClient = builder
                    .use_protocol(ProtocolVersion::RESP3)
                    .connection_timeout(CONNECT)
                    .response_timeout(CONNECT)
                    .retries(CLUSTER_RETRIES)
                    .push_sender(push)
                    .build()?;
                let connection =
                    tokio::time::timeout(CONNECT * 2, client.get_async_connection()).await;
                connection.map_err(|_late| timed_out())?.map(Wire::Cluster)
            }
        }
    }
}

fn timed_out() -> std::io::Error {
    std::io::ErrorKind::TimedOut.into()
}

async fn to_server(client: Client, push: impl redis::aio::AsyncPushSender) -> RedisResult<Wire> {
    // Every command has a limit of its own around it.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT))
        .set_push_sender(push);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map(Wire::Server)
}

impl Wire {
    pub(super) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Server(server) => server.subscribe(channel).await,
            Self::Cluster(cluster) => cluster.subscribe(channel).await,
        }
    }

    pub(super) async fn unsubscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Server(server) => server.unsubscribe(channel).await,
            Self::Cluster(cluster) => cluster.unsubscribe(channel).await,
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Wire::Server",
            Self::Cluster(_) => "Wire::Cluster",
        })
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(cmd, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_server_or_the_nodes_of_a_cluster() {
        let nodes = |text| match Address::parse(text).unwrap() {
            Address::Server(info) => vec![info.addr().to_string()],
            Address::Cluster(nodes, _) => {
                nodes.iter().map(|info| info.addr().to_string()).collect()
            }
            Address::Sentinels(_) => unreachable!("none is among them"),
        };
        assert_eq!(nodes("redis://cache"), ["cache:6379"]);
        assert_eq!(nodes("rediss://user:secret@cache:7000/2"), ["cache:7000"]);
        assert_eq!(
            nodes("redis+cluster://user:secret@one:7000,two:7001/"),
            ["one:7000", "two:7001"]
        );
        for wrong in ["", "cache:6379", "http://cache", "redis+cluster://"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
