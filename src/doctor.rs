//! `tablecall doctor`: holds the configuration against the real account and the public URL, before
//! a guest does.
//!
//! Nothing is dialled and nothing is changed. Each finding says what is wrong and how to mend it;
//! who prints them is not decided here.

mod public_url;
mod numbers;
mod shared;

pub use crate::domain::versions::summary as data_versions;

use std::fmt;

use jiff::SignedDuration;

use crate::config::{Config, TwilioAccount, TwilioBackend};
use crate::domain::Phone;
use crate::policy::CallLimits;
use crate::twilio::client::{Client, ClientConfig, TwilioError, UnansweredCause, http_client};
use clock::Clock;

/// Twilio's API for the countries that an account may call.
const VOICE_URL: &str = "https://voice.twilio.com";
/// A clock that is further off than this makes signed events to clients be refused and calls be
/// missed in searches.
const SKEW: SignedDuration = SignedDuration::from_secs(2);
/// A balance below this is worth a word: some calls' worth.
const LOW_BALANCE: f64 = 1.0;
/// The origin of Twilio itself begins so; another does not know its other hosts.
const TWILIO: &str = "https://api.";

/// Level of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to mend.
    Good,
    /// Could not be found out, or should be known.
    Note,
    /// Calls fail because of it.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its level.
    pub level: Level,
    /// The subject of the check.
    pub subject: &'static str,
    /// The finding, and how to mend it.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.level {
            Level::Good => "ok  ",
            Level::Note => "note",
            Level::Bad => "BAD ",
        };
        write!(f, "{mark}  {:<13} {}", self.subject, self.text)
    }
}

/// The worst of them.
#[must_use]
pub fn worst(findings: &[Finding]) -> Level {
    findings
        .iter()
        .map(|finding| finding.level)
        .max()
        .unwrap_or(Level::Good)
}

struct Doctor<'a> {
    config: &'a Config,
    account: &'a TwilioAccount,
    client: Client,
    http: reqwest::Client,
    found: Vec<Finding>,
}

/// Looks at everything that can be looked at from here. `voice_url`: where dialling permissions are
/// asked for, if they are to be asked for elsewhere than at Twilio.
///
/// # Errors
/// The HTTP client cannot be built, or `TWILIO_API_URL` cannot be used.
pub async fn examine(
    config: &Config,
    voice_url: Option<&str>,
    clock: &Clock,
) -> Result<Vec<Finding>, crate::app::AppError> {
    let http = http_client()?;
    let (account, api_url) = match &config.carrier {
        TwilioBackend::Twilio { account, api_url } => (account, api_url),
        TwilioBackend::Simulator(_) => {
            let text = "The simulator is the carrier, no real phone rings. Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to \
                        go live.";
            let mut found = vec![Finding {
                level: Level::Good,
                subject: "carrier",
                text: text.to_owned(),
            }];
            found.extend(numbers::look(config));
            if let Some(shared) = &config.shared {
                found.extend(shared::look(shared, &config.ticket_keys, clock).await);
            }
            return Ok(found);
        }
    };
    let client = ClientConfig {
        api_url: api_url.clone(),
        ..ClientConfig::new(account.sid, account.credentials.clone())
    };
    let client = Client::new(client)?;
    let mut doctor = Doctor {
        config,
        account,
        client,
        http,
        found: Vec::new(),
    };
    doctor.clock(clock).await;
    if doctor.account().await {
        doctor.balance().await;
        doctor.numbers().await;
        let at_twilio = api_url.starts_with(TWILIO).then_some(VOICE_URL);
        doctor.countries(voice_url.or(at_twilio)).await;
    }
    doctor.public_url(clock.now()).await;
    doctor.found.extend(numbers::look(config));
    match &config.shared {
        Some(shared) => doctor
            .found
            .extend(shared::look(shared, &config.ticket_keys, clock).await),
        None => doctor.store(),
    }
    doctor.manners();
    Ok(doctor.found)
}

impl Doctor<'_> {
    fn say(&mut self, level: Level, subject: &'static str, text: impl Into<String>) {
        self.found.push(Finding {
            level,
            subject,
            text: text.into(),
        });
    }

    async fn clock(&mut self, clock: &Clock) {
        let before = clock.now();
        let (theirs, after) = (self.client.time().await, clock.now());
        let Ok(Some(theirs)) = theirs else {
            return self.say(Level::Note, "clock", "Twilio did not tell its time.");
        };
        // Its clock shows whole seconds, and the answer was on its way for a while.
        let early = before.duration_since(theirs) - SignedDuration::from_secs(1);
        let late = theirs.duration_since(after);
        let skew = early.max(late).max(SignedDuration::ZERO);
        if skew > SKEW {
            let text = format!(
                "This clock and Twilio's are {} s apart. Let NTP set it.",
                skew.as_secs()
            );
            self.say(Level::Bad, "clock", text);
        } else {
            self.say(Level::Good, "clock", "Agrees with Twilio's.");
        }
    }

    /// Returns whether the account can be asked anything.
    async fn account(&mut self) -> bool {
        match self.client.account().await {
            Ok(account) if !account.is_active() => {
                let status = account.status.unwrap_or_default();
                let text = format!(
                    "The account is {status}: Twilio places no calls. See the console, or Twilio's support."
                );
                self.say(Level::Bad, "account", text);
                true
            }
            Ok(account) if account.is_trial() => {
                let text = "A trial account: it calls only numbers that you verified in the console, in its own country; \
                            calls go without ring time, machine detection and extensions, and somebody has to press a key \
                            before the message. Upgrade it to go live.";
                self.say(Level::Note, "account", text);
                true
            }
            Ok(_) => {
                self.say(Level::Good, "account", "Active.");
                true
            }
            Err(error) => self.account_by_its_calls(&error).await,
        }
    }

    /// Standard API keys open everything but the account itself, which is no fault of theirs.
    async fn account_by_its_calls(&mut self, error: &TwilioError) -> bool {
        let query = crate::twilio::client::ListQuery {
            page_size: Some(1),
            ..Default::default()
        };
        match self.client.list(&query).await {
            Ok(_) => {
                let text = "These credentials can place calls. They cannot read the account itself (standard API keys \
                            cannot), so whether it is active or a trial was not checked.";
                self.say(Level::Note, "account", text);
                true
            }
            Err(_) => {
                self.say(Level::Bad, "account", told(error));
                false
            }
        }
    }

    async fn balance(&mut self) {
        match self.client.balance().await {
            Ok(balance) => {
                let (amount, currency) = (
                    balance.balance.unwrap_or_default(),
                    balance.currency.unwrap_or_default(),
                );
                match amount.parse::<f64>() {
                    Ok(left) if left <= 0.0 => {
                        let text = format!(
                            "{amount} {currency}: no call is placed. Add funds in the Twilio console."
                        );
                        self.say(Level::Bad, "balance", text);
                    }
                    Ok(left) if left < LOW_BALANCE => {
                        self.say(
                            Level::Note,
                            "balance",
                            format!("{amount} {currency} is left: add funds soon."),
                        );
                    }
                    Ok(_) => self.say(Level::Good, "balance", format!("{amount} {currency}.")),
                    Err(_) => self.say(Level::Note, "balance", "Twilio did not tell it."),
                }
            }
            Err(_) => self.say(
                Level::Note,
                "balance",
                "These credentials cannot read it; see the Twilio console.",
            ),
        }
    }

    async fn numbers(&mut self) {
        for phone in &self.config.from_numbers {
            let (level, text) = self.number(*phone).await;
            self.say(level, "from-number", format!("{phone} {text}"));
        }
    }

    async fn number(&mut self, phone: Phone) -> (Level, String) {
        let e164 = phone.to_string();
        match self.client.own_number(&e164).await {
            Ok(Some(number)) if number.voice => {
                if let Some((level, text)) = self.inbound_webhook(&number) {
                    self.say(level, "call-backs", format!("{phone}: {text}"));
                }
                (Level::Good, "is the account's, and can call.".to_owned())
            }
            Ok(Some(_)) => (
                Level::Bad,
                "cannot be used for calls: buy a number with voice capability.".to_owned(),
            ),
            Ok(None) => match self.client.is_verified_caller_id(&e164).await {
                Ok(true) => (
                    Level::Good,
                    "is a verified caller ID; call-backs do not reach this service.".to_owned(),
                ),
                Ok(false) => {
                    let text = "is neither a number of the account's nor a verified caller ID: buy it, or verify it in the \
                                console under Verified caller IDs. Twilio refuses calls from it (21210).";
                    (Level::Bad, text.to_owned())
                }
                Err(error) => (
                    Level::Note,
                    format!(
                        "is not the account's; whether it is verified is not known. {}",
                        told(&error)
                    ),
                ),
            },
            Err(error) => (
                Level::Note,
                format!("could not be looked up. {}", told(&error)),
            ),
        }
    }

    async fn countries(&mut self, voice_url: Option<&str>) {
        let Some(countries) = &self.config.allowed_countries else {
            let text = "All are allowed here (TABLECALL_ALLOWED_COUNTRIES=*); Twilio refuses those that are not enabled under \
                        Voice, Geographic permissions (21215).";
            return self.say(Level::Note, "countries", text);
        };
        let Some(voice_url) = voice_url else {
            return self.say(
                Level::Note,
                "countries",
                "Not checked: this carrier has no known address for permissions.",
            );
        };
        for country in countries.clone() {
            let (level, text) = match self
                .client
                .may_call_country(voice_url, &country.to_string())
                .await
            {
                Ok(true) => (Level::Good, format!("{country} may be called.")),
                Ok(false) => {
                    let text = "is allowed here but not at Twilio: enable it in the console under Voice, Geographic \
                                permissions, or take it out of TABLECALL_ALLOWED_COUNTRIES.";
                    (Level::Bad, format!("{country} {text}"))
                }
                Err(error) => (
                    Level::Note,
                    format!("{country}: not known. {}", told(&error)),
                ),
            };
            self.say(level, "countries", text);
        }
    }

    /// Checks how this deployment keeps calls.
    fn store(&mut self) {
        let text = "Calls are kept in memory, on one machine: what waits for a later moment ends with the process. Set REDIS_URL to run \
                    several.";
        self.say(Level::Note, "store", text);
    }

    /// Checks the settings that concern manners and law.
    fn manners(&mut self) {
        let config = self.config;
        if config.service_name == DEFAULT_NAME {
            let text = "Calls are made in the name of \"Tablecall\". Set TABLECALL_SERVICE_NAME to who you are: in many \
                        countries a caller must say so.";
            self.say(Level::Note, "service name", text);
        } else {
            self.say(
                Level::Good,
                "service name",
                format!("Calls are made in the name of \"{}\".", config.service_name),
            );
        }
        let limits = config.limits;
        let level = if limits == CallLimits::OFF {
            Level::Note
        } else {
            Level::Good
        };
        self.say(
            level,
            "limits",
            format!("{limits}; TWILIO_CPS={}.", config.calls_per_second),
        );
    }
}

/// The service's name if none is configured.
pub const DEFAULT_NAME: &str = "Tablecall";

/// Describes an error of Twilio or the network, with advice.
fn told(error: &TwilioError) -> String {
    match error {
        TwilioError::Refused(refusal) => {
            let code = refusal
                .code
                .map(|code| format!(" with code {code}"))
                .unwrap_or_default();
            let token = refusal
                .token_error
                .map(|error| format!(" (OAuth {error})"))
                .unwrap_or_default();
            format!(
                "Twilio refuses{code} ({}){token}. {}",
                refusal.status,
                refusal.advice()
            )
        }
        TwilioError::NotSent(_) => {
            "Twilio cannot be reached from here: check DNS, firewall and TWILIO_API_URL.".to_owned()
        }
        TwilioError::TryLater { .. } => "Twilio is busy: look again in a minute.".to_owned(),
        TwilioError::Unanswered {
            why: UnansweredCause::ForeignPage,
        } => "A list of calls continues at an address that is not this account's at TWILIO_API_URL; nothing was sent \
              there. Check TWILIO_API_URL and what stands in front of it."
            .to_owned(),
        TwilioError::Unanswered { .. } => "Twilio did not answer: look again in a minute.".to_owned(),
    }
}
