//! The part of the `WebDriver` protocol (W3C) that these tests speak to chromedriver.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The longest wait for an element, on a machine with much else to do. The driver waits, not the
/// test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The name of an element's id in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

type Http = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

/// Failure of the driver.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Way in which an element is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Locator<'a> {
    Css(&'a str),
    XPath(&'a str),
}

impl Locator<'_> {
    fn json(self) -> Value {
        match self {
            Self::Css(css) => json!({"using": "css selector", "value": css}),
            Self::XPath(path) => json!({"using": "xpath", "value": path}),
        }
    }
}

/// One session: a browser with one tab.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: Http,
    /// `http://127.0.0.1:PORT/session/ID`.
    base: String,
}

/// An element of the page.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    client: Client,
    id: String,
}

impl Client {
    /// Starts a browser at a driver.
    pub(crate) async fn connect(driver: &str, capabilities: Value) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http =
            hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        let base = format!("{driver}/session");
        let mut client = Self { http, base };
        let asked = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = client.send("POST", "", Some(asked)).await?;
        let id = session["sessionId"].as_str().expect("a session has an id");
        client.base = format!("{}/{id}", client.base);
        Ok(client)
    }

    /// The id of the session.
    pub(crate) fn session(&self) -> &str {
        self.base.rsplit('/').next().unwrap_or_default()
    }

    /// Sends a command below the session.
    pub(crate) async fn post(&self, command: &str, body: Value) -> Result<Value, Error> {
        self.send("POST", &format!("/{command}"), Some(body)).await
    }

    async fn get(&self, command: &str) -> Result<Value, Error> {
        self.send("GET", &format!("/{command}"), None).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Error> {
        let failed = |error: &dyn fmt::Display| Error(format!("{method} {path}: {error}"));
        let body = body.map_or_else(String::new, |body| body.to_string());
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json; charset=utf-8")
            .body(Full::from(body))
            .map_err(|error| failed(&error))?;
        let answer = self.http.request(request).await;
        let answer = answer.map_err(|error| failed(&error))?;
        let succeeded = answer.status().is_success();
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|error| failed(&error))?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
        let value = answer["value"].take();
        if succeeded {
            Ok(value)
        } else {
            Err(failed(&value["message"]))
        }
    }

    /// Goes to a URL and waits until it is loaded.
    pub(crate) async fn goto(&self, url: &str) -> Result<(), Error> {
        self.post("url", json!({"url": url})).await.map(drop)
    }

    /// The URL of the page.
    pub(crate) async fn current_url(&self) -> Result<url::Url, Error> {
        let url = self.get("url").await?;
        url::Url::parse(url.as_str().unwrap_or_default()).map_err(|error| Error(error.to_string()))
    }

    /// Presses the browser's button to go back.
    pub(crate) async fn back(&self) -> Result<(), Error> {
        self.post("back", json!({})).await.map(drop)
    }

    /// Runs a script; the value that it returns.
    pub(crate) async fn execute(&self, script: &str) -> Result<Value, Error> {
        let body = json!({"script": script, "args": []});
        self.post("execute/sync", body).await
    }

    /// Runs a script; the value that it passes to its only argument, a function.
    pub(crate) async fn execute_async(&self, script: &str) -> Result<Value, Error> {
        let body = json!({"script": script, "args": []});
        self.post("execute/async", body).await
    }

    /// The first such element, once there is one.
    pub(crate) async fn find(&self, locator: Locator<'_>) -> Result<Element, Error> {
        self.element(self.post("element", locator.json()).await?)
    }

    /// All such elements, once there is one.
    pub(crate) async fn find_all(&self, locator: Locator<'_>) -> Result<Vec<Element>, Error> {
        let found = self.post("elements", locator.json()).await?;
        let found = found.as_array().cloned().unwrap_or_default();
        found.into_iter().map(|found| self.element(found)).collect()
    }

    fn element(&self, found: Value) -> Result<Element, Error> {
        let id = found[ELEMENT].as_str();
        let id = id.ok_or_else(|| Error(format!("{found} is no element")))?;
        Ok(Element {
            client: self.clone(),
            id: id.to_owned(),
        })
    }
}

impl Element {
    async fn post(&self, command: &str, body: Value) -> Result<(), Error> {
        let command = format!("element/{}/{command}", self.id);
        self.client.post(&command, body).await.map(drop)
    }

    async fn get(&self, command: &str) -> Result<Option<String>, Error> {
        let command = format!("element/{}/{command}", self.id);
        Ok(match self.client.get(&command).await? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        })
    }

    pub(crate) async fn click(&self) -> Result<(), Error> {
        self.post("click", json!({})).await
    }

    /// Empties a field.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        self.post("clear", json!({})).await
    }

    /// Types into a field.
    pub(crate) async fn send_keys(&self, keys: &str) -> Result<(), Error> {
        self.post("value", json!({"text": keys})).await
    }

    /// Chooses the option of a list that has this text.
    pub(crate) async fn select_by_label(&self, label: &str) -> Result<(), Error> {
        let path = format!(".//option[normalize-space() = {label:?}]");
        let command = format!("element/{}/element", self.id);
        let found = self.client.post(&command, Locator::XPath(&path).json());
        self.client.element(found.await?)?.click().await
    }

    /// The text of it that can be seen.
    pub(crate) async fn text(&self) -> Result<String, Error> {
        self.get("text").await.map(Option::unwrap_or_default)
    }

    pub(crate) async fn attr(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(&format!("attribute/{name}")).await
    }

    pub(crate) async fn prop(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(&format!("property/{name}")).await
    }
}
