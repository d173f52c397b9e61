//! `tablecall call` and `tablecall health`: clients of a running server, over the same addresses
//! that everybody has. They know nothing of the inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Map, Value};

/// How long a server may take to say that it is alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to ask for, and of whom.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server's origin.
    pub url: String,
    /// The secret of an API key, where one is needed.
    pub key: Option<String>,
    /// The body of `POST /api/call`.
    pub body: Map<String, Value>,
}

/// Why there is nothing to follow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("the server at {url} cannot be reached; is it running?")]
    Unreachable {
        /// Its origin.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// The stream ended before the call did.
    #[error("the server closed the stream before the call had ended; it goes on: {0}")]
    Cut(String),
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
pub async fn health(http: &reqwest::Client, listen: SocketAddr) -> Result<(), Error> {
    let url = format!("http://{}", beside(listen));
    let asked = http
        .get(format!("{url}/healthz"))
        .timeout(PATIENCE)
        .send()
        .await;
    match asked.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(Error::Unwell {
            url,
            status: status.as_u16(),
        }),
        Err(source) => Err(Error::Unreachable { url, source }),
    }
}

/// Where a server on the same machine is reached: "all addresses" is none to connect to.
fn beside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        one if !one.is_unspecified() => one,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Places a call and tells each line of its progress, until it has ended: its outcome.
///
/// # Errors
/// The server cannot be reached, refuses the call, or stops telling of it.
pub async fn place(
    http: &reqwest::Client,
    request: &Request,
    mut tell: impl FnMut(String),
) -> Result<String, Error> {
    let url = request.url.trim_end_matches('/');
    let unreachable = |source: reqwest::Error| Error::Unreachable {
        url: url.to_owned(),
        source,
    };
    let with_key = |builder: reqwest::RequestBuilder| match &request.key {
        Some(key) => builder.bearer_auth(key),
        None => builder,
    };
    let created = with_key(http.post(format!("{url}/api/call")))
        .json(&request.body)
        .send()
        .await
        .map_err(unreachable)?;
    let accepted = created.status().as_u16() == 202;
    let body: Value = created.json().await.map_err(unreachable)?;
    if !accepted {
        return Err(Error::Refused(problem(&body)));
    }
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    let call_url = format!("{url}/api/call/{id}");
    tell(format!("call {id}"));
    let mut stream = with_key(http.get(format!("{call_url}/events")))
        .send()
        .await
        .map_err(unreachable)?;
    let mut told = 0;
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().await.map_err(unreachable)? {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let call = event.lines().find_map(|line| line.strip_prefix("data:"));
            let call: Option<Value> = call.and_then(|data| serde_json::from_str(data.trim()).ok());
            text = rest.to_owned();
            let Some(call) = call else { continue };
            told = progress(&call, told, &mut tell);
            if call["final"] == true {
                return Ok(call["outcome"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    Err(Error::Cut(call_url))
}

/// Tells what is new in the timeline; how much has been told then.
fn progress(call: &Value, told: usize, tell: &mut impl FnMut(String)) -> usize {
    let timeline = call["timeline"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for entry in timeline.iter().skip(told) {
        let word = |name: &str| entry[name].as_str().unwrap_or_default();
        let time = word("at").get(11..19).unwrap_or_default();
        tell(
            format!(
                "{time}  {} {}",
                word("what").replace('_', " "),
                word("detail")
            )
            .trim_end()
            .to_owned(),
        );
    }
    if let (Some(reason), Some(at)) = (
        call["waiting_for"].as_str(),
        call["next_attempt_at"].as_str(),
    ) && timeline.len() > told
    {
        tell(format!(
            "          waits for {} until {at}",
            reason.replace('_', " ")
        ));
    }
    timeline.len().max(told)
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
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn progress_is_told_once() {
        let entry = |what: &str, detail: Value| json!({"at": "2026-12-01T20:00:00.000Z", "what": what, "detail": detail});
        let mut call = json!({"timeline": [entry("created", Value::Null)], "waiting_for": null, "next_attempt_at": null});
        let mut lines = Vec::new();
        let told = progress(&call, 0, &mut |line| lines.push(line));
        call["timeline"] = json!([
            entry("created", Value::Null),
            entry("waits", json!("call_hours"))
        ]);
        call["waiting_for"] = json!("call_hours");
        call["next_attempt_at"] = json!("2026-12-02T10:00:00.000Z");
        let told = progress(&call, told, &mut |line| lines.push(line));
        assert_eq!(progress(&call, told, &mut |line| lines.push(line)), 2);
        assert_eq!(
            lines,
            [
                "20:00:00  created",
                "20:00:00  waits call_hours",
                "          waits for call hours until 2026-12-02T10:00:00.000Z"
            ]
        );
    }

    #[test]
    fn a_server_on_all_addresses_is_asked_at_its_own() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            assert_eq!(beside(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn a_refusal_names_each_field() {
        let body = json!({"detail": "One field is wrong.", "errors": [{"field": "name", "code": "empty", "message": "must not be empty"}]});
        assert_eq!(
            problem(&body),
            "One field is wrong.\n  name: must not be empty"
        );
    }
}
