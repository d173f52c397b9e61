//! Whole calls through real proxies, set up as docs/operations.md says.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use crate::app::RESTAURANT;
use crate::front::{Front, Kind};
use crate::pair::Pair;
use crate::process::{Program, free_address};

/// An address of this machine that is neither the proxy's nor the service's.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

/// A call whose every request passes the proxy; the address that the service takes a client's
/// requests to come from.
async fn a_call_passes(kind: Kind) -> String {
    let (front, back) = (free_address(), free_address());
    let mut pair = Pair::at(front).await;
    pair.http = tablecall::http_client_builder()
        .local_address(IpAddr::V4(CLIENT))
        .build()
        .unwrap();
    let mut command = Program::serve(back, &format!("http://{front}"), &pair.carrier.origin);
    // The addresses of the test are all of this machine: only the client's is no proxy's.
    let others = "127.0.0.0/26,127.1.0.0/16,127.2.0.0/15,127.4.0.0/14,127.8.0.0/13,127.16.0.0/12,127.32.0.0/11,127.64.0.0/10,127.128.0.0/9";
    command.env("TABLECALL_TRUSTED_PROXIES", others);
    if kind == Kind::HaproxyProxyProtocol {
        command.env("TABLECALL_PROXY_PROTOCOL", "on");
    }
    let program = Program::started(command, back).await;
    let proxy = Front::start(kind, front, back).await;
    let id = pair.asks(RESTAURANT).await;
    pair.answers().await;
    pair.declines().await;
    let call = pair
        .until(&id, "is finished", |call| call["final"] == true)
        .await;
    assert_eq!(call["outcome"], "rejected", "{kind:?}: {call:#}");
    drop(proxy);
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{kind:?}: {log}");
    assert!(!log.contains("refused a webhook"), "{kind:?}: {log}");
    let created = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["message"] == "request" && line["route"] == "/api/call")
        .expect(&log);
    created["client.address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_passes_nginx() {
    needs!("/usr/sbin/nginx");
    assert_eq!(a_call_passes(Kind::Nginx).await, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_haproxy_as_a_proxy_of_http() {
    needs!("/usr/sbin/haproxy");
    assert_eq!(a_call_passes(Kind::HaproxyHttp).await, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_haproxy_that_speaks_http_2_to_the_service() {
    needs!("/usr/sbin/haproxy");
    assert_eq!(a_call_passes(Kind::HaproxyHttp2).await, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_haproxy_that_passes_bytes_on() {
    needs!("/usr/sbin/haproxy");
    let client = a_call_passes(Kind::HaproxyTcp).await;
    assert_ne!(client, CLIENT.to_string(), "nobody tells it");
}

#[tokio::test]
async fn a_call_passes_haproxy_with_the_proxy_protocol() {
    needs!("/usr/sbin/haproxy");
    let client = a_call_passes(Kind::HaproxyProxyProtocol).await;
    assert_eq!(client, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_apache() {
    needs!("/usr/sbin/apache2");
    assert_eq!(a_call_passes(Kind::Apache).await, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_caddy() {
    needs!("/usr/bin/caddy");
    assert_eq!(a_call_passes(Kind::Caddy).await, CLIENT.to_string());
}

#[tokio::test]
async fn a_call_passes_caddy_that_speaks_http_2_to_the_service() {
    needs!("/usr/bin/caddy");
    assert_eq!(a_call_passes(Kind::CaddyHttp2).await, CLIENT.to_string());
}
