//! An answer over HTTP, read whole. Every answer of the API is held against its document here.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::app::within;
use crate::documented;

/// Status, headers and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body if it is JSON, else null.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = within("a request", async {
            let response = client.execute(request).await.expect("the app answers");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await.expect("the body can be read");
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            Self {
                status,
                headers,
                text,
                body,
            }
        })
        .await;
        documented::check(method.as_str(), &path, &answer);
        answer
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts an RFC 9457 problem of this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status, "{}", self.text);
        assert_eq!(self.body["type"], format!("/docs#{code}"), "{}", self.text);
        for field in ["title", "detail", "request_id"] {
            assert!(
                self.body[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{field}: {}",
                self.text
            );
        }
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
    }
}
