//! A client that asks for calls, and Twilio's part in them: every webhook of a call that is
//! accepted at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;

use crate::carrier::{Carrier, Taken};
use crate::deployment::{Program, SECRET};
use crate::webhook::{sealed, signed};

/// The calls that go on at the same time.
const SIDE_BY_SIDE: usize = 32;
/// Four status callbacks, two documents, one verdict of machine detection.
pub(crate) const WEBHOOKS: usize = 7;

/// The client that asks.
pub(crate) struct Player {
    http: reqwest::Client,
    /// Of the next call.
    number: usize,
}

impl Player {
    pub(crate) fn new() -> Self {
        Self {
            http: tablecall::http_client().unwrap(),
            number: 0,
        }
    }

    /// Asks for so many calls, each at a number of its own, at one process after the other.
    pub(crate) async fn asks(
        &mut self,
        calls: usize,
        carrier: &Carrier,
        at: &[Program],
    ) -> Vec<Taken> {
        let numbers = self.number..self.number + calls;
        self.number += calls;
        let now = clock::Clock::system()
            .now()
            .to_zoned(jiff::tz::TimeZone::UTC);
        let time = now.date().saturating_add(jiff::Span::new().days(7));
        let ask = |number: usize| {
            let address = at[number % at.len()].address;
            let phone = format!("+1415{:07}", 2_000_000 + number);
            let body = json!({"name": "Ana García", "phone": phone, "time": format!("{time}T19:30"), "party_size": 4});
            let request = self
                .http
                .post(format!("http://{address}/api/call"))
                .bearer_auth(SECRET)
                .json(&body);
            async move {
                let answer = request.send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap());
                assert_eq!(status, 202, "{text}");
            }
        };
        stream::iter(numbers)
            .map(ask)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<Vec<()>>()
            .await;
        let taken = carrier.taken();
        assert_eq!(taken.len(), calls);
        taken
    }

    /// Plays all of their webhooks, each to the next process. How long that took.
    pub(crate) async fn plays(&self, calls: &[Taken], at: &[Program]) -> Duration {
        let begun = Instant::now();
        let play = |(number, call): (usize, &Taken)| {
            self.call(
                call.clone(),
                at.iter().map(|one| one.address).collect(),
                number,
            )
        };
        let calls: Vec<_> = calls.iter().enumerate().map(play).collect();
        stream::iter(calls)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<Vec<()>>()
            .await;
        begun.elapsed()
    }

    /// One call after the other.
    pub(crate) async fn plays_alone(&self, calls: &[Taken], at: &[Program]) {
        for call in calls {
            self.call(call.clone(), at.iter().map(|one| one.address).collect(), 0)
                .await;
        }
    }

    /// Plays their webhooks up to the talk at one process; where the keys are to go.
    pub(crate) async fn picks_up(&self, calls: &[Taken], at: SocketAddr) -> Vec<String> {
        let pick_up = |call: Taken| async move { self.begins(&call, &mut || at).await };
        stream::iter(calls.iter().cloned())
            .map(pick_up)
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    /// The rest of them.
    pub(crate) async fn ends(&self, calls: &[Taken], keys: Vec<String>, at: SocketAddr) {
        let end = |(call, keys): (Taken, String)| async move {
            self.decides(&call, &keys, &mut || at).await;
        };
        stream::iter(calls.iter().cloned().zip(keys))
            .map(end)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<Vec<()>>()
            .await;
    }

    async fn call(&self, call: Taken, at: Vec<SocketAddr>, first: usize) {
        let mut addresses = at.iter().cycle().skip(first % at.len());
        let mut next = || *addresses.next().unwrap();
        let keys = self.begins(&call, &mut next).await;
        self.decides(&call, &keys, &mut next).await;
    }

    /// It rings and is picked up; where the keys are to go.
    async fn begins(&self, call: &Taken, next: &mut impl FnMut() -> SocketAddr) -> String {
        self.tells(call, "initiated", 0, next()).await;
        self.tells(call, "ringing", 1, next()).await;
        let page = self
            .sends(next(), &call.answer, signed(&call.answer, &call.sid, None))
            .await;
        self.tells(call, "in-progress", 2, next()).await;
        action(&page)
    }

    /// A human presses 1 and hangs up.
    async fn decides(&self, call: &Taken, keys: &str, next: &mut impl FnMut() -> SocketAddr) {
        let params = vec![
            ("AccountSid", "AC00000000000000000000000000000000"),
            ("CallSid", &call.sid),
            ("AnsweredBy", "human"),
            ("MachineDetectionDuration", "2500"),
        ];
        self.sends(next(), &call.machine, sealed(&call.machine, params))
            .await;
        // Key 1 would be too early: the table was not heard yet.
        let page = self
            .sends(next(), keys, signed(keys, &call.sid, Some("2")))
            .await;
        assert!(page.contains("Declined"), "{page}");
        self.tells(call, "completed", 3, next()).await;
    }

    async fn tells(&self, call: &Taken, status: &str, sequence: u8, at: SocketAddr) {
        let sequence = sequence.to_string();
        let mut params = vec![
            ("ApiVersion", "2010-04-01"),
            ("AccountSid", "AC00000000000000000000000000000000"),
            ("CallSid", &call.sid),
            ("CallStatus", status),
            ("Called", "+14155552671"),
            ("Caller", "+15005550006"),
            ("CallbackSource", "call-progress-events"),
            ("Direction", "outbound-api"),
            ("From", "+15005550006"),
            ("SequenceNumber", &sequence),
            ("Timestamp", "Tue, 01 Dec 2026 20:00:00 +0000"),
            ("To", "+14155552671"),
        ];
        if status == "completed" {
            params.extend([
                ("CallDuration", "21"),
                ("Duration", "1"),
                ("SipResponseCode", "200"),
            ]);
        }
        self.sends(at, &call.status, sealed(&call.status, params))
            .await;
    }

    async fn sends(
        &self,
        at: SocketAddr,
        path: &str,
        (headers, body): (http::HeaderMap, String),
    ) -> String {
        let request = self
            .http
            .post(format!("http://{at}{path}"))
            .headers(headers)
            .body(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }
}

/// The URL to which a document sends the keys.
fn action(page: &str) -> String {
    let (_, rest) = page
        .split_once("action=\"")
        .unwrap_or_else(|| panic!("no Gather: {page}"));
    let url = rest.split('"').next().unwrap();
    let path = url
        .splitn(4, '/')
        .nth(3)
        .unwrap()
        .split('#')
        .next()
        .unwrap();
    format!("/{path}")
}
