//! The result of a create after its answer, or without one.

use super::*;

#[tokio::test]
async fn a_refusal_keeps_twilios_code_and_says_what_to_do() {
    let body = r#"{"code":21215,"message":"Account not authorized to call +1","more_info":"x","status":400}"#;
    let error = create(answer("400 Bad Request", "", body))
        .await
        .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.code, refusal.class),
        (400, Some(21_215), Class::FixAccount)
    );
    assert_eq!(refusal.message, "Account not authorized to call +1");
    assert!(
        refusal.advice().contains("Geographic permissions"),
        "{}",
        refusal.advice()
    );
}

#[tokio::test]
async fn an_error_page_is_a_refusal_without_a_code() {
    let error = create(answer(
        "403 Forbidden",
        "content-type: text/html\r\n",
        "<html>no</html>",
    ))
    .await
    .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.code, refusal.message.as_str()),
        (403, None, "")
    );
}

#[tokio::test]
async fn only_answers_that_say_so_allow_another_try() {
    let error = create(answer(
        "429 Too Many Requests",
        "retry-after: 3\r\n",
        r#"{"code":20429}"#,
    ))
    .await
    .unwrap_err();
    let TwilioError::TryLater { retry_after, code } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (retry_after, code),
        (Some(Duration::from_secs(3)), Some(20_429))
    );
    let busy = create(answer("503 Service Unavailable", "", r#"{"code":20503}"#))
        .await
        .unwrap_err();
    assert!(
        matches!(
            busy,
            TwilioError::TryLater {
                retry_after: None,
                code: Some(20_503)
            }
        ),
        "{busy:?}"
    );
}

#[tokio::test]
async fn after_other_answers_the_call_may_exist() {
    for (answer, status) in [
        (answer("503 Service Unavailable", "", "<html>"), Some(503)),
        (
            answer("500 Internal Server Error", "", r#"{"code":20500}"#),
            Some(500),
        ),
        (
            answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""),
            Some(302),
        ),
        (answer("201 Created", "", "<html>"), None),
        (
            answer(
                "201 Created",
                "",
                &format!("{}{}", created(), " ".repeat(256 * 1024)),
            ),
            None,
        ),
    ] {
        let error = create(answer).await.unwrap_err();
        let TwilioError::Unanswered { why } = error else {
            panic!("{error:?}")
        };
        let found = if let UnansweredCause::Status(found) = why {
            Some(found)
        } else {
            None
        };
        assert_eq!(found, status, "{why:?}");
        assert!(
            found.is_some() || matches!(why, UnansweredCause::Unreadable),
            "{why:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_call_open() {
    let error = create(String::new()).await.unwrap_err();
    assert!(
        matches!(
            error,
            TwilioError::Unanswered {
                why: UnansweredCause::Broken(_)
            }
        ),
        "{error:?}"
    );
    let cut = "HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{".to_owned();
    let error = create(cut).await.unwrap_err();
    assert!(
        matches!(
            error,
            TwilioError::Unanswered {
                why: UnansweredCause::Broken(_)
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_create_on_a_kept_connection_that_breaks_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_request(&mut first).await;
        let kept = answer("201 Created", "", &created()).replace("connection: close\r\n", "");
        first.write_all(kept.as_bytes()).await.unwrap();
        read_request(&mut first).await;
        // Without an answer, as a proxy does whose time is over.
        drop(first);
        listener
    });
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    client.create(&call(), None).await.unwrap();
    let broken = client.create(&call(), None).await;
    assert!(
        matches!(
            broken,
            Err(TwilioError::Unanswered {
                why: UnansweredCause::Broken(_)
            })
        ),
        "{broken:?}"
    );
    let listener = served.await.unwrap();
    let again = std::pin::pin!(listener.accept()).now_or_never();
    assert!(again.is_none(), "nobody has connected once more");
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, TwilioError::NotSent(_)), "{error:?}");
    assert!(!format!("{error:?}").contains(ACCOUNT), "{error:?}");
}

#[tokio::test]
async fn a_failed_handshake_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, TwilioError::NotSent(_)), "{error:?}");
    served.await.unwrap();
}

#[tokio::test]
async fn silence_ends_at_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let error = client_at(&origin, Duration::from_millis(100))
        .create(&call(), None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            TwilioError::Unanswered {
                why: UnansweredCause::Timeout
            }
        ),
        "{error:?}"
    );
    drop(listener);
}

#[tokio::test]
async fn a_create_whose_time_is_over_when_the_connection_stands_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let at: jiff::Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
    let clock = clock::Clock::simulated(at);
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await.unwrap();
        request
    });
    clock.advance(Duration::from_millis(1));
    let error = client_at(&origin, DEFAULT_TIMEOUT)
        .create(&call(), Some(SendDeadline { clock, at }))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, TwilioError::Unanswered { .. }),
        "{error:?}"
    );
    assert!(heard.await.unwrap().is_empty(), "not a byte");
}
