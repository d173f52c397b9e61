//! Webhooks made by hand, signed apart from both the app's verifier and the simulator's signer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use crate::answer::Answer;
use crate::app::TestApp;

/// The token with which the simulator of a process signs.
pub(crate) const TOKEN: &str = "the-simulators-auth-token";

/// A request as Twilio sends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Webhook {
    /// As it was signed.
    pub(crate) url: String,
    pub(crate) params: Vec<(String, String)>,
}

impl Webhook {
    /// One that went over the simulator's wire.
    pub(crate) fn of(exchange: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs = exchange["params"].as_array().unwrap().iter();
        Self {
            url: text(&exchange["url"]),
            params: pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        }
    }

    /// The same with another value.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same for another URL.
    pub(crate) fn at(self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self
        }
    }

    /// Twilio's signature over it.
    pub(crate) fn signature(&self, algorithm: hmac::Algorithm, secret: &str) -> String {
        let mut params = self.params.clone();
        params.sort();
        let text: String = params
            .iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect();
        let key = hmac::Key::new(algorithm, secret.as_bytes());
        STANDARD.encode(hmac::sign(&key, format!("{}{text}", self.url).as_bytes()))
    }

    /// Ready to be sent to the app, not signed yet.
    pub(crate) fn unsigned(&self, app: &TestApp) -> reqwest::RequestBuilder {
        let path = self.url.splitn(4, '/').nth(3).unwrap();
        app.http
            .post(format!("{}/{path}", app.origin))
            .form(&self.params)
    }

    /// Signs it with the auth token and sends it.
    pub(crate) async fn sent(&self, app: &TestApp) -> Answer {
        let signature = self.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
        Answer::of(self.unsigned(app).header("x-twilio-signature", signature)).await
    }
}

impl TestApp {
    /// Webhooks of a kind that went over the wire so far.
    pub(crate) async fn webhooks(&self, kind: &str) -> Vec<(Webhook, Value)> {
        self.wire(kind)
            .await
            .into_iter()
            .map(|exchange| (Webhook::of(&exchange), exchange))
            .collect()
    }
}
