//! From settings as given to settings as judged.

use std::collections::HashSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::SignedDuration;
use url::{Host, Url};

use super::{Carrier, Config, Given, Problem, TwilioAccount};
use crate::domain::{Country, Name, Phone};
use crate::http::cors::Origins;
use crate::http::networks::TrustedProxies;
use crate::notify::Secret;
use crate::policy::{Hours, Limits};
use crate::service::opt_out;
use crate::ticket::Key;
use crate::twilio::AccountSid;
use crate::twilio::client::{Credentials, api_host};

/// The account of the simulator in this process.
const SIMULATOR_ACCOUNT: &str = "AC00000000000000000000000000000000";
/// Twilio's own magic number: a valid `From` of its test credentials.
const SIMULATOR_NUMBER: &str = "+15005550006";
const SHORTEST_SECRET: usize = 16;

impl Config {
    /// Judges settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(given: &Given) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { problems: Vec::new() };
        let config = reader.config(given);
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(reader.problems),
        }
    }

    /// The address that a server with these settings listens on; no other setting is judged.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_listen(given: &Given) -> Result<SocketAddr, Vec<Problem>> {
        let mut reader = Reader { problems: Vec::new() };
        reader.listen(given).ok_or(reader.problems)
    }
}

pub(super) struct Reader {
    problems: Vec<Problem>,
}

/// A setting without white space around it; an empty one counts as not given.
pub(super) fn set(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a list that was given names nothing, as `"${A},${B}"` does when neither is set.
fn names_nothing(text: Option<&str>) -> bool {
    text.is_some_and(|text| list(text).next().is_none())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

impl Reader {
    pub(super) fn wrong(&mut self, name: &'static str, message: impl Display) {
        self.problems.push(Problem { name, message: message.to_string() });
    }

    pub(super) fn parsed<T>(&mut self, name: &'static str, value: &Option<String>, rule: &str) -> Option<T>
    where
        T: FromStr,
    {
        let text = set(value)?;
        text.parse().map_err(|_| self.wrong(name, rule)).ok()
    }

    fn config(&mut self, given: &Given) -> Option<Config> {
        self.refuse_empty_lists(given);
        let listen = self.listen(given);
        let account = self.account(given);
        let simulated = account.is_none();
        let public_url = self.public_url(given, simulated);
        let from_numbers = self.our_numbers(given, simulated);
        let api_keys = self.api_keys(given, simulated);
        let api_url = self.api_url(given);
        let restaurant_phone = self.phone("TABLECALL_RESTAURANT_PHONE", &given.restaurant_phone);
        let contact_phone = self.phone("TABLECALL_CONTACT_PHONE", &given.contact_phone);
        let service_name = self.service_name(given);
        let hours = "must be `always` or two times such as 10:00-21:00, on the quarter of an hour, the earlier first";
        let default_hours = if simulated { Hours::ALWAYS } else { "10:00-21:00".parse().unwrap_or(Hours::ALWAYS) };
        let call_hours = self.parsed("TABLECALL_CALL_HOURS", &given.call_hours, hours).unwrap_or(default_hours);
        let limits = self.limits(given, simulated);
        let calls_per_second =
            self.parsed("TWILIO_CPS", &given.twilio_cps, "must be a whole number").unwrap_or(u32::from(!simulated));
        let max_calls =
            self.parsed("TABLECALL_MAX_CALLS", &given.max_calls, "must be a whole number").unwrap_or(200_000);
        let retention = self.retention(given);
        let machine_detection = self.machine_detection(given);
        let speech = self.speech(given);
        let (do_not_call, do_not_call_file) = self.do_not_call(given);
        let mut webhook_secrets = self.webhook_secrets(given);
        let is_secret_made = simulated && webhook_secrets.is_empty();
        if is_secret_made {
            webhook_secrets.extend(Secret::made());
        }
        let truth = "must be `true` or `false`";
        let private = self.parsed("TABLECALL_ALLOW_PRIVATE_CALLBACKS", &given.allow_private_callbacks, truth);
        let watching = self.watching(given, listen, simulated);
        let trusted_proxies = self.trusted_proxies(given);
        let cors_origins = self.cors_origins(given, simulated);
        let shared = self.shared(given);
        let exposed = listen.is_none_or(|address| !address.ip().is_loopback())
            || public_url.as_ref().is_some_and(|url| !is_loopback(url));
        let account = account.or_else(|| simulator_account(exposed))?;
        let ticket_keys = self.ticket_keys(given, &account);
        let allowed_countries = self.countries(given, simulated, from_numbers.first().copied());
        let contact_phone = contact_phone.or(from_numbers.first().copied());
        let carrier =
            if simulated { Carrier::Simulator(account) } else { Carrier::Twilio { account, api_url: api_url? } };
        Some(Config {
            listen: listen?,
            public_url,
            carrier,
            from_numbers,
            restaurant_phone,
            service_name,
            calls_per_second,
            machine_detection,
            speech,
            do_not_call,
            do_not_call_file,
            api_keys,
            ticket_keys,
            allowed_countries,
            call_hours,
            limits,
            contact_phone,
            max_calls,
            retention,
            webhook_secrets,
            is_secret_made,
            allow_private_callbacks: private.unwrap_or(false),
            watching,
            shared,
            trusted_proxies,
            cors_origins,
        })
    }

    /// A list of nothing is never meant: without keys everybody could call, without tokens nothing would be verified.
    fn refuse_empty_lists(&mut self, given: &Given) {
        let lists = [
            ("TWILIO_AUTH_TOKEN", &given.twilio_auth_token),
            ("TWILIO_WEBHOOK_KEYS", &given.twilio_webhook_keys),
            ("TWILIO_FROM_NUMBER", &given.twilio_from_number),
            ("TABLECALL_API_KEYS", &given.api_keys),
            ("TABLECALL_TICKET_KEYS", &given.ticket_keys),
            ("TABLECALL_ALLOWED_COUNTRIES", &given.allowed_countries),
            ("TABLECALL_WEBHOOK_SECRETS", &given.webhook_secrets),
        ];
        for (name, value) in lists {
            if names_nothing(set(value)) {
                self.wrong(name, "is a list of nothing: name something or leave it out");
            }
        }
    }

    fn listen(&mut self, given: &Given) -> Option<SocketAddr> {
        if set(&given.listen).is_some() {
            return self.parsed(
                "TABLECALL_LISTEN",
                &given.listen,
                "must be an address with a port such as 127.0.0.1:8080",
            );
        }
        match set(&given.port) {
            Some(_) => {
                let port: Option<u16> = self.parsed("PORT", &given.port, "must be a port number");
                port.map(|port| SocketAddr::from(([0, 0, 0, 0], port)))
            }
            None => Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
        }
    }

    /// `None`: the simulator.
    fn account(&mut self, given: &Given) -> Option<TwilioAccount> {
        let (sid, tokens) = (set(&given.twilio_account_sid), set(&given.twilio_auth_token));
        let api_key = (set(&given.twilio_api_key), set(&given.twilio_api_secret));
        match (sid, tokens) {
            (None, None) => {
                if api_key != (None, None) || set(&given.twilio_webhook_keys).is_some() {
                    self.wrong(
                        "TWILIO_ACCOUNT_SID",
                        "is needed with TWILIO_API_KEY, TWILIO_API_SECRET and TWILIO_WEBHOOK_KEYS",
                    );
                }
                return None;
            }
            (Some(_), None) => self.wrong("TWILIO_AUTH_TOKEN", "is needed with the account: it verifies webhooks"),
            (None, Some(_)) => self.wrong("TWILIO_ACCOUNT_SID", "is needed with TWILIO_AUTH_TOKEN"),
            (Some(_), Some(_)) => {}
        }
        let parsed: Result<AccountSid, _> = sid.unwrap_or_default().parse();
        if sid.is_some() && parsed.is_err() {
            self.wrong("TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits");
        }
        let auth_tokens: Vec<String> = list(tokens.unwrap_or_default()).map(str::to_owned).collect();
        let webhook_keys = self.pairs("TWILIO_WEBHOOK_KEYS", set(&given.twilio_webhook_keys), 1);
        // A stand-in where the name is wrong, so that the rest is judged too; the start is refused anyway.
        let sid = parsed.or_else(|_| SIMULATOR_ACCOUNT.parse()).ok()?;
        let newest = auth_tokens.first().map_or("", String::as_str);
        let credentials = match api_key {
            (Some(key), Some(secret)) => Credentials::api_key(key, secret),
            (None, None) => Credentials::auth_token(sid, newest),
            (Some(_), None) | (None, Some(_)) => {
                self.wrong("TWILIO_API_KEY", "and TWILIO_API_SECRET are needed together");
                Credentials::auth_token(sid, newest)
            }
        };
        Some(TwilioAccount { sid, auth_tokens, webhook_keys, credentials })
    }

    fn pairs(&mut self, name: &'static str, text: Option<&str>, shortest: usize) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for item in list(text.unwrap_or_default()) {
            match item.split_once(':') {
                Some((id, secret)) if id.is_empty() || id.len() > 64 || secret.chars().count() < shortest => {
                    self.wrong(name, format!("each name has 1 to 64 characters, each secret at least {shortest}"));
                }
                Some((id, _)) if pairs.iter().any(|(known, _)| known == id) => {
                    self.wrong(name, format!("the name {id} stands there twice"));
                }
                Some((id, secret)) => pairs.push((id.to_owned(), secret.to_owned())),
                None => self.wrong(name, "must be name:secret, several separated by commas"),
            }
        }
        pairs
    }

    fn public_url(&mut self, given: &Given, simulated: bool) -> Option<Url> {
        const NAME: &str = "TABLECALL_PUBLIC_URL";
        let Some(text) = set(&given.public_url) else {
            if !simulated {
                self.wrong(
                    NAME,
                    "is needed with a Twilio account: the https origin under which Twilio reaches this service",
                );
            }
            return None;
        };
        let Ok(url) = Url::parse(text) else {
            self.wrong(NAME, "must be an origin such as https://calls.example.com");
            return None;
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            self.wrong(NAME, "must begin with https://, unless the host is this machine itself");
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
        {
            self.wrong(NAME, "must be an origin: no path, no query, no credentials");
        }
        if url.host_str().is_some_and(|host| host.contains('_')) {
            self.wrong(NAME, "must have a host without underscores: Twilio refuses those");
        }
        Some(url)
    }

    fn phone(&mut self, name: &'static str, value: &Option<String>) -> Option<Phone> {
        let text = set(value)?;
        Phone::parse(text, None).map(|(phone, _)| phone).map_err(|error| self.wrong(name, error)).ok()
    }

    fn our_numbers(&mut self, given: &Given, simulated: bool) -> Vec<Phone> {
        const NAME: &str = "TWILIO_FROM_NUMBER";
        let text = set(&given.twilio_from_number);
        if text.is_none() && !simulated {
            self.wrong(NAME, "is needed with a Twilio account");
        }
        let text = text.or(simulated.then_some(SIMULATOR_NUMBER)).unwrap_or_default();
        let numbers: Vec<_> = list(text).map(|number| Phone::parse(number, None)).collect();
        numbers
            .into_iter()
            .filter_map(|number| number.map_err(|error| self.wrong(NAME, error)).ok())
            .map(|(phone, _)| phone)
            .collect()
    }

    fn api_keys(&mut self, given: &Given, simulated: bool) -> Vec<(String, String)> {
        let text = set(&given.api_keys);
        if text.is_none() && !simulated {
            self.wrong(
                "TABLECALL_API_KEYS",
                "is needed with a Twilio account: otherwise everybody could call at its cost",
            );
        }
        self.pairs("TABLECALL_API_KEYS", text, SHORTEST_SECRET)
    }

    fn api_url(&mut self, given: &Given) -> Option<String> {
        if let Some(url) = set(&given.twilio_api_url) {
            let known = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !known {
                self.wrong("TWILIO_API_URL", "must be an http or https URL");
            }
            return known.then(|| url.trim_end_matches('/').to_owned());
        }
        match api_host(set(&given.twilio_region), set(&given.twilio_edge)) {
            Ok(host) => Some(format!("https://{host}")),
            Err(error) => {
                self.wrong("TWILIO_REGION", error);
                None
            }
        }
    }

    fn service_name(&mut self, given: &Given) -> String {
        let name = Name::parse(set(&given.service_name).unwrap_or("Tablecall"));
        name.map_err(|error| self.wrong("TABLECALL_SERVICE_NAME", error))
            .map_or_else(|()| String::new(), |name| name.to_string())
    }

    fn limits(&mut self, given: &Given, simulated: bool) -> Limits {
        let usual = match (simulated, set(&given.restaurant_phone)) {
            (true, _) => Limits::OFF,
            (false, Some(_)) => Limits::ONE_RESTAURANT,
            (false, None) => Limits::USUAL,
        };
        let changed = usual.changed_by(set(&given.limits).unwrap_or_default());
        changed.map_err(|error| self.wrong("TABLECALL_LIMITS", error)).unwrap_or(usual)
    }

    fn retention(&mut self, given: &Given) -> SignedDuration {
        let rule = "must be a duration of 1h to 366d, such as 24h: webhook URLs of a call can be used for an hour";
        let text = set(&given.retention).unwrap_or("24h");
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let seconds = match unit.trim() {
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3_600),
            "d" => Some(86_400),
            _ => None,
        };
        let total = number.parse::<i64>().ok().zip(seconds).and_then(|(number, unit)| number.checked_mul(unit));
        let Some(total) = total.filter(|total| (3_600..=366 * 86_400).contains(total)) else {
            self.wrong("TABLECALL_RETENTION", rule);
            return SignedDuration::from_hours(24);
        };
        SignedDuration::from_secs(total)
    }

    fn machine_detection(&mut self, given: &Given) -> bool {
        match set(&given.twilio_machine_detection).unwrap_or("async") {
            "async" => true,
            "off" => false,
            _ => {
                self.wrong("TWILIO_MACHINE_DETECTION", "must be `async` or `off`");
                false
            }
        }
    }

    fn speech(&mut self, given: &Given) -> bool {
        match set(&given.twilio_speech).unwrap_or("off") {
            "on" => true,
            "off" => false,
            _ => {
                self.wrong("TWILIO_SPEECH", "must be `on` or `off`");
                false
            }
        }
    }

    /// All numbers never to call, and the file to add others to.
    fn do_not_call(&mut self, given: &Given) -> (HashSet<Phone>, Option<PathBuf>) {
        let mut numbers = HashSet::new();
        for text in list(set(&given.do_not_call).unwrap_or_default()) {
            match Phone::parse(text, None) {
                Ok((phone, _)) => drop(numbers.insert(phone)),
                Err(_) => self.wrong("TABLECALL_DO_NOT_CALL", format!("{text} is no number such as +14155550100")),
            }
        }
        let path = set(&given.do_not_call_file).map(PathBuf::from);
        match path.as_deref().map(opt_out::read) {
            Some(Ok(more)) => numbers.extend(more),
            Some(Err(error)) => self.wrong("TABLECALL_DO_NOT_CALL_FILE", error),
            None => {}
        }
        (numbers, path)
    }

    fn webhook_secrets(&mut self, given: &Given) -> Vec<Secret> {
        let secrets: Result<Vec<Secret>, _> =
            list(set(&given.webhook_secrets).unwrap_or_default()).map(Secret::parse).collect();
        let rule = |error| format!("each {error}");
        secrets.map_err(|error| self.wrong("TABLECALL_WEBHOOK_SECRETS", rule(error))).unwrap_or_default()
    }

    fn ticket_keys(&mut self, given: &Given, account: &TwilioAccount) -> Vec<Key> {
        match set(&given.ticket_keys) {
            Some(text) => {
                let keys: Result<Vec<Key>, _> = list(text).map(Key::parse).collect();
                let rule = |error| format!("each {error}, as `tablecall keygen` prints it");
                keys.map_err(|error| self.wrong("TABLECALL_TICKET_KEYS", rule(error))).unwrap_or_default()
            }
            None => account.auth_tokens.iter().map(|token| Key::derive(token.as_bytes())).collect(),
        }
    }

    fn countries(&mut self, given: &Given, simulated: bool, from: Option<Phone>) -> Option<Vec<Country>> {
        match set(&given.allowed_countries) {
            Some("*") => None,
            Some(text) => {
                let codes: Vec<Result<Country, _>> = list(text).map(str::parse).collect();
                let known = codes
                    .into_iter()
                    .filter_map(|code| code.map_err(|error| self.wrong("TABLECALL_ALLOWED_COUNTRIES", error)).ok());
                Some(known.collect())
            }
            None if simulated => None,
            None => from.and_then(Phone::facts).and_then(|facts| facts.country).map(|country| vec![country]),
        }
    }

    fn trusted_proxies(&mut self, given: &Given) -> TrustedProxies {
        let networks = self.each("TABLECALL_TRUSTED_PROXIES", &given.trusted_proxies);
        TrustedProxies(networks)
    }

    fn cors_origins(&mut self, given: &Given, simulated: bool) -> Origins {
        const NAME: &str = "TABLECALL_CORS_ORIGINS";
        match set(&given.cors_origins) {
            None => Origins::Closed,
            Some("*") if simulated => Origins::Any,
            Some("*") => {
                self.wrong(NAME, "cannot be * with a Twilio account: name the origins whose pages may make calls");
                Origins::Closed
            }
            Some(_) => Origins::Listed(self.each(NAME, &given.cors_origins)),
        }
    }

    /// Every item of a list.
    fn each<T>(&mut self, name: &'static str, value: &Option<String>) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let items: Vec<Result<T, T::Err>> = list(set(value).unwrap_or_default()).map(str::parse).collect();
        items.into_iter().filter_map(|item| item.map_err(|error| self.wrong(name, error)).ok()).collect()
    }
}

/// Whether a URL leads to this machine itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// What the simulator signs webhooks with. Its tickets should outlive a restart, so on one's own machine it is always
/// the same, and no secret. Where others reach it, it is made anew at each start: whoever knew it could sign webhooks,
/// and let this process fetch what they like.
fn simulator_account(exposed: bool) -> Option<TwilioAccount> {
    let sid: AccountSid = SIMULATOR_ACCOUNT.parse().ok()?;
    let token = if exposed { Key::generate().ok()? } else { "the simulator's auth token".to_owned() };
    let credentials = Credentials::auth_token(sid, token.as_str());
    Some(TwilioAccount { sid, auth_tokens: vec![token], webhook_keys: Vec::new(), credentials })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn live() -> Given {
        Given {
            public_url: some("https://calls.example.com"),
            twilio_account_sid: some("AC0123456789abcdef0123456789abcdef"),
            twilio_auth_token: some("0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
            twilio_from_number: some("+14155550199"),
            api_keys: some("app:0123456789abcdef"),
            ..Given::default()
        }
    }

    pub(super) fn wrong(given: &Given) -> Vec<&'static str> {
        Config::read(given).unwrap_err().into_iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn nothing_is_needed_for_a_first_try() {
        let config = Config::read(&Given::default()).unwrap();
        assert!(matches!(config.carrier, Carrier::Simulator(_)));
        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!((config.calls_per_second, config.call_hours, config.allowed_countries), (0, Hours::ALWAYS, None));
        assert!(config.api_keys.is_empty() && config.is_secret_made && config.webhook_secrets.len() == 1);
    }

    #[test]
    fn a_simulator_that_others_reach_has_a_token_that_nobody_knows() {
        let token = |given: &Given| Config::read(given).unwrap().carrier.account().auth_tokens.clone();
        let known = token(&Given::default());
        assert_eq!(token(&Given { listen: some("[::1]:80"), ..Given::default() }), known);
        for open in [
            Given { port: some("8080"), ..Given::default() },
            Given { listen: some("192.0.2.1:80"), ..Given::default() },
            Given { public_url: some("https://try.example.com"), ..Given::default() },
        ] {
            assert_ne!(token(&open), known);
            assert_ne!(token(&open), token(&open), "it is made anew at each start");
        }
    }

    #[test]
    fn an_account_needs_its_company() {
        let config = Config::read(&live()).unwrap();
        assert!(matches!(config.carrier, Carrier::Twilio { ref api_url, .. } if api_url == "https://api.twilio.com"));
        assert_eq!((config.calls_per_second, config.allowed_countries), (1, Some(vec![Country::US])));
        assert!(!config.is_secret_made && config.webhook_secrets.is_empty());
        let bare = Given { public_url: None, twilio_from_number: None, api_keys: None, ..live() };
        assert_eq!(wrong(&bare), ["TABLECALL_PUBLIC_URL", "TWILIO_FROM_NUMBER", "TABLECALL_API_KEYS"]);
        assert_eq!(wrong(&Given { twilio_auth_token: None, ..live() }), ["TWILIO_AUTH_TOKEN"]);
        assert_eq!(wrong(&Given { twilio_api_key: some("SK1"), ..live() }), ["TWILIO_API_KEY"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let given = Given {
            listen: some("nowhere"),
            public_url: some("http://calls.example.com/path"),
            twilio_account_sid: some("AC1"),
            twilio_from_number: some("+1555"),
            service_name: some("1"),
            twilio_cps: some("many"),
            twilio_machine_detection: some("sync"),
            api_keys: some("app:short,app"),
            ticket_keys: some("AAAA"),
            allowed_countries: some("US,QQ"),
            call_hours: some("late"),
            limits: some("number_week=3"),
            max_calls: some("-1"),
            retention: some("a while"),
            webhook_secrets: some("whsec_short"),
            allow_private_callbacks: some("maybe"),
            redis_url: some("localhost"),
            ..live()
        };
        let names: std::collections::BTreeSet<_> = wrong(&given).into_iter().collect();
        assert_eq!(names.len(), 18, "{names:?}");
    }

    #[test]
    fn limits_are_made_for_the_deployment() {
        let limits = |given: &Given| Config::read(given).unwrap().limits;
        assert_eq!(limits(&Given::default()), Limits::OFF);
        assert_eq!(limits(&live()), Limits::USUAL);
        let one = Given { restaurant_phone: some("+14155550101"), ..live() };
        assert_eq!(limits(&one), Limits::ONE_RESTAURANT);
        assert_eq!(limits(&Given { limits: some("off"), ..one.clone() }), Limits::OFF);
        assert_eq!(limits(&Given { limits: some("number_hour=5"), ..one }).number_day, Some(100));
    }

    #[test]
    fn a_list_of_nothing_is_refused() {
        let nothing = || some(" , ,");
        let given = Given {
            twilio_auth_token: nothing(),
            twilio_from_number: nothing(),
            api_keys: nothing(),
            ticket_keys: nothing(),
            ..live()
        };
        let names = wrong(&given);
        assert_eq!(names, ["TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER", "TABLECALL_API_KEYS", "TABLECALL_TICKET_KEYS"]);
    }

    #[test]
    fn tokens_and_keys_rotate() {
        let config = Config::read(&Given { twilio_auth_token: some("new, old"), ..live() }).unwrap();
        assert_eq!(config.carrier.account().auth_tokens, ["new", "old"]);
        assert_eq!(config.ticket_keys.len(), 2);
    }

    #[test]
    fn pages_of_elsewhere_are_let_in_by_name_only() {
        let origins = |given: &Given| Config::read(given).map(|config| config.cors_origins);
        assert_eq!(origins(&live()).unwrap(), Origins::Closed);
        let listed = Given { cors_origins: some("https://app.example.com, http://localhost:3000"), ..live() };
        assert!(matches!(origins(&listed).unwrap(), Origins::Listed(listed) if listed.len() == 2));
        let any = || some("*");
        assert_eq!(wrong(&Given { cors_origins: any(), ..live() }), ["TABLECALL_CORS_ORIGINS"]);
        assert_eq!(origins(&Given { cors_origins: any(), ..Given::default() }).unwrap(), Origins::Any);
        assert_eq!(wrong(&Given { cors_origins: some("app.example.com"), ..live() }), ["TABLECALL_CORS_ORIGINS"]);
        let proxies = Given { trusted_proxies: some("10.0.0.0/8,proxy.example.com"), ..live() };
        assert_eq!(wrong(&proxies), ["TABLECALL_TRUSTED_PROXIES"]);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?}", Config::read(&live()).unwrap());
        assert!(!shown.contains("0f1e2d3c"), "{shown}");
    }
}
