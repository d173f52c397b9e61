//! The carrier: Twilio's account, or that of the simulator in this process.

use url::Url;

use super::reader::{Reader, SEPARATED, list, set};
use super::{RawConfig, TwilioAccount};
use crate::domain::{Country, Phone};
use crate::ticket::Key;
use crate::twilio::AccountSid;
use crate::twilio::client::{Credentials, api_host, replacement_host};

/// The account of the simulator in this process.
const SIMULATOR_ACCOUNT: &str = "AC00000000000000000000000000000000";
/// Twilio's own magic number: a valid `From` of its test credentials.
const SIMULATOR_NUMBER: &str = "+15005550006";
/// Its country.
const SIMULATOR_COUNTRY: Country = Country::US;

impl Reader {
    /// `None`: the simulator.
    pub(super) fn account(&mut self, given: &RawConfig) -> Option<TwilioAccount> {
        let (sid, tokens) = (
            set(&given.carrier.twilio_account_sid),
            set(&given.carrier.twilio_auth_token),
        );
        match (sid, tokens) {
            (None, None) => {
                let others = [
                    &given.carrier.twilio_api_key,
                    &given.carrier.twilio_api_secret,
                    &given.carrier.twilio_oauth_client_id,
                    &given.carrier.twilio_oauth_client_secret,
                    &given.carrier.twilio_webhook_keys,
                ];
                if others.into_iter().any(|other| set(other).is_some()) {
                    self.wrong(
                        "TWILIO_ACCOUNT_SID",
                        "is needed with TWILIO_API_KEY, TWILIO_OAUTH_CLIENT_ID, their secrets, and \
                         TWILIO_WEBHOOK_KEYS",
                    );
                }
                return None;
            }
            (Some(_), None) => self.wrong(
                "TWILIO_AUTH_TOKEN",
                "is needed with the account: it verifies webhooks",
            ),
            (None, Some(_)) => self.wrong("TWILIO_ACCOUNT_SID", "is needed with TWILIO_AUTH_TOKEN"),
            (Some(_), Some(_)) => {}
        }
        let parsed: Result<AccountSid, _> = sid.unwrap_or_default().parse();
        if sid.is_some() && parsed.is_err() {
            self.wrong("TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits");
        }
        let auth_tokens = self.auth_tokens(tokens.unwrap_or_default());
        let webhook_keys = self.pairs(
            "TWILIO_WEBHOOK_KEYS",
            set(&given.carrier.twilio_webhook_keys),
            1,
        );
        // A stand-in where the name is wrong, so that the rest is judged too; the start is refused
        // anyway.
        let sid = parsed.or_else(|_| SIMULATOR_ACCOUNT.parse()).ok()?;
        let newest = auth_tokens.first().map_or("", String::as_str);
        let credentials = self
            .rest_credentials(given)
            .unwrap_or_else(|| Credentials::auth_token(sid, newest));
        Some(TwilioAccount {
            sid,
            auth_tokens,
            webhook_keys,
            credentials,
        })
    }

    /// The auth tokens, newest first. The simulator's own one has spaces; two of Twilio's with a
    /// space between them sign nothing.
    fn auth_tokens(&mut self, text: &str) -> Vec<String> {
        let tokens: Vec<String> = list(text).map(str::to_owned).collect();
        let is_token = |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let are_several = |text: &String| text.contains(' ') && text.split(' ').all(is_token);
        if tokens.iter().any(are_several) {
            self.wrong(
                "TWILIO_AUTH_TOKEN",
                format!("has white space between tokens; {SEPARATED}"),
            );
        }
        tokens
    }

    /// Credentials of the REST API other than the auth token.
    fn rest_credentials(&mut self, given: &RawConfig) -> Option<Credentials> {
        let key = (
            set(&given.carrier.twilio_api_key),
            set(&given.carrier.twilio_api_secret),
        );
        let client = (
            set(&given.carrier.twilio_oauth_client_id),
            set(&given.carrier.twilio_oauth_client_secret),
        );
        if matches!(key, (Some(_), None) | (None, Some(_))) {
            self.wrong(
                "TWILIO_API_KEY",
                "and TWILIO_API_SECRET are needed together",
            );
        }
        if matches!(client, (Some(_), None) | (None, Some(_))) {
            self.wrong(
                "TWILIO_OAUTH_CLIENT_ID",
                "and TWILIO_OAUTH_CLIENT_SECRET are needed together",
            );
        }
        match (key, client) {
            ((Some(_), Some(_)), (Some(_), Some(_))) => {
                self.wrong(
                    "TWILIO_OAUTH_CLIENT_ID",
                    "and TWILIO_API_KEY both open Twilio's REST API: set one of them",
                );
                None
            }
            ((Some(key), Some(secret)), _) => Some(Credentials::api_key(key, secret)),
            (_, (Some(id), Some(secret))) => Some(Credentials::oauth(id, secret)),
            _ => None,
        }
    }

    /// Our numbers, and the country of the first one.
    pub(super) fn our_numbers(
        &mut self,
        given: &RawConfig,
        simulated: bool,
    ) -> (Vec<Phone>, Option<Country>) {
        const NAME: &str = "TWILIO_FROM_NUMBER";
        let Some(text) = set(&given.carrier.twilio_from_number) else {
            if simulated {
                // The numbering plan is not asked: that would be a quarter of the start.
                let number = Phone::from_e164(SIMULATOR_NUMBER);
                return (Vec::from_iter(number), Some(SIMULATOR_COUNTRY));
            }
            self.wrong(NAME, "is needed with a Twilio account");
            return Default::default();
        };
        let (mut numbers, mut countries) = (Vec::new(), Vec::new());
        for number in list(text) {
            match Phone::parse(number, None) {
                Ok((phone, facts)) => {
                    numbers.push(phone);
                    countries.push(facts.country);
                }
                Err(error) => self.wrong(NAME, error),
            }
        }
        (numbers, countries.first().copied().flatten())
    }

    pub(super) fn api_url(&mut self, given: &RawConfig) -> Option<String> {
        let of_region = api_host(
            set(&given.carrier.twilio_region),
            set(&given.carrier.twilio_edge),
        );
        if let Err(error) = of_region {
            self.wrong("TWILIO_REGION", error);
        }
        let Some(text) = set(&given.carrier.twilio_api_url) else {
            return of_region.ok().map(|host| format!("https://{host}"));
        };
        let url = Url::parse(text).ok();
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            self.wrong("TWILIO_API_URL", "must be an http or https URL");
            return None;
        };
        let host = url.host_str().unwrap_or_default();
        if let Some(instead) = replacement_host(host) {
            let text = format!(
                "names {host}, which takes no requests since 2026-04-28: use https://{instead}"
            );
            self.wrong("TWILIO_API_URL", text);
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }
}

/// The account of the simulator, with the token that signs its webhooks. Its tickets should outlive
/// a restart, so on one's own machine the token is always the same, and not secret. Where others
/// can reach it, it is made anew at each start: with the token they could sign webhooks, and make
/// this process fetch any URL.
pub(super) fn simulator_account(exposed: bool) -> Option<TwilioAccount> {
    let sid: AccountSid = SIMULATOR_ACCOUNT.parse().ok()?;
    let token = if exposed {
        Key::generate().ok()?
    } else {
        "the-simulators-auth-token".to_owned()
    };
    let credentials = Credentials::auth_token(sid, token.as_str());
    Some(TwilioAccount {
        sid,
        auth_tokens: vec![token],
        webhook_keys: Vec::new(),
        credentials,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_simulator_is_valid_and_of_its_country() {
        let (_, facts) = Phone::parse(SIMULATOR_NUMBER, None).unwrap();
        assert_eq!(facts.country, Some(SIMULATOR_COUNTRY));
    }
}
