//! Answers over HTTP/2, as its own library sees them: interim ones, their heads, and those that
//! nobody wants any more.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use poem::http::Method;

use super::*;

/// A connection of HTTP/2 to `address`.
async fn connected(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// The head of a request that waits for `100 Continue`, for a body of so many bytes.
fn expecting(length: usize) -> http::Request<()> {
    http::Request::post("http://x/a")
        .header("expect", "100-Continue")
        .header("content-length", length)
        .body(())
        .unwrap()
}

fn get(path: &str) -> http::Request<()> {
    http::Request::get(format!("http://x{path}"))
        .body(())
        .unwrap()
}

/// The status of the next interim answer; `None`: the final one has come.
async fn interim(answer: &mut ResponseFuture) -> Option<StatusCode> {
    let next = std::future::poll_fn(|cx| answer.poll_informational(cx));
    let next = timeout(PATIENCE, next).await.expect("an answer in time");
    next.map(|interim| interim.unwrap().status())
}

async fn whole(mut body: h2::RecvStream) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(part) = timeout(PATIENCE, body.data()).await.unwrap() {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        whole.extend(part);
    }
    whole
}

#[tokio::test]
async fn whoever_waits_to_send_a_body_is_told_to_once() {
    let server = Server::with(|_| {}).await;
    let mut client = connected(server.address).await;
    let (mut answer, mut body) = client.send_request(expecting(3), false).unwrap();
    assert_eq!(interim(&mut answer).await, Some(StatusCode::CONTINUE));
    body.send_data("ab".into(), false).unwrap();
    body.send_data("c".into(), true).unwrap();
    assert_eq!(interim(&mut answer).await, None);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(whole(answer.into_body()).await, b"/a 3");
}

#[tokio::test]
async fn a_request_that_its_head_refuses_is_not_asked_for_its_body() {
    let server = Server::with(|limits| limits.body_bytes = 4).await;
    let mut client = connected(server.address).await;
    let (mut answer, _body) = client.send_request(expecting(5), false).unwrap();
    assert_eq!(interim(&mut answer).await, None);
    assert_eq!(
        answer.await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_request_without_a_body_is_not_told_to_go_on() {
    let server = Server::with(|_| {}).await;
    let mut client = connected(server.address).await;
    let (mut answer, _body) = client.send_request(expecting(0), true).unwrap();
    assert_eq!(interim(&mut answer).await, None);
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_one() {
    let server = Server::with(|_| {}).await;
    let mut client = connected(server.address).await;
    let (mut answer, mut body): (_, SendStream<Bytes>) =
        client.send_request(expecting(3), false).unwrap();
    assert_eq!(interim(&mut answer).await, Some(StatusCode::CONTINUE));
    body.send_data("ab".into(), true).unwrap();
    let refused = timeout(PATIENCE, answer).await.unwrap().unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::PROTOCOL_ERROR));
}

/// An endpoint with bodies of several sizes; dropping an endless one is told.
async fn sizes(ended: &Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told = Arc::clone(ended);
    let endpoint = endpoint::make_sync(move |request| {
        let response = Response::builder();
        match request.uri().path() {
            "/nothing" => response
                .status(StatusCode::NO_CONTENT)
                .body("not to be sent"),
            "/large" => response.body(vec![b'x'; 1_000_000]),
            "/endless" => {
                let tell = Tell(Arc::clone(&told));
                let parts = futures_util::stream::repeat_with(move || {
                    let _kept = &tell;
                    Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 4_096]))
                });
                response.body(poem::Body::from_bytes_stream(parts))
            }
            "/broken" => {
                response.body(poem::Body::from_bytes_stream(futures_util::stream::iter([
                    Ok(Bytes::from_static(b"x")),
                    Err(io::Error::other("gone")),
                ])))
            }
            _ => response.header("keep-alive", "5").body("abc"),
        }
    });
    tokio::spawn(serve(
        listener,
        patient(),
        endpoint,
        CancellationToken::new(),
        PATIENCE,
    ));
    address
}

#[tokio::test]
async fn heads_are_those_of_http_2_and_bodies_only_where_they_may_be() {
    let address = sizes(&Arc::default()).await;
    let mut client = connected(address).await;
    let plain = client.send_request(get("/"), true).unwrap().0;
    let plain = plain.await.unwrap();
    let date = plain.headers()["date"].to_str().unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
    assert_eq!(plain.headers()["content-length"], "3");
    assert!(!plain.headers().contains_key("keep-alive"));
    assert_eq!(whole(plain.into_body()).await, b"abc");

    let mut head = get("/");
    *head.method_mut() = Method::HEAD;
    let head = client.send_request(head, true).unwrap().0.await.unwrap();
    assert_eq!(head.headers()["content-length"], "3");
    assert!(head.body().is_end_stream());

    let nothing = client.send_request(get("/nothing"), true).unwrap().0;
    let nothing = nothing.await.unwrap();
    assert!(!nothing.headers().contains_key("content-length"));
    assert!(nothing.body().is_end_stream());

    let large = client.send_request(get("/large"), true).unwrap().0;
    let large = large.await.unwrap();
    assert_eq!(whole(large.into_body()).await, vec![b'x'; 1_000_000]);
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_is_dropped_and_the_connection_goes_on() {
    let ended = Arc::default();
    let address = sizes(&ended).await;
    let mut client = connected(address).await;
    let (endless, mut request) = client.send_request(get("/endless"), true).unwrap();
    let mut endless = endless.await.unwrap().into_body();
    assert!(endless.data().await.unwrap().is_ok());
    request.send_reset(Reason::CANCEL);
    timeout(PATIENCE, ended.notified())
        .await
        .expect("the body of the answer is dropped");
    let next = client.send_request(get("/"), true).unwrap().0;
    assert_eq!(next.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_end_as_a_whole_one() {
    let address = sizes(&Arc::default()).await;
    let mut client = connected(address).await;
    let broken = client.send_request(get("/broken"), true).unwrap().0;
    let error = match timeout(PATIENCE, broken).await.unwrap() {
        Ok(answer) => {
            let mut body = answer.into_body();
            loop {
                match timeout(PATIENCE, body.data()).await.unwrap() {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                    None => panic!("it ends as a whole one"),
                }
            }
        }
        Err(error) => error,
    };
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_request_that_is_taken_back_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (held, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told_held, told_ended) = (Arc::clone(&held), Arc::clone(&ended));
    let hanging = endpoint::make(move |_request| {
        let (held, tell) = (Arc::clone(&told_held), Tell(Arc::clone(&told_ended)));
        async move {
            let _kept = tell;
            held.notify_one();
            std::future::pending::<poem::Result<Response>>().await
        }
    });
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, patient(), hanging, stop, PATIENCE));
    let mut client = connected(address).await;
    let (_answer, mut request) = client.send_request(get("/"), true).unwrap();
    timeout(PATIENCE, held.notified()).await.unwrap();
    request.send_reset(Reason::CANCEL);
    timeout(PATIENCE, ended.notified())
        .await
        .expect("the request is dropped");
}
