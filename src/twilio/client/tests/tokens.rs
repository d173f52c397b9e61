//! Tokens of an OAuth client.

use super::*;

/// A client with an OAuth client of its own.
fn oauth_client_at(origin: &str) -> Client {
    let mut config = ClientConfig::new(
        ACCOUNT.parse().unwrap(),
        Credentials::oauth("OQ1", "geheim & so"),
    );
    config.api_url = origin.to_owned();
    Client::new(config).unwrap()
}

fn token(name: &str, life: u64) -> String {
    let body = format!(
        r#"{{"access_token":"{name}","id_token":null,"token_type":"Bearer","expires_in":{life}}}"#
    );
    answer("200 OK", "", &body)
}

/// The token or the path of each request.
fn asked(requests: &[String]) -> Vec<&str> {
    let each = requests.iter().map(|request| {
        let token = request
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "));
        token.unwrap_or_else(|| request.split(' ').nth(1).unwrap())
    });
    each.collect()
}

#[tokio::test]
async fn an_oauth_client_asks_for_one_token_and_uses_it_until_its_end() {
    let call_made = || answer("201 Created", "", &created());
    let (origin, served) = serve(vec![
        token("one", 1_438_315_200_000),
        call_made(),
        call_made(),
        token("two", 0),
        call_made(),
    ])
    .await;
    let client = oauth_client_at(&origin);
    client.create(&call(), None).await.unwrap();
    client.create(&call(), None).await.unwrap();
    let other = oauth_client_at(&origin);
    other.create(&call(), None).await.unwrap();
    let requests = served.await.unwrap();
    assert_eq!(
        asked(&requests),
        ["/v2/token", "one", "one", "/v2/token", "two"]
    );
    let (head, form) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v2/token HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=OQ1&client_secret=geheim+%26+so"
    );
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_before_the_request() {
    let (origin, served) = serve(vec![
        token("one", 0),
        answer("200 OK", "", &created()),
        token("two", 60),
        answer("200 OK", "", &created()),
    ])
    .await;
    let client = oauth_client_at(&origin);
    for _ in 0..2 {
        client.fetch(CALL.parse().unwrap()).await.unwrap();
    }
    let requests = served.await.unwrap();
    assert_eq!(asked(&requests), ["/v2/token", "one", "/v2/token", "two"]);
}

#[tokio::test]
async fn a_token_that_twilio_refuses_is_replaced_once() {
    let refused = || answer("401 Unauthorized", "", r#"{"code":20003,"message":""}"#);
    let (origin, served) = serve(vec![
        token("one", 3_600),
        refused(),
        token("two", 3_600),
        answer("201 Created", "", &created()),
    ])
    .await;
    oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap();
    assert_eq!(
        asked(&served.await.unwrap()),
        ["/v2/token", "one", "/v2/token", "two"]
    );
    let (origin, served) = serve(vec![
        token("one", 3_600),
        refused(),
        token("two", 3_600),
        refused(),
    ])
    .await;
    let error = oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap_err();
    assert_eq!(error.refusal().unwrap().code, Some(20_003));
    served.await.unwrap();
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_told() {
    let body = r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#;
    let (origin, served) = serve(vec![answer("401 Unauthorized", "", body)]).await;
    let error = oauth_client_at(&origin)
        .create(&call(), None)
        .await
        .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.token_error, Some("invalid_client"));
    assert_eq!(refusal.scope(), Scope::Account);
    assert!(refusal.advice().contains("TWILIO_OAUTH_CLIENT_ID"));
    served.await.unwrap();
    for broken in [
        answer("500 Internal Server Error", "", ""),
        answer("200 OK", "", "{}"),
    ] {
        let (origin, served) = serve(vec![broken]).await;
        let error = oauth_client_at(&origin)
            .create(&call(), None)
            .await
            .unwrap_err();
        assert!(matches!(error, TwilioError::NotSent(_)), "{error:?}");
        served.await.unwrap();
    }
}
