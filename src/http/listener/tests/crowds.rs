//! Many connections at once.

use super::*;

#[tokio::test]
async fn a_peer_with_too_many_connections_is_closed_at_once_and_gets_its_place_back() {
    let limits = ConnectionLimits {
        connections_per_peer: 1,
        unlimited_peers: vec![],
        ..patient()
    };
    let server = Server::start(limits, PATIENCE).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "/a 0").await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    drop(first);
    let begun = Instant::now();
    while server.sends_leniently(GET_CLOSE).await.is_none() {
        assert!(begun.elapsed() < PATIENCE, "the place is never given back");
    }
}

#[tokio::test]
async fn while_the_system_refuses_connections_they_are_asked_for_ever_more_rarely() {
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let (mut tries, begun) = (0, Instant::now());
    let accepted = accept(|| {
        tries += 1;
        let failed = match tries {
            1..=4 => Some(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES)),
            5 => Some(io::Error::from(io::ErrorKind::ConnectionAborted)),
            _ => None,
        };
        async move { failed.map_or(Ok("a connection"), Err) }
    });
    assert_eq!(timeout(PATIENCE, accepted).await.unwrap(), "a connection");
    assert_eq!(tries, 6);
    assert!(
        begun.elapsed() >= Duration::from_millis(5) * (1 + 2 + 4 + 8),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn connections_leave_files_for_the_process_itself() {
    let of = |files| ConnectionLimits::default().within(files).connections;
    assert_eq!(
        (of(1_024), of(300), of(64), of(u64::MAX)),
        (768, 150, 32, 4_096)
    );
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_room() {
    let server = Server::with(|limits| limits.connections = 1).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "/a 0").await;
    let mut second = server.connect().await;
    second.write_all(GET_CLOSE).await.unwrap();
    assert!(
        timeout(SHORT, second.read_u8()).await.is_err(),
        "it is not answered while the first is open"
    );
    drop(first);
    assert!(rest(&mut second).await.ends_with("/a 0"));
}

#[tokio::test]
async fn a_crowd_that_only_half_speaks_keeps_nobody_waiting() {
    let server = Server::with(|_| {}).await;
    let mut crowd = Vec::new();
    for begun in [
        b"".as_slice(),
        b"P",
        b"GET /a HTTP/1.1\r\nHo",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    ] {
        for _ in 0..50 {
            let mut stream = server.connect().await;
            stream.write_all(begun).await.unwrap();
            crowd.push(stream);
        }
    }
    assert!(server.sends(GET_CLOSE).await.ends_with("/a 0"));
}
