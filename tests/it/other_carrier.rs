//! A server that plays Twilio and is not: it names calls in another way. Nothing more is dialled
//! through it, and staff who pick up meanwhile are asked all the same.

use serde_json::json;
use tablecall::config::RawConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::answer::Answer;
use crate::app::{SECRET, TestApp, table, table_at, within};
use crate::webhook::Webhook;

const NAME: &str = "0192f3c1-7c3e-7bb0-a1de-1f0f0f0f0f0f";

/// Answers lists with nothing and each create with a call that has another name than Twilio's; the
/// forms of the creates.
async fn carrier() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&request).into_owned();
                    if let Some((head, form)) = text.split_once("\r\n\r\n") {
                        let length = head
                            .lines()
                            .find_map(|line| line.strip_prefix("content-length: "))
                            .map_or(0, |length| length.parse().unwrap());
                        if form.len() >= length {
                            let body = if head.starts_with("POST") {
                                tell.send(form.to_owned()).unwrap();
                                json!({"sid": NAME, "status": "queued"}).to_string()
                            } else {
                                json!({"calls": []}).to_string()
                            };
                            let head = format!(
                                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                                body.len()
                            );
                            stream.write_all((head + &body).as_bytes()).await.unwrap();
                            return;
                        }
                    }
                    if stream.read_buf(&mut request).await.unwrap() == 0 {
                        return;
                    }
                }
            });
        }
    });
    (origin, told)
}

#[tokio::test]
async fn what_is_not_twilio_is_dialled_through_once_and_its_line_is_asked_the_question() {
    let (origin, mut creates) = carrier().await;
    let given = TestApp::with_account(&origin, RawConfig::default());
    let given = given.with(|it| it.carrier.twilio_api_url = Some(origin));
    let clock = clock::Clock::simulated("2026-12-01T20:00:00Z".parse().unwrap());
    let mut app = TestApp::at(given, clock).await;
    app.key = Some(SECRET);
    let answer = app.tries(table()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let form = within("a create", creates.recv()).await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let url = &form.iter().find(|(name, _)| name == "Url").unwrap().1;
    let ready = within("it is not ready", async {
        loop {
            let ready = app.send(app.get("/readyz")).await;
            if ready.status == 503 {
                return ready;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(
        ready.text.contains("no SID of Twilio's shape") && ready.text.contains("TWILIO_API_URL"),
        "{}",
        ready.text
    );
    let other = app.tries(table_at("+14155552672")).await;
    assert_eq!(
        (other.status, &other.body["waiting_for"]),
        (202, &json!("carrier")),
        "{}",
        other.text
    );
    // The fragment says how Twilio connects, and is not signed.
    let url = url.split('#').next().unwrap().to_owned();
    let account = format!("AC{}", "0".repeat(32));
    let params = [
        ("CallSid", NAME),
        ("AccountSid", account.as_str()),
        ("CallStatus", "in-progress"),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let picked_up = Webhook {
        url,
        params: params.into(),
    };
    let heard = picked_up.sent(&app).await;
    assert_eq!(heard.status, 200);
    assert!(
        heard.text.contains("<Gather") && heard.text.contains("Ana"),
        "{}",
        heard.text
    );
    let unsigned = Answer::of(picked_up.unsigned(&app)).await;
    assert_eq!(unsigned.status, 403);
    assert!(creates.try_recv().is_err(), "only one was dialled");
    app.stops().await;
}
