//! Errors of a server that cannot be used, in words for operators.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::metrics::Cause;

/// The longest text of a server that is shown.
const LONGEST: usize = 300;
/// Reason for which no node of a cluster may be found though one answers.
const UNREACHED: &str =
    " (the addresses that the nodes of the cluster announce cannot be reached from here)";
/// Hint for a single server that was taken for a cluster.
const NO_CLUSTER: &str = " (write redis:// in place of redis+cluster://, or rediss://)";
/// Hint to the list of the permissions that its user needs.
const HINT: &str = " (docs/operations.md lists what the user must be allowed)";
/// The text with which a server begins to repeat the arguments of a command.
const ARGUMENTS: &str = ", with args beginning with";

/// Reason for which the server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerFailure {
    pub(super) cause: Cause,
    /// The whole sentence without its full stop: what it means, and the server's own words.
    pub(super) text: String,
}

impl ServerFailure {
    /// The failure behind an error of the server or of the connection.
    pub(super) fn of(error: &RedisError) -> Self {
        let (cause, said) = (cause(error), verbatim(error));
        let hint = if error.kind() == ErrorKind::ClusterConnectionNotFound {
            UNREACHED
        } else if said.contains("cluster support disabled") {
            NO_CLUSTER
        } else if said.contains("NOPERM") || said.contains("The user executing the script") {
            HINT
        } else {
            ""
        };
        Self {
            cause,
            text: format!("{}: {said}{hint}", cause.sentence()),
        }
    }

    /// A failure that no error of the server reports.
    pub(super) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self {
            cause,
            text: text.into(),
        }
    }

    /// It did not answer in time.
    pub(super) fn timeout() -> Self {
        Self::new(Cause::Timeout, Cause::Timeout.sentence())
    }

    /// The same error from a server that was taken for no cluster.
    pub(super) fn outside_of_a_cluster(error: &RedisError) -> Self {
        let is_of_a_cluster = matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot
            )
        );
        if is_of_a_cluster {
            Self::node_of_a_cluster(&verbatim(error))
        } else {
            Self::of(error)
        }
    }

    /// `redis://` leads to a cluster.
    pub(super) fn node_of_a_cluster(why: &str) -> Self {
        Self::new(
            Cause::Server,
            format!(
                "REDIS_URL leads to a node of a cluster ({why}): write redis+cluster:// in place of redis://, or \
                 rediss+cluster:// in place of rediss://"
            ),
        )
    }
}

/// The server's own words, without what it repeats of a command.
pub(super) fn verbatim(error: &RedisError) -> String {
    let said = |code: &str, detail: Option<&str>| match detail {
        Some(detail) => format!("{code} {detail}"),
        None => code.to_owned(),
    };
    let text = match error.clone().into_server_errors() {
        Some(errors) => errors
            .first()
            .map(|(_, error)| said(error.code(), error.details()))
            .unwrap_or_default(),
        None => error.to_string(),
    };
    let text = text.split(ARGUMENTS).next().unwrap_or_default();
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST)
        .collect();
    text.trim().trim_end_matches('.').to_owned()
}

/// The cause behind an error.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list of kinds is open"
)]
pub(super) fn cause(error: &RedisError) -> Cause {
    if error.code() == Some("OOM") {
        return Cause::Full;
    }
    if error.is_timeout() {
        return Cause::Timeout;
    }
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => Cause::ReadOnly,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => {
            // A script that meets a full server says so in the text of its error.
            if error.to_string().contains("OOM command not allowed") {
                Cause::Full
            } else {
                Cause::Server
            }
        }
        ErrorKind::AuthenticationFailed => Cause::Server,
        _ => Cause::Connection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn a_server_is_quoted_without_what_it_was_sent() {
        let unknown =
            answered("ERR unknown command 'EVALSHA', with args beginning with: '4155550101' '1'");
        assert_eq!(verbatim(&unknown), "ERR unknown command 'EVALSHA'");
        let misconf = answered("MISCONF Redis is configured to save RDB snapshots.");
        assert_eq!(
            ServerFailure::of(&misconf),
            ServerFailure::new(
                Cause::Server,
                "Redis refuses what it is asked: MISCONF Redis is configured to save RDB snapshots"
            )
        );
        assert_eq!(
            ServerFailure::of(&answered("OOM command not allowed")).cause,
            Cause::Full
        );
        assert_eq!(
            ServerFailure::of(&answered("READONLY You can't write")).cause,
            Cause::ReadOnly
        );
    }

    #[test]
    fn a_node_of_a_cluster_names_the_scheme() {
        let text = ServerFailure::outside_of_a_cluster(&answered("MOVED 7 127.0.0.1:7000")).text;
        assert!(text.contains("redis+cluster://"), "{text}");
    }
}
