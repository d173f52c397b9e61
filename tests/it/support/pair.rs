//! A service and its carrier as child processes, and the requests of a client to them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::within;
use crate::process::{Program, SECRET, free_address};

/// A table at a number, a week ahead.
pub(crate) fn next_week(phone: &str) -> Value {
    let time = clock::Clock::system()
        .now()
        .strftime("%Y-%m-%dT19:30")
        .to_string();
    let time = time
        .parse::<jiff::civil::DateTime>()
        .unwrap()
        .saturating_add(jiff::Span::new().days(7));
    let time = time.strftime("%Y-%m-%dT%H:%M").to_string();
    json!({"name": "Ana Quetzalcoatl", "phone": phone, "time": time, "party_size": 4})
}

/// A carrier and a service that can be killed and started again.
pub(crate) struct Pair {
    pub(crate) carrier: Program,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    /// Further settings of the service.
    pub(crate) further: Vec<(&'static str, String)>,
}

impl Pair {
    pub(crate) async fn new() -> Self {
        Self::at(free_address()).await
    }

    /// The same where requests go to this address.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let carrier = Program::carrier().await;
        let http = tablecall::http_client().unwrap();
        Self {
            carrier,
            address,
            http,
            further: Vec::new(),
        }
    }

    /// The service starts, for the first time or again.
    pub(crate) async fn starts(&self) -> Program {
        Program::service(&self.carrier, self.address, &self.further).await
    }

    /// A table at a number, a week ahead: it is taken on.
    pub(crate) async fn asks(&self, phone: &str) -> String {
        let answer = self.tries_a_table(phone).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The same, whatever comes of it.
    pub(crate) async fn tries_a_table(&self, phone: &str) -> Answer {
        self.tries_for(phone, 4).await
    }

    /// The same for so many people.
    pub(crate) async fn tries_for(&self, phone: &str, people: u32) -> Answer {
        Answer::of(self.sends(phone, people)).await
    }

    /// The request itself.
    pub(crate) fn sends(&self, phone: &str, people: u32) -> reqwest::RequestBuilder {
        let mut table = next_week(phone);
        table["party_size"] = people.into();
        self.http
            .post(format!("http://{}/api/call", self.address))
            .bearer_auth(SECRET)
            .json(&table)
    }

    /// A call, as its client reads it.
    pub(crate) async fn reads(&self, id: &str) -> Answer {
        let url = format!("http://{}/api/call/{id}", self.address);
        Answer::of(self.http.get(url).bearer_auth(SECRET)).await
    }

    /// Follows a call until it is as wanted.
    pub(crate) async fn until(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let url = format!("http://{}/api/call/{id}/events", self.address);
        within(what, async {
            let mut response = self.http.get(url).bearer_auth(SECRET).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let mut text = String::new();
            while let Some(chunk) = response.chunk().await.unwrap() {
                text.push_str(std::str::from_utf8(&chunk).unwrap());
                let events = text
                    .split_inclusive("\n\n")
                    .filter(|block| block.ends_with("\n\n"));
                let data = events
                    .filter_map(|block| block.lines().find_map(|line| line.strip_prefix("data:")));
                let calls = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
                if let Some(call) = calls.into_iter().find(|call| wanted(call)) {
                    return call;
                }
            }
            panic!("{what}: it ended otherwise: {text}")
        })
        .await
    }

    /// The carrier's control API.
    pub(crate) async fn simulator(&self, path: &str) -> Value {
        Answer::of(
            self.http
                .get(format!("{}/simulator/api/{path}", self.carrier.origin)),
        )
        .await
        .body
    }

    /// Waits until the only line of the carrier is as wanted.
    pub(crate) async fn line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        within(what, async {
            let mut state = self.simulator("state").await;
            while !wanted(&state["calls"][0]) {
                let path = format!("state?after={}&wait=60", state["version"]);
                let next = self.simulator(&path).await;
                assert_ne!(
                    next["version"], state["version"],
                    "{what}: never seen: {next:#}"
                );
                state = next;
            }
            state["calls"][0].clone()
        })
        .await
    }

    /// A hand at the only phone.
    pub(crate) async fn acts(&self, deed: &str, body: Value) {
        let line = self.simulator("state").await["calls"][0].clone();
        let sid = line["sid"].as_str().unwrap();
        let url = format!("{}/simulator/api/calls/{sid}/{deed}", self.carrier.origin);
        let answer = Answer::of(self.http.post(url).json(&body)).await;
        assert_eq!(answer.status, 200, "{deed}: {}", answer.text);
    }

    /// Waits until something with `part` is being said.
    pub(crate) async fn hears(&self, part: &str) {
        let says = |line: &Value| {
            line["saying"]["text"]
                .as_str()
                .is_some_and(|text| text.contains(part))
        };
        self.line(part, says).await;
    }

    /// Presses keys, all at once.
    pub(crate) async fn presses(&self, digits: &str) {
        self.acts("press", json!({"digits": digits})).await;
    }

    /// Presses keys, and waits until something with `part` is being said.
    pub(crate) async fn presses_and_hears(&self, digits: &str, part: &str) {
        self.presses(digits).await;
        self.hears(part).await;
    }

    pub(crate) async fn hangs_up(&self) {
        self.acts("hangup", Value::Null).await;
    }

    /// Key 2, which counts at any time, is pressed and understood, and staff hang up.
    pub(crate) async fn declines(&self) {
        self.presses_and_hears("2", "Declined: no table").await;
        self.hangs_up().await;
    }

    /// Hears the document to its end, until a key is waited for.
    pub(crate) async fn listens(&self) {
        self.line("waits for a key", |line| {
            line["gather"]["listening"] == true
        })
        .await;
    }

    /// The phone rings and is picked up, and the question is asked.
    pub(crate) async fn answers(&self) {
        self.line("rings", |line| line["status"] == "ringing").await;
        self.acts("answer", Value::Null).await;
        self.hears("To accept, press 1").await;
    }
}
