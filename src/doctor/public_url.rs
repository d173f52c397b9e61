//! The public URL: whether webhooks arrive there as Twilio signs them, and whether the account's
//! numbers lead to it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use ring::hmac;

use super::{Doctor, Level};
use crate::service::links::path;
use crate::telemetry::causes::innermost;
use crate::twilio::client::OwnNumber;
use crate::twilio::signature::{HINT_HEADER, PROOF_HEADER, prove};

const SUBJECT: &str = "public URL";
/// A callback of no call: its ticket opens nothing, so nothing is changed by it.
const BODY: &str = "AccountSid=AC00000000000000000000000000000000&CallSid=CA00000000000000000000000000000000&CallStatus=ringing";

/// The answer to a webhook.
struct ProbeAnswer {
    status: u16,
    /// The cause, which this service names only to a client that knows the auth token.
    hint: Option<String>,
}

impl Doctor<'_> {
    /// Plays Twilio: a status callback of no call, signed well and signed badly.
    pub(super) async fn public_url(&mut self, now: Timestamp) {
        let Some(public_url) = &self.config.public_url else {
            return;
        };
        let origin = public_url.origin().ascii_serialization();
        let url = format!("{origin}{}{}", path::STATUS, path::DOCTOR);
        let token = self.account.auth_tokens.first().map_or("", String::as_str);
        let proof = prove(token, now);
        let good = self.post(&url, &sign(token, &url, BODY), &proof).await;
        let bad = self.post(&url, "d3Jvbmc=", &proof).await;
        let (level, text) = match (good, bad) {
            (Ok(good), Ok(bad)) if (200..300).contains(&good.status) && bad.status == 403 => (
                Level::Good,
                "Answers, believes Twilio's signature and no other.".to_owned(),
            ),
            (
                Ok(ProbeAnswer {
                    status: 403,
                    hint: Some(hint),
                }),
                _,
            ) => (
                Level::Bad,
                format!("{origin} refuses a request with Twilio's signature: {hint}."),
            ),
            (
                Ok(ProbeAnswer {
                    status: 403,
                    hint: None,
                }),
                _,
            ) => {
                let text = "refuses a request with Twilio's signature and does not say why: the server there has \
                            another TWILIO_AUTH_TOKEN than this configuration, or is something else.";
                (Level::Bad, format!("{origin} {text}"))
            }
            (Ok(ProbeAnswer { status, .. }), _) => (
                Level::Bad,
                format!("{origin} answers {status}: {}", other_status(status)),
            ),
            (Err(error), _) => {
                let text =
                    "Start the server, and let DNS, TLS and the proxy lead to it; then look again.";
                (
                    Level::Bad,
                    format!("{origin} cannot be reached from here ({error}). {text}"),
                )
            }
        };
        self.say(level, SUBJECT, text);
    }

    async fn post(&self, url: &str, signature: &str, proof: &str) -> Result<ProbeAnswer, String> {
        let request = self
            .http
            .post(url)
            .timeout(std::time::Duration::from_secs(10))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature)
            .header(PROOF_HEADER, proof)
            .body(BODY);
        let answer = request.send().await.map_err(|error| match () {
            () if error.is_timeout() => "no answer within 10 s".to_owned(),
            () if error.is_connect() => innermost(&error),
            () => format!("the connection broke: {}", innermost(&error)),
        })?;
        let hint = answer.headers().get(HINT_HEADER);
        Ok(ProbeAnswer {
            status: answer.status().as_u16(),
            hint: hint.and_then(|hint| hint.to_str().ok()).map(str::to_owned),
        })
    }

    /// Returns whether those who ring this number back reach this service; `None`: no public URL is
    /// set.
    pub(super) fn inbound_webhook(&self, number: &OwnNumber) -> Option<(Level, String)> {
        let origin = self
            .config
            .public_url
            .as_ref()?
            .origin()
            .ascii_serialization();
        let ours = format!("{origin}{}", path::INBOUND);
        let set = format!("Under Voice, set \"A call comes in\" to {ours} with HTTP POST.");
        if let Some(by) = number.routed_by {
            let text = format!("calls to it go to {by}, not to this service. {set}");
            return Some((Level::Note, text));
        }
        let is_get = number
            .voice_method
            .as_deref()
            .is_some_and(|method| method != "POST");
        let found = match number.voice_url.as_deref().unwrap_or_default() {
            "" => (
                Level::Note,
                format!("who calls it back does not reach this service. {set}"),
            ),
            url if url != ours => {
                // The query of a foreign URL may hold anything.
                let to = url::Url::parse(url).map_or_else(
                    |_| "no URL".to_owned(),
                    |url| format!("{}{}", url.origin().ascii_serialization(), url.path()),
                );
                let text = format!(
                    "calls to it are asked for at {to}, TABLECALL_PUBLIC_URL is {origin}. {set}"
                );
                (Level::Note, text)
            }
            _ if is_get => (
                Level::Note,
                format!("calls to it are asked for with GET. {set}"),
            ),
            _ => (
                Level::Good,
                "who calls it back reaches this service.".to_owned(),
            ),
        };
        Some(found)
    }
}

/// The likely reason why a webhook gets another status than this service gives.
const fn other_status(status: u16) -> &'static str {
    match status {
        301 | 302 | 303 | 307 | 308 => {
            "a redirect. Twilio follows it and signs the new URL, which is not TABLECALL_PUBLIC_URL; use the origin that \
             it leads to."
        }
        401 | 407 => {
            "something before this service asks for a password, which Twilio does not have."
        }
        404 => "another server is there, or the proxy does not let /twiml/ through.",
        405 => "the method was changed on the way, or the proxy lets no POST through.",
        408 => "the body was lost or kept back on the way.",
        413 => "the proxy allows bodies of some bytes only; webhooks have about 4 KiB.",
        502..=504 => "the proxy does not reach this service.",
        _ => "something else is there, or a proxy that does not reach this service.",
    }
}

/// Twilio's signature over a request whose parameters stand in order (Twilio, "Webhooks security").
fn sign(token: &str, url: &str, sorted_form: &str) -> String {
    let pairs = sorted_form
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let text: String = pairs.fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
