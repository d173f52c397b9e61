//! Turns settings as given into checked settings.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};

use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::account::simulator_account;
use super::reader::{Reader, list, set};
use super::server::is_loopback;
use super::{
    Config, ConfigProblem, Features, Findings, NamedSecret, RawConfig, TwilioAccount,
    TwilioBackend, list_lag,
};
use crate::domain::Country;
use crate::notify::Secret;
use crate::policy::{CallLimits, Hours};
use crate::ticket::Key;
use crate::twilio::client::Authorities;

const SHORTEST_SECRET: usize = 16;

impl Config {
    /// Judges settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(given: &RawConfig) -> Result<Self, Vec<ConfigProblem>> {
        Self::read_for(Features::BUILT_IN, given)
    }

    /// Judges settings for a program that was built with `features`.
    pub(super) fn read_for(
        features: Features,
        given: &RawConfig,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let Findings {
            problems, warnings, ..
        } = given.environment.clone();
        let mut reader = Reader {
            features,
            problems,
            warnings,
        };
        let config = reader.config(given);
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(reader.problems),
        }
    }

    /// The address that a server with these settings listens on; no other setting is judged.
    ///
    /// # Errors
    /// Its faults.
    pub fn read_listen(given: &RawConfig) -> Result<SocketAddr, Vec<ConfigProblem>> {
        let mut reader = Reader {
            features: Features::BUILT_IN,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        reader.listen(given).ok_or(reader.problems)
    }
}

/// Returns whether a list that was given names nothing, as `"${A},${B}"` does when neither is set.
fn names_nothing(text: Option<&str>) -> bool {
    text.is_some_and(|text| list(text).next().is_none())
}

impl Reader {
    fn config(&mut self, given: &RawConfig) -> Option<Config> {
        self.refuse_empty_lists(given);
        let listen = self.listen(given);
        let account = self.account(given);
        let simulated = account.is_none();
        let public_url = self.public_url(given, simulated);
        let (from_numbers, home_country) = self.our_numbers(given, simulated);
        let api_keys = self.api_keys(given, simulated);
        let api_url = self.api_url(given);
        let restaurant_phone =
            self.phone("TABLECALL_RESTAURANT_PHONE", &given.calls.restaurant_phone);
        let contact_phone = self.phone("TABLECALL_CONTACT_PHONE", &given.calls.contact_phone);
        let service_name = self.service_name(given);
        let (do_not_call, do_not_call_file, opted_out) =
            self.numbers_not_to_call(given, restaurant_phone);
        let (webhook_secrets, is_secret_made) = self.webhook_secrets(given, simulated);
        let trusted_proxies = self.trusted_proxies(given);
        let exposed = listen.is_none_or(|address| !address.ip().is_loopback())
            || public_url.as_ref().is_some_and(|url| !is_loopback(url));
        let account = account.or_else(|| simulator_account(exposed))?;
        let allowed_countries = self.countries(given, simulated, home_country);
        let countries = allowed_countries.as_deref();
        let restaurant_timezone = self.restaurant_timezone(given, restaurant_phone, countries);
        self.warn_of_unsayable_name(&service_name, restaurant_phone, countries);
        Some(Config {
            contact_phone: contact_phone.or(from_numbers.first().copied()),
            call_hours: self.call_hours(given, simulated),
            quiet_hours: self.quiet_hours(given),
            limits: self.limits(given, simulated),
            calls_per_second: self.calls_per_second(given, simulated),
            lines: self.lines(given),
            max_calls: self.max_calls(given),
            retention: self.retention(given),
            machine_detection: self.machine_detection(given),
            speech: self.speech(given),
            allow_private_callbacks: self.allow_private_callbacks(given),
            authorities: self.authorities(given),
            observability: self.observability(given, listen, simulated),
            proxy_protocol: self.proxy_protocol(given, &trusted_proxies),
            cors_origins: self.cors_origins(given, simulated),
            shared: self.shared(given),
            ticket_keys: self.ticket_keys(given, &account),
            number_kinds: self.number_kinds(given),
            // Everything has been read: a missing value may end the reading from here on.
            listen: listen?,
            list_lag: list_lag(api_url.as_deref().filter(|_| !simulated)),
            carrier: if simulated {
                TwilioBackend::Simulator(account)
            } else {
                TwilioBackend::Twilio {
                    account,
                    api_url: api_url?,
                }
            },
            public_url,
            from_numbers,
            home_country,
            restaurant_phone,
            restaurant_timezone,
            service_name,
            do_not_call,
            do_not_call_file,
            opted_out,
            api_keys,
            allowed_countries,
            webhook_secrets,
            is_secret_made,
            trusted_proxies,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// A list of nothing is never meant: without keys everybody could call, without tokens nothing
    /// would be verified.
    fn refuse_empty_lists(&mut self, given: &RawConfig) {
        let lists = [
            ("TWILIO_AUTH_TOKEN", &given.carrier.twilio_auth_token),
            ("TWILIO_WEBHOOK_KEYS", &given.carrier.twilio_webhook_keys),
            ("TWILIO_FROM_NUMBER", &given.carrier.twilio_from_number),
            ("TABLECALL_API_KEYS", &given.clients.api_keys),
            ("TABLECALL_TICKET_KEYS", &given.storage.ticket_keys),
            (
                "TABLECALL_ALLOWED_COUNTRIES",
                &given.calls.allowed_countries,
            ),
            ("TABLECALL_WEBHOOK_SECRETS", &given.clients.webhook_secrets),
        ];
        for (name, value) in lists {
            if names_nothing(set(value)) {
                self.wrong(name, "is a list of nothing: name something or leave it out");
            }
        }
    }

    fn api_keys(&mut self, given: &RawConfig, simulated: bool) -> Vec<NamedSecret> {
        let text = set(&given.clients.api_keys);
        if text.is_none() && !simulated {
            self.wrong(
                "TABLECALL_API_KEYS",
                "is needed with a Twilio account: otherwise everybody could call at its cost",
            );
        }
        let keys = self.pairs("TABLECALL_API_KEYS", text, SHORTEST_SECRET);
        if keys.iter().any(|(_, secret)| !secret.is_ascii()) {
            self.wrong(
                "TABLECALL_API_KEYS",
                "has a secret with other characters than ASCII has: no request could carry it",
            );
        }
        // The calls of one name would become the other's with this start.
        for (at, (name, secret)) in keys.iter().enumerate() {
            if let Some((first, _)) = keys.iter().take(at).find(|(_, taken)| taken == secret) {
                self.wrong(
                    "TABLECALL_API_KEYS",
                    format!("the names {first} and {name} have the same secret"),
                );
            }
        }
        let named = keys.into_iter();
        named
            .map(|(name, secret)| NamedSecret { name, secret })
            .collect()
    }

    fn call_hours(&mut self, given: &RawConfig, simulated: bool) -> Hours {
        let usual = if simulated {
            Hours::ALWAYS
        } else {
            "10:00-21:00".parse().unwrap_or(Hours::ALWAYS)
        };
        self.parsed(
            "TABLECALL_CALL_HOURS",
            &given.calls.call_hours,
            "must be `always` or two times such as 10:00-21:00, on the quarter of an hour, the earlier first",
        )
        .unwrap_or(usual)
    }

    /// The starts per second; 0 for no limit, as the simulator has none.
    fn calls_per_second(&mut self, given: &RawConfig, simulated: bool) -> u32 {
        self.parsed(
            "TWILIO_CPS",
            &given.carrier.twilio_cps,
            "must be a whole number",
        )
        .unwrap_or(u32::from(!simulated))
    }

    fn lines(&mut self, given: &RawConfig) -> Option<u32> {
        let lines: Option<NonZeroU32> = self.parsed(
            "TWILIO_LINES",
            &given.carrier.twilio_lines,
            "must be a whole number above 0; left out, there is no limit",
        );
        lines.map(NonZeroU32::get)
    }

    fn max_calls(&mut self, given: &RawConfig) -> usize {
        self.parsed(
            "TABLECALL_MAX_CALLS",
            &given.storage.max_calls,
            "must be a whole number above 0: with 0 no call could be made",
        )
        .map_or(200_000, NonZeroUsize::get)
    }

    fn limits(&mut self, given: &RawConfig, simulated: bool) -> CallLimits {
        let usual = match (simulated, set(&given.calls.restaurant_phone)) {
            (true, _) => CallLimits::OFF,
            (false, Some(_)) => CallLimits::ONE_RESTAURANT,
            (false, None) => CallLimits::USUAL,
        };
        let changed = usual.changed_by(set(&given.calls.limits).unwrap_or_default());
        changed
            .map_err(|error| self.wrong("TABLECALL_LIMITS", error))
            .unwrap_or(usual)
    }

    fn retention(&mut self, given: &RawConfig) -> SignedDuration {
        let rule = "must be a duration of 1h to 366d, such as 24h: webhook URLs of a call can be used for an hour";
        let span: Result<Span, _> = set(&given.storage.retention).unwrap_or("24h").parse();
        let day = SpanRelativeTo::days_are_24_hours();
        let retention = span.and_then(|span| span.to_duration(day)).ok();
        let allowed = SignedDuration::from_hours(1)..=SignedDuration::from_hours(366 * 24);
        retention
            .filter(|retention| allowed.contains(retention))
            .unwrap_or_else(|| {
                self.wrong("TABLECALL_RETENTION", rule);
                SignedDuration::from_hours(24)
            })
    }

    fn machine_detection(&mut self, given: &RawConfig) -> bool {
        match set(&given.carrier.twilio_machine_detection).unwrap_or("async") {
            "async" => true,
            "off" => false,
            _ => {
                self.wrong("TWILIO_MACHINE_DETECTION", "must be `async` or `off`");
                false
            }
        }
    }

    fn speech(&mut self, given: &RawConfig) -> bool {
        match set(&given.calls.twilio_speech).unwrap_or("off") {
            "on" => true,
            "off" => false,
            _ => {
                self.wrong("TWILIO_SPEECH", "must be `on` or `off`");
                false
            }
        }
    }

    /// The secrets, and whether the only one was made here: a simulator has clients from the start.
    fn webhook_secrets(&mut self, given: &RawConfig, simulated: bool) -> (Vec<Secret>, bool) {
        let secrets: Result<Vec<Secret>, _> =
            list(set(&given.clients.webhook_secrets).unwrap_or_default())
                .map(Secret::parse)
                .collect();
        let rule = |error| format!("each {error}");
        let mut secrets = secrets
            .map_err(|error| self.wrong("TABLECALL_WEBHOOK_SECRETS", rule(error)))
            .unwrap_or_default();
        let is_made = simulated && secrets.is_empty();
        if is_made {
            secrets.extend(Secret::made());
        }
        (secrets, is_made)
    }

    fn allow_private_callbacks(&mut self, given: &RawConfig) -> bool {
        self.parsed(
            "TABLECALL_ALLOW_PRIVATE_CALLBACKS",
            &given.clients.allow_private_callbacks,
            "must be `true` or `false`",
        )
        .unwrap_or(false)
    }

    fn ticket_keys(&mut self, given: &RawConfig, account: &TwilioAccount) -> Vec<Key> {
        match set(&given.storage.ticket_keys) {
            Some(text) => {
                let keys: Result<Vec<Key>, _> = list(text).map(Key::parse).collect();
                let rule = |error| format!("each {error}, as `tablecall keygen` prints it");
                keys.map_err(|error| self.wrong("TABLECALL_TICKET_KEYS", rule(error)))
                    .unwrap_or_default()
            }
            None => account
                .auth_tokens
                .iter()
                .map(|token| Key::derive(token.as_bytes()))
                .collect(),
        }
    }

    fn countries(
        &mut self,
        given: &RawConfig,
        simulated: bool,
        home: Option<Country>,
    ) -> Option<Vec<Country>> {
        match set(&given.calls.allowed_countries) {
            Some("*") => None,
            Some(text) => {
                let codes: Vec<Result<Country, _>> = list(text).map(str::parse).collect();
                let known = codes.into_iter().filter_map(|code| {
                    code.map_err(|error| self.wrong("TABLECALL_ALLOWED_COUNTRIES", error))
                        .ok()
                });
                Some(known.collect())
            }
            None if simulated => None,
            None => home.map(|country| vec![country]),
        }
    }

    /// Other programs read this variable, too, so a file that is of no use is no reason not to start.
    fn authorities(&mut self, given: &RawConfig) -> Authorities {
        const NAME: &str = "SSL_CERT_FILE";
        let Some(path) = set(&given.observability.ssl_cert_file) else {
            return Authorities::default();
        };
        let read = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"));
        let parsed =
            read.and_then(|pem| Authorities::parse(&pem).map_err(|error| error.to_string()));
        parsed.unwrap_or_else(|why| {
            self.warn(NAME, format!("{why}; only public authorities are trusted"));
            Authorities::default()
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
