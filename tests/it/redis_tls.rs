//! A Redis behind TLS whose certificate no public authority has signed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::instances::{INDEX_KEY, TICKET_KEY};
use crate::pair::Pair;
use crate::process::free_address;
use crate::real_time::poll;
use crate::redis_refuses::Served;
use crate::redis_server::RedisServer;

/// Runs `openssl` in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority, and a certificate for this host that it has signed, which a client may show too.
pub(crate) fn certified(folder: &Path, host: &str) {
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -x509 -days 2";
    openssl(
        folder,
        &format!("{new} -keyout ca.key -out ca.pem -subj /CN=authority"),
    );
    let signed = format!(
        "{new} -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -subj /CN=redis"
    );
    let host =
        format!("-addext subjectAltName=IP:{host} -addext basicConstraints=critical,CA:FALSE");
    openssl(folder, &format!("{signed} {host}"));
}

/// Waits until the service says that it is ready, or that it is not.
async fn readiness_is(pair: &Pair, status: u16) -> Answer {
    let path = format!("http://{}/readyz", pair.address);
    poll(&format!("/readyz answers {status}"), async || {
        let answer = Answer::of(pair.http.get(&path)).await;
        (answer.status == status).then_some(answer)
    })
    .await
}

/// A server that is reached by TLS, and the folder of its certificates.
struct TlsRedis {
    address: SocketAddr,
    folder: TempDir,
    server: RedisServer,
}

impl TlsRedis {
    /// `auth_clients`: whether it wants certificates of its clients, `yes` or `no`.
    async fn start(auth_clients: &str) -> Self {
        let address = free_address();
        let folder = tempfile::tempdir().unwrap();
        certified(folder.path(), &address.ip().to_string());
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key, authority) =
            (file("server.pem"), file("server.key"), file("ca.pem"));
        let options = [
            "--tls-port",
            &address.port().to_string(),
            "--tls-auth-clients",
            auth_clients,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
        ];
        let server = RedisServer::also_at(address.ip(), &options).await;
        Self {
            address,
            folder,
            server,
        }
    }

    fn url(&self) -> String {
        format!("rediss://{}", self.address)
    }

    /// The text of a certificate or key.
    fn pem(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

#[tokio::test]
async fn a_redis_behind_tls_is_trusted_by_the_authority_that_was_given_and_by_no_other() {
    needs!("redis-server", "redis-cli", "openssl");
    let redis = TlsRedis::start("no").await;
    let mut pair = Pair::new().await;
    pair.further = vec![
        ("REDIS_URL", redis.url()),
        ("TABLECALL_TICKET_KEYS", TICKET_KEY.to_owned()),
        ("TABLECALL_INDEX_KEY", INDEX_KEY.to_owned()),
    ];
    let untrusting = pair.starts().await;
    readiness_is(&pair, 503).await;
    let refused = pair.tries_a_table(RESTAURANT).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let log = untrusting.dies().await;
    assert!(log.contains("UnknownIssuer"), "its log says why: {log}");
    pair.further.push(("REDIS_CA", redis.pem("ca.pem")));
    let trusting = pair.starts().await;
    readiness_is(&pair, 200).await;
    let id = pair.asks(RESTAURANT).await;
    assert!(
        redis
            .server
            .asked(&["--scan", "--pattern", &format!("*:call:{id}")])
            .contains(&id),
        "it is stored there"
    );
    drop(trusting);
}

#[tokio::test]
async fn a_redis_that_wants_certificates_of_its_clients_is_shown_one() {
    needs!("redis-server", "redis-cli", "openssl");
    let redis = TlsRedis::start("yes").await;
    let url = redis.url();
    let trusting = [("REDIS_CA", redis.pem("ca.pem"))];
    let without = Served::with_settings(&url, &trusting).await;
    without.is_not_ready_for("Redis cannot be reached: ").await;
    let log = without.program.dies().await;
    assert!(
        log.contains("CertificateRequired"),
        "its log says why: {log}"
    );
    let showing = [
        ("REDIS_CA", redis.pem("ca.pem")),
        ("REDIS_CERT", redis.pem("server.pem")),
        ("REDIS_KEY", redis.pem("server.key")),
    ];
    let with = Served::with_settings(&url, &showing).await;
    with.is_ready().await;
    with.pair.asks(RESTAURANT).await;
}
