//! Requests when the process stops, or takes too long.

use super::*;

#[tokio::test]
async fn a_request_without_an_answer_in_time_is_given_up() {
    let server = Server::with(|limits| limits.request = SHORT).await;
    let answer = server
        .sends(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_a_stream_that_is_read_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let endless = endpoint::make_sync(move |_request| {
        let tell = Tell(Arc::clone(&told));
        let chunks = futures_util::stream::repeat_with(move || {
            let _kept = &tell;
            Ok::<_, io::Error>(bytes::Bytes::from_static(&[b'x'; 4_096]))
        });
        poem::Body::from_bytes_stream(chunks)
    });
    // So long that a machine with much else to do does not seem to take nothing.
    let limit = SHORT * 7;
    let limits = ConnectionLimits {
        request: limit,
        idle: limit,
        ..patient()
    };
    tokio::spawn(serve(
        listener,
        limits,
        endless,
        CancellationToken::new(),
        PATIENCE,
    ));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let begun = Instant::now();
    let mut buffer = [0; 4_096];
    while begun.elapsed() < limit * 2 {
        assert!(
            timeout(PATIENCE, stream.read(&mut buffer))
                .await
                .unwrap()
                .unwrap()
                > 0
        );
    }
    timeout(PATIENCE, ended.notified())
        .await
        .expect("the stream is dropped once nobody reads it");
}

#[tokio::test]
async fn stopping_finishes_the_request_in_progress_and_closes_the_rest() {
    let server = Server::with(|_| {}).await;
    let (mut silent, mut idle, mut busy) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    idle.write_all(GET).await.unwrap();
    until(&mut idle, "/a 0").await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, server.held.notified()).await.unwrap();
    server.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(!server.done.is_finished());
    server.release.notify_one();
    let answer = rest(&mut busy).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("/hold 0"),
        "{answer}"
    );
    timeout(PATIENCE, server.done)
        .await
        .expect("it ends with its last request")
        .unwrap();
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nothing is accepted any more"
    );
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_is_cut_off() {
    let server = Server::start(patient(), SHORT).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, server.held.notified()).await.unwrap();
    server.stop.cancel();
    timeout(PATIENCE, server.done)
        .await
        .expect("the grace is over")
        .unwrap();
    assert_eq!(rest(&mut busy).await, "");
}
