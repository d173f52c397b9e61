//! Twilio's error codes: their titles, whether a retry helps, and what operators can
//! do about them.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Advice for operators about a code.
pub(super) fn advice_for(code: u32) -> Option<&'static str> {
    Some(match code {
        10_001 | 20_005 => {
            "The Twilio account is not active: see its status and balance in the console."
        }
        10_004 | 22_005 => "Too many calls at once or in the queue: wait for others to end.",
        10_005 | 20_010 => "Calls are disabled for this Twilio account: ask Twilio's support.",
        20_003 => {
            "Check account SID, auth token, API key or OAuth client, and region; Twilio also says this of suspended accounts and \
             of an empty balance."
        }
        10_002 => "A trial account cannot do this: upgrade it in the Twilio console.",
        20_006 | 20_403 => {
            "These credentials may not place calls: check the API key's permissions in the console."
        }
        20_011 | 20_012 => "Twilio refuses the way this service encrypts its requests: update it.",
        20_101..=20_160 => {
            "Twilio takes the credentials for an access token: check TWILIO_API_KEY and its secret."
        }
        21_470 => "TWILIO_ACCOUNT_SID is not the account of these credentials.",
        20_008 => "These are test credentials: use the account's live ones.",
        20_404 => "There is no such resource in this account and region.",
        20_429 | 20_503 => "Twilio is busy: try again in a moment.",
        21_201 | 21_211 | 21_217 => {
            "Twilio does not take this for a phone number: check the number to call."
        }
        21_202 => "This is a premium-rate number, which the account may not call.",
        21_203 | 21_215 => {
            "Allow this country under Voice, Geographic permissions in the Twilio console, or call another number."
        }
        21_205 | 21_402 | 21_609 => {
            "Twilio does not accept our public URL: an operator must set TABLECALL_PUBLIC_URL to one that is reachable \
             from the internet, over https."
        }
        21_206 => {
            "Twilio does not accept the extension: digits, star, hash and w only, at most 32."
        }
        20_001 | 20_422 | 21_200 | 21_204 | 21_207 | 21_208 | 21_209 | 21_218 | 21_234 | 21_262
        | 21_263 | 21_626 | 32_018 | 32_019 => {
            "Twilio does not understand a parameter of this service: please report it with this code."
        }
        22_001 => {
            "Twilio kept the call in its queue for too long: lower TWILIO_CPS to what the account may start."
        }
        32_017 => {
            "The carrier blocks our number as a caller ID: use another, or register it for SHAKEN/STIR."
        }
        21_210 => {
            "The caller ID is not this account's: buy the number or verify it in the Twilio console."
        }
        21_212 | 21_213 => "The caller ID is not a phone number: check the configured from-number.",
        21_214 => "This number cannot be reached from Twilio.",
        21_216 => "Twilio blocks calls to this number.",
        21_219 => "A trial account may only call numbers that were verified in the Twilio console.",
        21_220 => "The call has ended already, or has not begun.",
        _ => return None,
    })
}

/// Twilio's title of an error code that a call can meet, over REST or in a webhook's `ErrorCode`.
#[must_use]
pub fn title(code: u32) -> Option<&'static str> {
    CODES.get(&code).map(|entry| entry.title.as_str())
}

#[derive(Deserialize)]
struct Catalogue {
    codes: Vec<CatalogueEntry>,
}

#[derive(Deserialize)]
pub(super) struct CatalogueEntry {
    code: u32,
    title: String,
    /// Use of a retry, in the words of the file.
    pub(super) retry: String,
}

/// Read once, at the first refusal; a test reads it whole, so that a broken file cannot be shipped.
pub(super) static CODES: LazyLock<HashMap<u32, CatalogueEntry>> = LazyLock::new(|| {
    let catalogue: Result<Catalogue, _> =
        serde_json::from_str(include_str!("../../error_codes.json"));
    catalogue.map_or_else(
        |_| HashMap::new(),
        |read| {
            read.codes
                .into_iter()
                .map(|entry| (entry.code, entry))
                .collect()
        },
    )
});
