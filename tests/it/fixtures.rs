//! The fixtures of tests of several processes work: a Redis that can be ended, filled and emptied,
//! and a proxy that holds, slows and cuts.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::app::within;
use crate::process::Program;
use crate::proxy::{Gate, Proxy, Way};
use crate::real_time::eventually;
use crate::redis_server::RedisServer;

#[tokio::test]
async fn a_redis_can_be_filled_ended_and_started_again_empty() {
    needs!("redis-server", "redis-cli");
    let mut redis = RedisServer::starts().await;
    assert_eq!(redis.asked(&["SET", "a", "1"]), "OK");
    redis.is_full(true);
    assert!(
        redis
            .asked(&["SET", "b", "1"])
            .contains("OOM command not allowed")
    );
    assert_eq!(redis.asked(&["GET", "a"]), "1");
    redis.is_full(false);
    assert_eq!(redis.asked(&["SET", "b", "1"]), "OK");
    assert!(redis.info("total_commands_processed") > 3);
    redis.dies();
    assert!(redis.asked(&["PING"]).is_empty());
    redis.starts_again().await;
    assert_eq!(redis.asked(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_redis_and_a_process_can_be_stopped_and_go_on() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let proxy = Proxy::to(&[redis.address]).await;
    let mut connection = TcpStream::connect(proxy.address).await.unwrap();
    redis.stalls();
    let goes_on = async { redis.goes_on() };
    let (answer, ()) = tokio::join!(pings(&mut connection), goes_on);
    answer.unwrap();
    proxy.stalls();
    let passes = async {
        proxy.has_caught(Way::There).await;
        proxy.passes();
    };
    let (answer, ()) = tokio::join!(pings(&mut connection), passes);
    answer.unwrap();
    let carrier = Program::carrier().await;
    carrier.gets("STOP");
    carrier.gets("CONT");
    let http = tablecall::http_client().unwrap();
    within("it has done something", async {
        while carrier.busy().is_zero() {
            let answer =
                Answer::of(http.get(format!("{}/simulator/api/calls", carrier.origin))).await;
            assert_eq!(answer.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn three_of_them_make_a_cluster() {
    needs!("redis-server", "redis-cli");
    let nodes = RedisServer::cluster().await;
    let answers: Vec<String> = nodes
        .iter()
        .map(|node| node.asked(&["SET", "a", "1"]))
        .collect();
    assert_eq!(
        answers.iter().filter(|answer| *answer == "OK").count(),
        1,
        "{answers:?}"
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.contains("MOVED"))
            .count(),
        2,
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_replica_takes_the_place_of_the_one_it_follows() {
    needs!("redis-server", "redis-cli");
    let first = RedisServer::starts().await;
    assert_eq!(first.asked(&["SET", "a", "1"]), "OK");
    let second = RedisServer::follows(&first).await;
    let proxy = Proxy::to(&[first.address]).await;
    drop(first);
    second.leads();
    proxy.leads_to(&[second.address]);
    pings(&mut TcpStream::connect(proxy.address).await.unwrap())
        .await
        .unwrap();
    assert_eq!(second.asked(&["GET", "a"]), "1");
    eventually("it can be written to", || {
        second.asked(&["SET", "b", "1"]) == "OK"
    })
    .await;
}

/// Sends a ping and reads a pong.
async fn pings(connection: &mut TcpStream) -> std::io::Result<()> {
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"+PONG\r\n");
    Ok(())
}

#[tokio::test]
async fn a_proxy_passes_holds_slows_and_cuts() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let proxy = Proxy::to(&[redis.address]).await;
    let mut connection = TcpStream::connect(proxy.address).await.unwrap();
    pings(&mut connection).await.unwrap();
    proxy.lets(Way::Back, Gate::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    pings(&mut connection).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100));
    for way in [Way::There, Way::Back] {
        proxy.passes();
        proxy.lets(way, Gate::Hold);
        let held = async {
            proxy.has_caught(way).await;
            proxy.passes();
        };
        let (answer, ()) = tokio::join!(pings(&mut connection), held);
        answer.unwrap();
    }
    proxy.cuts();
    assert!(within("it is cut", pings(&mut connection)).await.is_err());
    let mut connection = TcpStream::connect(proxy.address).await.unwrap();
    assert!(
        within("it is not taken", pings(&mut connection))
            .await
            .is_err()
    );
    proxy.passes();
    let mut connection = TcpStream::connect(proxy.address).await.unwrap();
    pings(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_trap_is_sprung_by_its_bytes_before_or_after_they_are_processed() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    for (way, processed) in [(Way::There, ""), (Way::Back, "1")] {
        let proxy = Proxy::to(&[redis.address]).await;
        let mut connection = TcpStream::connect(proxy.address).await.unwrap();
        proxy.traps("SET key", way);
        pings(&mut connection).await.unwrap();
        assert!(proxy.is_set());
        connection.write_all(b"SET k").await.unwrap();
        connection.write_all(b"ey 1\r\n").await.unwrap();
        proxy.has_caught(way).await;
        assert!(!proxy.is_set());
        assert_eq!(redis.asked(&["GET", "key"]), processed);
        drop(proxy);
        assert_eq!(
            redis.asked(&["DEL", "key"]),
            processed.parse::<u8>().unwrap_or(0).to_string()
        );
    }
}
