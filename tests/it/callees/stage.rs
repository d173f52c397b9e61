//! Lets some callees be rung at once by one app, each by its own number, and has them judged.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tablecall::config::RawConfig;
use twilio_simulator::Fault;

use super::callee::Callee;
use super::judge::{self, Case};
use super::report::Report;
use crate::answer::Answer;
use crate::app::TestApp;

/// Callees of one app.
pub(super) const CALLEES: u64 = 334;
/// The clock leaps at least so far. Keys that follow each other within a second and a half are a
/// row, with a quarter of a second to spare.
const LEAP: Duration = Duration::from_millis(200);
/// Time at which callees that were rung in vain ring back: seconds after they were asked for.
const RING_BACK: i64 = 60;
/// No call may take longer than this to come to an end.
const LONGEST_HOURS: i64 = 4;

/// Plays the callees with these seeds.
pub(super) async fn play(seeds: std::ops::Range<u64>) -> Report {
    let mut report = Report::default();
    for speech in [true, false] {
        let seeds = seeds.clone().filter(|seed| counts_words(*seed) == speech);
        let callees: Vec<Callee> = seeds.map(|seed| Callee::new(seed, speech)).collect();
        if !callees.is_empty() {
            report.add(Stage::of(callees, speech).await.play().await);
        }
    }
    report
}

/// Returns whether words count beside keys on the stage of this callee. They mostly do, because
/// more can be misunderstood then.
const fn counts_words(seed: u64) -> bool {
    !(seed / CALLEES).is_multiple_of(3)
}

struct Stage {
    app: TestApp,
    callees: Vec<Callee>,
    /// Answers of the API: the call's id, or the status of the refusal.
    asked: Vec<Result<String, u16>>,
    begun: Timestamp,
}

impl Stage {
    async fn of(callees: Vec<Callee>, speech: bool) -> Self {
        let mode = if speech { "on" } else { "off" };
        let mut app = TestApp::with(RawConfig::default().with(|it| {
            it.calls.twilio_speech = Some(mode.to_owned());
            it.carrier.twilio_cps = Some("0".to_owned());
        }))
        .await;
        app.loses_callbacks = true;
        let begun = app.now();
        Self {
            app,
            callees,
            asked: Vec::new(),
            begun,
        }
    }

    async fn play(mut self) -> Report {
        self.prepare().await;
        // A carrier that refuses the account is not asked any more, so they are rung last.
        let is_last = |callee: &Callee| callee.fault.fault == Some(Fault::RestError);
        self.callees.sort_by_key(is_last);
        for callee in &self.callees {
            let answer = self.app.tries(callee.request.clone()).await;
            self.asked.push(match answer.status {
                202 => Ok(answer.body["id"].as_str().unwrap().to_owned()),
                502 | 503 => Err(answer.status),
                _ => panic!("{}: {}", callee.seed, answer.text),
            });
        }
        self.live().await;
        self.judge().await
    }

    /// Says how the numbers behave, and what goes wrong on their lines.
    async fn prepare(&self) {
        let mut faults = json!({});
        for callee in &self.callees {
            self.app
                .behaves(&callee.number, callee.behaviour.clone())
                .await;
            if callee.fault.fault.is_some() {
                let list = &mut faults[callee.fault.name()];
                if list.is_null() {
                    *list = json!([]);
                }
                list.as_array_mut()
                    .unwrap()
                    .push(callee.fault.switch.clone());
            }
        }
        self.app.goes_wrong(faults).await;
    }

    /// Lets time pass until every call has ended.
    async fn live(&self) {
        let (mut rung_back, mut steps) = (false, 0_u32);
        let mut seen = Value::Null;
        loop {
            self.app.time_leaps(&mut seen, LEAP).await;
            steps += 1;
            let lived = self.app.now().duration_since(self.begun);
            if !rung_back && lived.as_secs() >= RING_BACK {
                rung_back = true;
                self.ring_back().await;
            }
            if rung_back && steps.is_multiple_of(100) && self.app.open_calls().await == 0 {
                return;
            }
            assert!(
                lived.as_hours() < LONGEST_HOURS,
                "calls of seeds {:?} never end",
                self.callees.iter().map(|it| it.seed).collect::<Vec<_>>()
            );
        }
    }

    async fn ring_back(&self) {
        for callee in &self.callees {
            let Some(behaviour) = &callee.rings_back else {
                continue;
            };
            self.app.behaves(&callee.number, behaviour.clone()).await;
            let body = json!({"from": callee.number, "to": "+15005550006",
                "url": format!("{}/twiml/inbound", self.app.origin), "stir_verstat": "TN-Validation-Passed-A"});
            let request = self.app.post("/simulator/api/inbound").json(&body);
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }

    async fn judge(self) -> Report {
        self.app.goes_wrong(json!({})).await;
        let phones = self.app.simulator("calls?limit=1000").await;
        let mut phones = phones["calls"].as_array().unwrap().clone();
        for line in self.app.ledger().await {
            let same = phones.iter_mut().find(|phone| phone["sid"] == line["sid"]);
            if let Some(phone) = same {
                phone["webhooks"] = line["webhooks"].clone();
            }
        }
        let mut report = Report::default();
        for (callee, asked) in self.callees.iter().zip(&self.asked) {
            let call = match asked {
                Ok(id) => Some(
                    self.app
                        .send(self.app.get(&format!("/api/call/{id}")))
                        .await
                        .body,
                ),
                Err(_) => None,
            };
            let outcome = call
                .as_ref()
                .map_or("refused", |call| call["outcome"].as_str().unwrap());
            let fault = callee.fault.name();
            report.count(callee.kind, &fault, callee.language, outcome);
            let is_theirs = |line: &&Value| {
                line["to"] == callee.number.as_str() || line["from"] == callee.number.as_str()
            };
            let lines = phones.iter().filter(is_theirs).collect();
            let case = Case {
                callee,
                call: call.as_ref(),
                lines,
            };
            if let Err(why) = judge::judge(&case) {
                report.failures.push(why);
            }
        }
        self.app.stops().await;
        report
    }
}
