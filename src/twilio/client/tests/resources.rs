//! Resources beside calls: lists, events, the account and its numbers.

use super::*;

#[tokio::test]
async fn pages_are_followed_as_they_are_given() {
    let next =
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=2&Page=1&PageToken=PACA%2Fx");
    let first = format!(
        r#"{{"calls":[{}],"next_page_uri":"{next}","page":0}}"#,
        created()
    );
    let last = r#"{"calls":[],"next_page_uri":null}"#;
    let (origin, served) = serve(vec![
        answer("200 OK", "", &first),
        answer("200 OK", "", last),
    ])
    .await;
    let client = client_at(&format!("{origin}/simulator/"), DEFAULT_TIMEOUT);
    let page = client
        .list(&ListQuery {
            page_size: Some(2),
            ..ListQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(
        (page.calls.len(), page.next_page_uri.as_deref()),
        (1, Some(next.as_str()))
    );
    assert_eq!(
        client.list_next(&next).await.unwrap(),
        CallPage {
            calls: vec![],
            next_page_uri: None
        }
    );
    let lines: Vec<String> = served
        .await
        .unwrap()
        .iter()
        .map(|all| all.lines().next().unwrap().to_owned())
        .collect();
    let root = format!("GET /simulator/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let second = format!("{root}?PageSize=2&Page=1&PageToken=PACA%2Fx HTTP/1.1");
    assert_eq!(lines, [format!("{root}?PageSize=2 HTTP/1.1"), second]);
}

#[tokio::test]
async fn credentials_are_not_taken_to_other_places() {
    let client = client_at("http://127.0.0.1:9/simulator", DEFAULT_TIMEOUT);
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    for uri in [
        format!("//evil.example{calls}"),
        format!("http://evil.example{calls}"),
        format!("/\\evil.example{calls}"),
        format!("{calls}/../Other.json"),
        "/2010-04-01/Accounts/ACffffffffffffffffffffffffffffffff/Calls.json".to_owned(),
        "/elsewhere".to_owned(),
        String::new(),
    ] {
        let error = client.list_next(&uri).await.unwrap_err();
        assert!(
            matches!(
                error,
                TwilioError::Unanswered {
                    why: UnansweredCause::ForeignPage
                }
            ),
            "{uri}: {error:?}"
        );
        let words = error.to_string();
        assert!(words.contains("continues at an address"), "{words}");
    }
}

#[tokio::test]
async fn events_of_all_pages_are_read() {
    let next = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}/Events.json?Page=1");
    let event = r#"{"request":{"method":"POST","url":"https://a.example/g","parameters":{"digits":"1","n":2,"z":null}},
        "response":{"response_code":200,"date_created":"Mon, 13 Sep 2021 20:00:00 +0000"}}"#;
    let first = format!(r#"{{"events":[{event}],"next_page_uri":"{next}"}}"#);
    let last = r#"{"events":[{"request":null}]}"#;
    let (origin, served) = serve(vec![
        answer("200 OK", "", &first),
        answer("200 OK", "", last),
    ])
    .await;
    let events = client_at(&origin, DEFAULT_TIMEOUT)
        .events(CALL.parse().unwrap())
        .await
        .unwrap();
    served.await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (events[0].parameter("digits"), events[0].parameter("z")),
        (Some("1"), None)
    );
    assert_eq!(
        (events[0].response_code, events[0].method.as_deref()),
        (Some(200), Some("POST"))
    );
    assert_eq!(
        events[0].response_date,
        Some("2021-09-13T20:00:00Z".parse().unwrap())
    );
    assert_eq!(
        (events[1].parameters.len(), events[1].response_code),
        (0, None)
    );
}

#[tokio::test]
async fn the_accounts_standing_and_balance_are_read() {
    let account = format!(r#"{{"sid":"{ACCOUNT}","status":"active","type":"Trial"}}"#);
    let balance = format!(r#"{{"account_sid":"{ACCOUNT}","balance":"-1.50","currency":"USD"}}"#);
    let (origin, served) = serve(vec![
        answer("200 OK", "", &account),
        answer("200 OK", "", &balance),
    ])
    .await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    let account = client.account().await.unwrap();
    assert!(account.is_active() && account.is_trial());
    assert_eq!(
        client.balance().await.unwrap().balance.as_deref(),
        Some("-1.50")
    );
    let requests = served.await.unwrap();
    assert!(requests[0].starts_with(&format!("GET /2010-04-01/Accounts/{ACCOUNT}.json ")));
    assert!(requests[1].starts_with(&format!("GET /2010-04-01/Accounts/{ACCOUNT}/Balance.json ")));
}

#[tokio::test]
async fn the_country_of_a_call_is_looked_up_at_another_host_of_twilios() {
    let allowed = answer(
        "200 OK",
        "",
        r#"{"iso_code":"GB","low_risk_numbers_enabled":true}"#,
    );
    let forbidden = answer(
        "200 OK",
        "",
        r#"{"iso_code":"LV","low_risk_numbers_enabled":false}"#,
    );
    let (origin, served) = serve(vec![allowed, forbidden]).await;
    let client = client_at("http://127.0.0.1:1", DEFAULT_TIMEOUT);
    assert!(
        client
            .may_call_country(&format!("{origin}/"), "GB")
            .await
            .unwrap()
    );
    assert!(!client.may_call_country(&origin, "LV").await.unwrap());
    let requests = served.await.unwrap();
    assert!(
        requests[0].starts_with("GET /v1/DialingPermissions/Countries/GB HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].contains("authorization: Basic "),
        "{}",
        requests[0]
    );
}

#[tokio::test]
async fn a_number_is_ours_or_verified_or_neither() {
    let number = |voice: bool| {
        let body = format!(
            r#"{{"incoming_phone_numbers":[{{"phone_number":"+14155550199","capabilities":{{"voice":{voice},"sms":true}}}}]}}"#
        );
        answer("200 OK", "", &body)
    };
    let none = answer("200 OK", "", r#"{"incoming_phone_numbers":[]}"#);
    let verified = answer(
        "200 OK",
        "",
        r#"{"outgoing_caller_ids":[{"phone_number":"+14155550199"}]}"#,
    );
    let (origin, served) = serve(vec![number(true), number(false), none, verified]).await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    assert!(
        client
            .own_number("+14155550199")
            .await
            .unwrap()
            .unwrap()
            .voice
    );
    assert!(
        !client
            .own_number("+14155550199")
            .await
            .unwrap()
            .unwrap()
            .voice
    );
    assert_eq!(client.own_number("+14155550199").await.unwrap(), None);
    assert!(client.is_verified_caller_id("+14155550199").await.unwrap());
    let requests = served.await.unwrap();
    assert!(
        requests[3].contains("/OutgoingCallerIds.json?PhoneNumber=%2B14155550199 "),
        "{}",
        requests[3]
    );
}

#[tokio::test]
async fn the_time_at_twilio_is_told_by_any_answer() {
    let date = "date: Tue, 01 Dec 2026 12:00:00 GMT\r\n";
    let (origin, served) = serve(vec![
        answer("401 Unauthorized", date, "{}"),
        answer("200 OK", "", "{}"),
    ])
    .await;
    let client = client_at(&origin, DEFAULT_TIMEOUT);
    assert_eq!(
        client.time().await.unwrap(),
        "2026-12-01T12:00:00Z".parse().ok()
    );
    assert_eq!(client.time().await.unwrap(), None);
    served.await.unwrap();
}
