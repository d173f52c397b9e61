//! An authority of the operator's own, by which endpoints of clients and Sentry are trusted.

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::pair::{Pair, next_week};
use crate::process::{SECRET, free_address, tied};
use crate::real_time::poll;
use crate::redis_tls::certified;

/// Takes whatever is posted over TLS.
const ENDPOINT: &str = "
import http.server, ssl, sys
class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Endpoint)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.pem', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

struct Endpoint(Child);

/// An endpoint, and the folder with the certificate of its authority (`ca.pem`).
async fn endpoint() -> (Endpoint, SocketAddr, TempDir) {
    let address = free_address();
    let folder = tempfile::tempdir().unwrap();
    certified(folder.path(), &address.ip().to_string());
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let started = tied("python3")
        .args(["-c", ENDPOINT, &host, &port])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn();
    let endpoint = Endpoint(started.unwrap());
    poll("the endpoint listens", async || {
        TcpStream::connect(address).await.ok()
    })
    .await;
    (endpoint, address, folder)
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// `delivery` of a new call whose events go to `endpoint`, once anything was sent.
async fn delivery(pair: &Pair, phone: &str, endpoint: &str) -> Value {
    let mut table = next_week(phone);
    table["callback_url"] = endpoint.into();
    let request = pair
        .http
        .post(format!("http://{}/api/call", pair.address))
        .bearer_auth(SECRET)
        .json(&table);
    let made = Answer::of(request).await;
    assert_eq!(made.status, 202, "{}", made.text);
    let id = made.body["id"].as_str().unwrap();
    poll("an event was sent", async || {
        let delivery = pair.reads(id).await.body["delivery"].clone();
        (!delivery["last_attempt_at"].is_null()).then_some(delivery)
    })
    .await
}

#[tokio::test]
async fn an_endpoint_is_trusted_by_the_authority_of_ssl_cert_file() {
    needs!("openssl", "python3");
    let (_endpoint, address, folder) = endpoint().await;
    let url = format!("https://{address}/hook");
    let mut pair = Pair::new().await;
    pair.further = vec![
        (
            "TABLECALL_WEBHOOK_SECRETS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        ),
        ("TABLECALL_ALLOW_PRIVATE_CALLBACKS", "true".to_owned()),
    ];
    let untrusting = pair.starts().await;
    let refused = delivery(&pair, "+14155550103", &url).await;
    assert_eq!(
        refused["last_error"],
        "the endpoint's certificate is not accepted: its authority is unknown here",
        "{refused}"
    );
    drop(untrusting);
    let authority = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    pair.further.push(("SSL_CERT_FILE", authority));
    let _trusting = pair.starts().await;
    let received = delivery(&pair, "+14155550203", &url).await;
    assert_eq!(received["last_error"], Value::Null, "{received}");
}

/// What a program logs that has an error to report.
async fn log_of_a_report(pair: &Pair) -> String {
    let program = pair.starts().await;
    let refuses = json!({"create_error": {"code": 20_003, "status": 401}});
    let faults = pair
        .http
        .put(format!("{}/simulator/api/faults", pair.carrier.origin))
        .json(&refuses);
    assert_eq!(Answer::of(faults).await.status, 200);
    let refused = pair.tries_a_table(RESTAURANT).await;
    assert_eq!(refused.status, 502, "{}", refused.text);
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    log
}

#[tokio::test]
#[cfg_attr(not(feature = "sentry"), ignore = "needs `--features sentry`")]
async fn a_sentry_that_is_not_trusted_is_named_with_the_reason() {
    needs!("openssl", "python3");
    let (_endpoint, address, folder) = endpoint().await;
    let mut pair = Pair::new().await;
    let dsn = format!("https://the-key@{address}/42");
    pair.further = vec![("SENTRY_DSN", dsn)];
    let lost = "\"message\":\"errors cannot be reported to Sentry\"";
    let log = log_of_a_report(&pair).await;
    let line = log.lines().find(|line| line.contains(lost)).expect(&log);
    assert!(
        line.contains("\"reason\":\"invalid peer certificate: UnknownIssuer\""),
        "{line}"
    );
    assert!(!log.contains("the-key"), "{log}");
    let authority = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    pair.further.push(("SSL_CERT_FILE", authority));
    let log = log_of_a_report(&pair).await;
    assert!(!log.contains(lost), "{log}");
}
