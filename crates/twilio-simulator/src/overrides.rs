//! Connection overrides: what a URL's fragment asks of the request. It sends
//! nothing.

use std::time::Duration;

/// No request of a call may take longer than this, retries included.
const BUDGET: Duration = Duration::from_secs(15);

/// The delivery of one webhook: time limits and retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionOverrides {
    pub(super) connect: Duration,
    pub(super) read: Duration,
    pub(super) total: Duration,
    pub(super) retries: u32,
    pub(super) policy: Policy,
    /// Notification codes for values that were not understood, which keep their defaults.
    pub(super) problems: Vec<(u32, String)>,
}

/// The failures that are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) connect: bool,
    pub(super) read: bool,
    pub(super) client_errors: bool,
    pub(super) server_errors: bool,
}

impl ConnectionOverrides {
    /// Reads the fragment of `url`.
    pub(super) fn of(url: &str) -> Self {
        let mut overrides = Self {
            connect: Duration::from_secs(5),
            read: BUDGET,
            total: BUDGET,
            retries: 1,
            policy: Policy {
                connect: true,
                ..Policy::default()
            },
            problems: Vec::new(),
        };
        let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
        for pair in fragment.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some(code) = overrides.set(key, value) {
                overrides.problems.push((
                    code,
                    format!("Connection override {key}={value} is not valid"),
                ));
            }
        }
        overrides
    }

    /// Applies one override; the error code when it is not valid.
    fn set(&mut self, key: &str, value: &str) -> Option<u32> {
        match key {
            "ct" => store(&mut self.connect, millis(value, 10_000)),
            "rt" => store(&mut self.read, millis(value, 15_000)),
            "tt" => store(&mut self.total, millis(value, 15_000)),
            "rc" => match value.parse() {
                Ok(retries @ 0..=5) => {
                    self.retries = retries;
                    None
                }
                Ok(_) | Err(_) => Some(11_242),
            },
            "rp" => match policy(value) {
                Some(policy) => {
                    self.policy = policy;
                    None
                }
                None => Some(11_243),
            },
            "sni" => (!matches!(value, "y" | "n")).then_some(11_240),
            "e" => value.is_empty().then_some(11_240),
            _ => Some(11_240),
        }
    }
}

fn store(slot: &mut Duration, value: Option<Duration>) -> Option<u32> {
    match value {
        Some(value) => {
            *slot = value;
            None
        }
        None => Some(11_241),
    }
}

fn millis(value: &str, most: u64) -> Option<Duration> {
    value
        .parse()
        .ok()
        .filter(|millis| (100..=most).contains(millis))
        .map(Duration::from_millis)
}

fn policy(value: &str) -> Option<Policy> {
    let mut policy = Policy::default();
    for word in value.split(',') {
        match word {
            "4xx" => policy.client_errors = true,
            "5xx" => policy.server_errors = true,
            "ct" => policy.connect = true,
            "rt" => policy.read = true,
            "all" => {
                policy = Policy {
                    connect: true,
                    read: true,
                    client_errors: true,
                    server_errors: true,
                }
            }
            _ => return None,
        }
    }
    Some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_sets_what_it_names_and_reports_what_it_cannot() {
        let overrides = ConnectionOverrides::of(
            "https://a.example/x?y#ct=2000&rt=8000&rc=2&rp=ct,5xx&tt=99999&zz=1",
        );
        assert_eq!(
            (overrides.connect.as_millis(), overrides.read.as_millis()),
            (2_000, 8_000)
        );
        assert_eq!(overrides.retries, 2);
        assert_eq!(
            overrides.policy,
            Policy {
                connect: true,
                server_errors: true,
                ..Policy::default()
            }
        );
        assert_eq!(
            overrides
                .problems
                .iter()
                .map(|(code, _)| *code)
                .collect::<Vec<_>>(),
            [11_241, 11_240]
        );
        assert_eq!(overrides.total, BUDGET);
    }

    #[test]
    fn without_a_fragment_only_connection_failures_are_retried_once() {
        let overrides = ConnectionOverrides::of("https://a.example/x");
        assert_eq!(
            (overrides.retries, overrides.policy),
            (
                1,
                Policy {
                    connect: true,
                    ..Policy::default()
                }
            )
        );
    }
}
