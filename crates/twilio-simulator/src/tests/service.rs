//! A service that answers documents and writes down what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{form, signing};

/// The requests to the service.
#[derive(Clone, Debug)]
pub(super) struct ReceivedRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) params: HashMap<String, String>,
    pub(super) pairs: Vec<(String, String)>,
    pub(super) headers: http::HeaderMap,
}

/// The answer on a path.
#[derive(Clone, Debug)]
pub(super) struct CannedReply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) location: Option<String>,
    pub(super) body: String,
}

impl CannedReply {
    pub(super) fn twiml(verbs: &str) -> Self {
        let body =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>");
        Self {
            status: 200,
            content_type: "text/xml",
            location: None,
            body,
        }
    }

    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            content_type: "text/plain",
            location: None,
            body: String::new(),
        }
    }
}

/// The answers of the service, and the requests to it.
#[derive(Default)]
pub(super) struct Books {
    pub(super) replies: HashMap<String, CannedReply>,
    pub(super) asked: Vec<ReceivedRequest>,
}
impl ReceivedRequest {
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns whether a token signed this request as sent to `origin`.
    pub(super) fn is_signed(&self, origin: &str, token: &str) -> bool {
        let url = format!("{origin}{}", self.path);
        self.header("x-twilio-signature")
            == signing::sign(
                crate::SignatureAlgorithm::HmacSha1,
                token,
                &url,
                &self.pairs,
            )
    }
}
pub(super) async fn serve(
    listener: TcpListener,
    books: Arc<Mutex<Books>>,
    asked: Arc<watch::Sender<usize>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (books, asked) = (Arc::clone(&books), Arc::clone(&asked));
        let service =
            service_fn(move |request| respond(request, Arc::clone(&books), Arc::clone(&asked)));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn respond(
    request: Request<Incoming>,
    books: Arc<Mutex<Books>>,
    count: Arc<watch::Sender<usize>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    let pairs = form::parse(if parts.method == Method::GET {
        parts.uri.query().unwrap_or_default()
    } else {
        &text
    });
    let asked = ReceivedRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        params: pairs.iter().cloned().collect(),
        pairs,
        headers: parts.headers,
    };
    let reply = {
        let mut books = books.lock();
        let reply = books
            .replies
            .get(&asked.path)
            .cloned()
            .unwrap_or_else(|| CannedReply::status(204));
        books.asked.push(asked);
        reply
    };
    count.send_modify(|count| *count += 1);
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", reply.content_type);
    if let Some(location) = reply.location {
        response = response.header("location", location);
    }
    Ok(response.body(Full::new(Bytes::from(reply.body))).unwrap())
}
