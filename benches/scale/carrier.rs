//! A carrier that accepts every call, and remembers its webhook URLs.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// A call that was asked for: paths only, since every process answers every one of them.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) sid: String,
    pub(crate) answer: String,
    pub(crate) status: String,
    pub(crate) machine: String,
}

/// The calls that it accepted.
#[derive(Clone, Default)]
pub(crate) struct Carrier(Arc<Mutex<Vec<Taken>>>);

impl Carrier {
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let carrier = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn({
            let carrier = carrier.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let carrier = carrier.clone();
                    let answers = service_fn(move |request| answer(carrier.clone(), request));
                    tokio::spawn(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), answers),
                    );
                }
            }
        });
        (carrier, address)
    }

    /// Takes the calls that were accepted since the last time.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut self.0.lock())
    }
}

async fn answer(
    carrier: Carrier,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_create =
        *request.method() == Method::POST && request.uri().path().ends_with("/Calls.json");
    let (status, body) = if is_create {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(&body).into_owned().collect();
        let sid = format!("CA{}", uuid::Uuid::new_v4().simple());
        let path = |name: &str| {
            let path = form[name]
                .splitn(4, '/')
                .nth(3)
                .unwrap()
                .split('#')
                .next()
                .unwrap();
            format!("/{path}")
        };
        let taken = Taken {
            sid: sid.clone(),
            answer: path("Url"),
            status: path("StatusCallback"),
            machine: path("AsyncAmdStatusCallback"),
        };
        carrier.0.lock().push(taken);
        (
            201,
            serde_json::json!({"sid": sid, "status": "queued", "to": form["To"], "from": form["From"]}),
        )
    } else {
        (200, serde_json::json!({"calls": [], "next_page_uri": null}))
    };
    let body = Full::new(Bytes::from(body.to_string()));
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body)
        .unwrap())
}
