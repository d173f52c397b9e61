//! A call as its client sees it: read, followed, cancelled.

use reqwest::Response;
use serde_json::Value;

use crate::answer::Answer;
use crate::app::{TestApp, within};

/// A call that a client asked for.
pub(crate) struct Asked<'a> {
    app: &'a TestApp,
    pub(crate) id: String,
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub(crate) struct SentEvent {
    pub(crate) id: String,
    pub(crate) call: Value,
}

/// A call being followed.
pub(crate) struct Followed {
    response: Response,
    text: String,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(app: &'a TestApp, id: String) -> Self {
        Self { app, id }
    }

    pub(crate) async fn reads(&self) -> Value {
        let answer = Answer::of(self.app.get(&format!("/api/call/{}", self.id))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// The call waits for this until a moment, such as `2026-12-02T01:00:00.000Z`.
    pub(crate) async fn waits(&self, reason: &str, until: &str) -> Value {
        let call = self.reads().await;
        assert_eq!(
            [
                &call["status"],
                &call["waiting_for"],
                &call["next_attempt_at"]
            ],
            ["queued", reason, until],
            "{call:#}"
        );
        call
    }

    pub(crate) async fn cancels(&self) -> Answer {
        Answer::of(self.app.post(&format!("/api/call/{}/cancel", self.id))).await
    }

    /// The status a follower gets who has seen the final event.
    pub(crate) async fn has_nothing_after(&self, last_event_id: &str) -> u16 {
        self.events(Some(last_event_id)).await.status().as_u16()
    }

    async fn events(&self, last_event_id: Option<&str>) -> reqwest::Response {
        let mut request = self.app.get(&format!("/api/call/{}/events", self.id));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        within("a stream", request.send()).await.unwrap()
    }

    pub(crate) async fn follows(&self, last_event_id: Option<&str>) -> Followed {
        let response = self.events(last_event_id).await;
        Followed::of(response)
    }

    /// Waits, without letting time pass, until the call is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut events = self.follows(None).await;
        loop {
            match events.next().await {
                Some(event) if wanted(&event.call) => return event.call,
                Some(_) => {}
                None => panic!("it ended otherwise: {:#}", self.reads().await),
            }
        }
    }

    /// Lets time pass until the call is as wanted.
    pub(crate) async fn comes_to(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.comes_to_beside(self.app, wanted).await
    }

    /// The same where another app is the carrier.
    pub(crate) async fn comes_to_beside(
        &self,
        carrier: &TestApp,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let coming = async {
            loop {
                let call = self.reads().await;
                if wanted(&call) {
                    return call;
                }
                assert_eq!(call["final"], false, "it ended otherwise: {call:#}");
                let asked = |attempt: &Value| attempt["status"] == "asked";
                if call["attempts"]
                    .as_array()
                    .unwrap()
                    .last()
                    .is_some_and(asked)
                {
                    self.until(|call| {
                        !call["attempts"]
                            .as_array()
                            .unwrap()
                            .last()
                            .is_some_and(asked)
                    })
                    .await;
                } else {
                    carrier.time_passes().await;
                }
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(60), coming).await {
            Ok(call) => call,
            Err(_) => panic!("it never came to that: {:#}", self.reads().await),
        }
    }

    /// Lets time pass until the call is finished with this outcome after so many attempts.
    pub(crate) async fn ends_as(&self, outcome: &str, attempts: usize) -> Value {
        let call = self.comes_to(|call| call["final"] == true).await;
        assert_eq!(call["status"], "finished", "{call:#}");
        assert_ended(&call, outcome, attempts);
        assert!(
            call["waiting_for"].is_null() && call["next_attempt_at"].is_null(),
            "{call:#}"
        );
        call
    }
}

/// Checks how a call ended, and after so many attempts.
#[track_caller]
pub(crate) fn assert_ended(call: &Value, outcome: &str, attempts: usize) {
    assert_eq!(
        (&call["outcome"], call["attempts"].as_array().unwrap().len()),
        (&outcome.into(), attempts),
        "{call:#}"
    );
}

impl Followed {
    /// The stream that answers a request for one.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event; none when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<SentEvent> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = SentEvent::read(&block) {
                    return Some(event);
                }
                continue;
            }
            let chunk = within("an event", self.response.chunk())
                .await
                .expect("the stream does not break");
            self.text.push_str(std::str::from_utf8(&chunk?).unwrap());
        }
    }
}

impl SentEvent {
    /// Comments are no events.
    fn read(block: &str) -> Option<Self> {
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let data = field("data:")?;
        assert_eq!(field("event:"), Some("call"), "{block}");
        Some(Self {
            id: field("id:").unwrap().to_owned(),
            call: serde_json::from_str(data).unwrap(),
        })
    }
}
