//! The server that instances share, looked at before anything depends on it.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Finding, Level};
use crate::config::Shared;
use crate::store::redis::{Examination, Examined, examine};
use crate::ticket::Key;
use clock::Clock;

const SUBJECT: &str = "store";
/// The oldest that has all that is asked of it.
const MAJOR: u32 = 7;
/// A clock that is further off than this confuses who reads the server's own figures; leases do not
/// read it.
const SKEW: SignedDuration = SignedDuration::from_secs(2);
/// A webhook is one round trip, a create a handful.
const SLOW: Duration = Duration::from_millis(20);

/// What there is to say of it.
pub(super) async fn look(shared: &Shared, ticket_keys: &[Key], clock: &Clock) -> Vec<Finding> {
    let what = Examination {
        url: &shared.url,
        index_key: &shared.index_key,
        ticket_keys,
    };
    match examine(what, || clock.now()).await {
        Ok(examined) => judge(&examined),
        Err(error) => {
            let text = format!(
                "Redis cannot be used ({error}). Check REDIS_URL (host, port, user, password, rediss:// for TLS), that the \
                 server runs, and that a firewall lets this machine in. Without it no call is made."
            );
            vec![Finding {
                level: Level::Bad,
                subject: SUBJECT,
                text,
            }]
        }
    }
}

fn judge(examined: &Examined) -> Vec<Finding> {
    let Examined {
        version,
        major,
        policy,
        ahead,
        latency,
        misfit,
    } = examined;
    let mut found = Vec::new();
    let mut say = |level, text: String| {
        found.push(Finding {
            level,
            subject: SUBJECT,
            text,
        });
    };
    if *major < MAJOR {
        say(
            Level::Bad,
            format!("{version} is too old: Redis 7 or Valkey is needed."),
        );
    } else {
        say(Level::Good, format!("{version} is reached."));
    }
    match misfit {
        Some(misfit) => say(
            Level::Bad,
            format!("This instance would place no call: {misfit}."),
        ),
        None => say(
            Level::Good,
            "The keys fit those of the instances that use it.".to_owned(),
        ),
    }
    match policy.as_deref() {
        Some("noeviction") => {
            say(
                Level::Good,
                "maxmemory-policy is noeviction: nothing is dropped in silence.".to_owned(),
            );
        }
        Some(policy) => {
            let text = format!(
                "maxmemory-policy is {policy}: calls and locks would be dropped when its memory is full. Set it to noeviction \
                 (`CONFIG SET maxmemory-policy noeviction`, and in its configuration)."
            );
            say(Level::Bad, text);
        }
        None => {
            say(
                Level::Note,
                "It does not tell its maxmemory-policy; it must be noeviction.".to_owned(),
            );
        }
    }
    if ahead.abs() > SKEW {
        let text = format!(
            "Its clock and this one are {} s apart. Let NTP set both.",
            ahead.abs().as_secs()
        );
        say(Level::Note, text);
    } else {
        say(Level::Good, "Its clock agrees with this one.".to_owned());
    }
    let millis = latency.as_secs_f64() * 1_000.0;
    if *latency > SLOW {
        let text = format!(
            "It answers within {millis:.0} ms: put it nearer, in the same region at least."
        );
        say(Level::Note, text);
    } else {
        say(Level::Good, format!("It answers within {millis:.2} ms."));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(examined: &Examined) -> Vec<Level> {
        judge(examined)
            .into_iter()
            .map(|finding| finding.level)
            .collect()
    }

    #[test]
    fn each_fault_of_a_server_is_told() {
        let good = Examined {
            version: "Redis 7.0.15".to_owned(),
            major: 7,
            policy: Some("noeviction".to_owned()),
            ahead: SignedDuration::from_millis(-3),
            latency: Duration::from_millis(1),
            misfit: None,
        };
        assert_eq!(levels(&good), [Level::Good; 5]);
        let bad = Examined {
            version: "Redis 6.2.1".to_owned(),
            major: 6,
            policy: Some("allkeys-lru".to_owned()),
            ahead: SignedDuration::from_secs(-90),
            latency: Duration::from_millis(80),
            misfit: Some("the keys are others".to_owned()),
        };
        assert_eq!(
            levels(&bad),
            [Level::Bad, Level::Bad, Level::Bad, Level::Note, Level::Note]
        );
        assert_eq!(
            levels(&Examined {
                policy: None,
                ..good
            })[2],
            Level::Note
        );
    }
}
