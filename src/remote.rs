//! `tablecall call` and `tablecall health`: clients of a running server, over the same addresses
//! that everybody has. They know nothing of the inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Map, Value};

mod follow;
mod misfit;
mod progress;
mod tools;

use misfit::{WrongServer, misfit};
pub use progress::Progress;
pub use tools::Remote;

/// Time limit in which a server must answer that it is alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server and who asks it.
#[derive(Clone, Debug)]
pub struct RemoteService {
    origin: String,
    key: Option<String>,
}

/// The text is no address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as http://127.0.0.1:8080")]
pub struct BadServerUrl;

/// Reason for which there is nothing to follow.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No answer.
    #[error("the server at {url} cannot be reached; is it running?")]
    Unreachable {
        /// Its origin.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A value of the request cannot stand in a header, such as one with the end of a line.
    #[error(
        "the request cannot be sent: the key, or a value for a header, has characters that no header can carry"
    )]
    Unsendable,
    /// It said no, with this status and in these words.
    #[error("{detail}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The faults, field by field.
        detail: String,
    },
    /// The server is not Tablecall.
    #[error("what answers at {url} is no Tablecall server (status {status})")]
    NotTablecall {
        /// Its origin.
        url: String,
        /// The status of its answer.
        status: u16,
    },
    /// Something is there that does not speak HTTP, or not with TLS.
    #[error(
        "what answers at {url} is no Tablecall server: it speaks no HTTP, or not the one that was asked for; check \
         the port, and http or https"
    )]
    NotHttp {
        /// Its origin.
        url: String,
    },
    /// Something is there that takes a connection and closes it without a word.
    #[error(
        "what listens at {url} is no Tablecall server: it closes the connection without an answer; check the port, and \
         http or https"
    )]
    Silent {
        /// Its origin.
        url: String,
    },
    /// The stream ended before the call did.
    #[error("the server closed the stream before the call had ended; it goes on: {0}")]
    Cut(String),
    /// A call that was placed cannot be followed any more, and nobody knows what becomes of it.
    #[error(
        "the call is lost from sight ({reason}); it may still ring and be answered, so do not place it again \
         before you know. Its id is {id}; look at {url}"
    )]
    Lost {
        /// Its id.
        id: String,
        /// Its URL.
        url: String,
        /// The failure of the last attempt to see it.
        reason: String,
    },
    /// It answers, but not that it is alive.
    #[error("the server at {url} answers {status} when asked how it is")]
    Unwell {
        /// Its origin.
        url: String,
        /// The status of its answer.
        status: u16,
    },
}

/// Asks the server that listens on `listen` whether it is alive, for two seconds at most.
///
/// # Errors
/// It cannot be reached, or says otherwise.
pub async fn health(http: &reqwest::Client, listen: SocketAddr) -> Result<(), RemoteError> {
    let url = format!("http://{}", beside(listen));
    let asked = http
        .get(format!("{url}/healthz"))
        .timeout(PATIENCE)
        .send()
        .await;
    match asked.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(RemoteError::Unwell {
            url,
            status: status.as_u16(),
        }),
        Err(source) => Err(RemoteError::Unreachable { url, source }),
    }
}

/// The address for a server on the same machine. "All addresses" is no address to connect to.
fn beside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        one if !one.is_unspecified() => one,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

impl RemoteService {
    /// The server at `url`, asked with the secret of an API key where one is needed. White space
    /// around the key is left out: files of keys end with a line's end.
    ///
    /// # Errors
    /// `url` is not http or https with a host.
    pub fn new(url: &str, key: Option<String>) -> Result<Self, BadServerUrl> {
        let parsed = url::Url::parse(url).map_err(|_| BadServerUrl)?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(BadServerUrl);
        }
        let origin = url.trim_end_matches('/').to_owned();
        let key = key.map(|key| key.trim().to_owned());
        Ok(Self { origin, key })
    }

    /// The URL of a call, for people.
    #[must_use]
    pub fn url_of(&self, id: &str) -> String {
        format!("{}/api/call/{id}", self.origin)
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    fn unreachable(&self, source: reqwest::Error) -> RemoteError {
        if source.is_builder() {
            return RemoteError::Unsendable;
        }
        let url = self.origin.clone();
        match misfit(&source) {
            Some(WrongServer::Speaks) => RemoteError::NotHttp { url },
            Some(WrongServer::Hangs) => RemoteError::Silent { url },
            None => RemoteError::Unreachable { url, source },
        }
    }

    /// Sends a request that is answered with a call.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, RemoteError> {
        let answer = self.signed(request).send().await;
        let answer = answer.map_err(|source| self.unreachable(source))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await;
        let body = body.map_err(|source| self.unreachable(source))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status < 300 && body["id"].is_string() {
            return Ok(body);
        }
        // Every refusal of ours is a problem with a code.
        if status >= 400 && body["code"].is_string() {
            let detail = problem(&body);
            return Err(RemoteError::Refused { status, detail });
        }
        Err(RemoteError::NotTablecall {
            url: self.origin.clone(),
            status,
        })
    }

    /// Sends any request of the API: the status and the JSON of its answer.
    ///
    /// # Errors
    /// The server cannot be reached, or answers something else than JSON.
    pub async fn exchange(
        &self,
        http: &reqwest::Client,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Result<(u16, Value), RemoteError> {
        let request = request(http, &self.origin);
        let answer = self.signed(request).send().await;
        let answer = answer.map_err(|source| self.unreachable(source))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await;
        let body = body.map_err(|source| self.unreachable(source))?;
        let body = serde_json::from_slice(&body).map_err(|_| RemoteError::NotTablecall {
            url: self.origin.clone(),
            status,
        })?;
        Ok((status, body))
    }

    /// Places a call: as it stands at first.
    ///
    /// # Errors
    /// The server cannot be reached, is another, or refuses the call.
    pub async fn place(
        &self,
        http: &reqwest::Client,
        body: &Map<String, Value>,
    ) -> Result<Value, RemoteError> {
        let url = format!("{}/api/call", self.origin);
        self.ask(http.post(url).json(body)).await
    }

    /// Cancels a call: as it stands then.
    ///
    /// # Errors
    /// As [`Self::place`]; the restaurant may have decided already.
    pub async fn cancel(&self, http: &reqwest::Client, id: &str) -> Result<Value, RemoteError> {
        self.ask(http.post(format!("{}/cancel", self.url_of(id))))
            .await
    }
}

fn problem(body: &Value) -> String {
    let mut text = body["detail"]
        .as_str()
        .unwrap_or("the server refused the call")
        .to_owned();
    for error in body["errors"].as_array().into_iter().flatten() {
        let word = |name: &str| error[name].as_str().unwrap_or_default();
        text.push_str(&format!("\n  {}: {}", word("field"), word("message")));
    }
    text
}

#[cfg(test)]
mod tests;
