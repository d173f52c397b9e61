//! The server that instances share: used as `serve` uses it, before anything depends on it.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Finding, Level};
use crate::config::Shared;
use crate::store::redis::{Examination, Examined, Unusable, examine};
use crate::ticket::Key;
use clock::Clock;

const SUBJECT: &str = "store";
/// A clock that is further off than this confuses who reads the server's own figures; leases do not
/// read it.
const SKEW: SignedDuration = SignedDuration::from_secs(2);
/// A webhook is one round trip, a create a handful.
const SLOW: Duration = Duration::from_millis(20);

/// Checks the shared store.
pub(super) async fn look(shared: &Shared, ticket_keys: &[Key], clock: &Clock) -> Vec<Finding> {
    let what = Examination {
        url: &shared.url,
        index_key: &shared.index_key,
        ticket_keys,
    };
    judge(&examine(what, || clock.now()).await)
}

fn judge(examined: &Examined) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(version(examined));
    match &examined.unusable {
        Some(unusable) => found.push(why_not(unusable)),
        None => found.extend(used(examined)),
    }
    found.extend(policy(examined));
    found.extend(examined.ahead.as_ref().map(clock));
    found.extend(examined.latency.map(latency));
    found
        .into_iter()
        .map(|(level, text)| Finding {
            level,
            subject: SUBJECT,
            text,
        })
        .collect()
}

fn version(examined: &Examined) -> Option<(Level, String)> {
    match (&examined.version, &examined.untold) {
        (Some(version), _) => Some((Level::Good, format!("{version} is reached."))),
        (None, Some(why)) => Some((
            Level::Note,
            format!(
                "It does not tell its version ({why}); Redis 7.0 or newer, or Valkey, is needed."
            ),
        )),
        (None, None) => None,
    }
}

fn why_not(Unusable { text, is_away }: &Unusable) -> (Level, String) {
    let remedy = if *is_away {
        " Check REDIS_URL (host, port, user, password, rediss:// for TLS), that the server runs, and that a firewall lets this \
         machine in."
    } else {
        ""
    };
    (
        Level::Bad,
        format!("{text}.{remedy} Without it no call is made."),
    )
}

/// It did all that a call asks of it.
fn used(examined: &Examined) -> [(Level, String); 2] {
    let keys = match &examined.misfit {
        Some(misfit) => (
            Level::Bad,
            format!("This instance would place no call: {misfit}."),
        ),
        None => (
            Level::Good,
            "The keys fit those of the instances that use it.".to_owned(),
        ),
    };
    let did = "It does all that a call asks of it: writes, scripts, messages.".to_owned();
    [(Level::Good, did), keys]
}

fn policy(examined: &Examined) -> Option<(Level, String)> {
    match examined.policy.as_deref() {
        Some("noeviction") => Some((
            Level::Good,
            "maxmemory-policy is noeviction: nothing is dropped in silence.".to_owned(),
        )),
        Some(policy) => Some((
            Level::Bad,
            format!(
                "maxmemory-policy is {policy}: calls and locks would be dropped when its memory is full. Set it to \
                 noeviction (`CONFIG SET maxmemory-policy noeviction`, and in its configuration)."
            ),
        )),
        None if examined.version.is_some() || examined.untold.is_some() => Some((
            Level::Note,
            "It does not tell its maxmemory-policy; it must be noeviction.".to_owned(),
        )),
        None => None,
    }
}

fn clock(ahead: &Result<SignedDuration, String>) -> (Level, String) {
    match ahead {
        Ok(ahead) if ahead.abs() > SKEW => (
            Level::Note,
            format!(
                "Its clock and this one are {} s apart. Let NTP set both.",
                ahead.abs().as_secs()
            ),
        ),
        Ok(_) => (Level::Good, "Its clock agrees with this one.".to_owned()),
        Err(why) => (
            Level::Note,
            format!("It does not tell its time ({why}); no call needs it."),
        ),
    }
}

fn latency(latency: Duration) -> (Level, String) {
    let millis = latency.as_secs_f64() * 1_000.0;
    if latency > SLOW {
        (
            Level::Note,
            format!(
                "It answers within {millis:.0} ms: put it nearer, in the same region at least."
            ),
        )
    } else {
        (Level::Good, format!("It answers within {millis:.2} ms."))
    }
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

    fn good() -> Examined {
        Examined {
            version: Some("Redis 7.0.15".to_owned()),
            policy: Some("noeviction".to_owned()),
            ahead: Some(Ok(SignedDuration::from_millis(-3))),
            latency: Some(Duration::from_millis(1)),
            ..Examined::default()
        }
    }

    #[test]
    fn each_fault_of_a_server_is_told() {
        assert_eq!(levels(&good()), [Level::Good; 6]);
        let bad = Examined {
            policy: Some("allkeys-lru".to_owned()),
            ahead: Some(Ok(SignedDuration::from_secs(-90))),
            latency: Some(Duration::from_millis(80)),
            misfit: Some("the keys are others".to_owned()),
            ..good()
        };
        let expected = [
            Level::Good,
            Level::Good,
            Level::Bad,
            Level::Bad,
            Level::Note,
            Level::Note,
        ];
        assert_eq!(levels(&bad), expected);
    }

    #[test]
    fn what_a_server_does_not_tell_is_no_fault() {
        let why = "NOPERM this user has no permissions to run the 'info' command";
        let silent = Examined {
            version: None,
            policy: None,
            untold: Some(why.to_owned()),
            ahead: Some(Err("NOPERM".to_owned())),
            ..good()
        };
        let expected = [
            Level::Note,
            Level::Good,
            Level::Good,
            Level::Note,
            Level::Note,
            Level::Good,
        ];
        assert_eq!(levels(&silent), expected);
    }

    #[test]
    fn a_server_that_cannot_be_used_is_quoted() {
        let unusable = Unusable {
            text: "Redis refuses what it is asked: NOREPLICAS Not enough good replicas to write"
                .to_owned(),
            is_away: false,
        };
        let found = judge(&Examined {
            unusable: Some(unusable),
            ahead: None,
            latency: None,
            ..good()
        });
        let bad = found
            .iter()
            .find(|finding| finding.level == Level::Bad)
            .unwrap();
        assert_eq!(
            bad.text,
            "Redis refuses what it is asked: NOREPLICAS Not enough good replicas to write. Without it no call is made."
        );
    }
}
