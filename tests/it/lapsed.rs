//! Calls of a dead process after minutes: they are searched for, asked again, or dialled at their
//! time, by a process that shares the Redis. Time is simulated, and the same for all of them; Redis
//! is real.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, SECRET, TestApp, table, table_at, with, within};
use crate::call::{Asked, assert_ended};
use crate::instances::{CREATE, INDEX_KEY, RECORD, TICKET_KEY};
use crate::mortal::Mortal;
use crate::proxy::{Proxy, Way};
use crate::real_time::poll;
use crate::redis_server::RedisServer;

/// A Redis, a carrier, and a process that is about to die with a proxy between it and the carrier.
/// The survivor has its address: webhooks of the dead reach it.
pub(crate) struct Stage {
    pub(crate) redis: RedisServer,
    pub(crate) carrier: TestApp,
    /// The way of the one that dies to the carrier.
    between: Proxy,
    /// Its way to Redis.
    pub(crate) memory: Proxy,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let (redis, carrier) = (RedisServer::starts().await, TestApp::start().await);
        let between = Proxy::to(&[carrier.carrier["http://".len()..].parse().unwrap()]).await;
        let memory = Proxy::to(&[redis.address]).await;
        Self {
            redis,
            carrier,
            between,
            memory,
        }
    }

    fn given(&self) -> RawConfig {
        crate::events::telling().with(|it| {
            it.storage.redis_url = Some(format!("redis://{}", self.redis.address));
            it.storage.index_key = Some(INDEX_KEY.to_owned());
            it.storage.ticket_keys = Some(TICKET_KEY.to_owned());
        })
    }

    pub(crate) async fn mortal(&self) -> Mortal {
        let given = self.given().with(|it| {
            it.storage.redis_url = Some(format!("redis://{}", self.memory.address));
        });
        Mortal::with(
            &format!("http://{}", self.between.address),
            &self.carrier.clock,
            given,
        )
        .await
    }

    /// A process that lives.
    async fn process(&self, given: RawConfig) -> TestApp {
        let mut app = TestApp::beside(&self.carrier, given).await;
        app.key = Some(SECRET);
        app
    }

    /// The process dies, and another takes its address.
    pub(crate) async fn is_succeeded(&self, first: Mortal) -> TestApp {
        let origin = first.origin.clone();
        first.dies();
        self.survivor(&origin).await
    }

    /// A process at the address of a dead one.
    pub(crate) async fn survivor(&self, dead: &str) -> TestApp {
        let given = self.given().with(|it| {
            it.server.listen = Some(dead["http://".len()..].to_owned());
        });
        self.process(given).await
    }

    /// Asks at a process that will die, for the id of the call.
    pub(crate) async fn asks(&self, mortal: &Mortal, request: &Value) -> String {
        let request = self
            .carrier
            .http
            .post(format!("{}/api/call", mortal.origin))
            .bearer_auth(SECRET)
            .json(request);
        let answer = crate::answer::Answer::of(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Asks at a process that will not answer.
    fn asks_in_vain(&self, mortal: &Mortal, request: &Value) -> tokio::task::JoinHandle<()> {
        let request = self
            .carrier
            .http
            .post(format!("{}/api/call", mortal.origin))
            .bearer_auth(SECRET)
            .json(request);
        tokio::spawn(async move { drop(request.send().await) })
    }
}

/// The open call for this request, whose id no client received. A client that asks again receives
/// it.
async fn found<'a>(app: &'a TestApp, request: &Value) -> Asked<'a> {
    let again = app.tries(request.clone()).await;
    again.is_problem(409, "duplicate_call");
    Asked::new(app, crate::instances::id_in(&again.text))
}

/// Returns whether the carrier is being asked for a call right now. An intent lapses after five
/// seconds, so no time may pass.
fn is_asking(call: &Value) -> bool {
    let asking = |last: &Value| last["status"] == "asked" && last["ended_because"].is_null();
    call["attempts"]
        .as_array()
        .unwrap()
        .last()
        .is_some_and(asking)
}

/// Lets time pass until all of them are finished.
async fn are_finished(stage: &Stage, calls: &[Asked<'_>]) -> Vec<Value> {
    within("all are finished", async {
        loop {
            let mut states = Vec::new();
            for call in calls {
                let state = call.reads().await;
                states.push(if is_asking(&state) {
                    call.until(|call| !is_asking(call)).await
                } else {
                    state
                });
            }
            if states.iter().all(|state| state["final"] == true) {
                return states;
            }
            stage.carrier.time_passes().await;
        }
    })
    .await
}

#[tokio::test]
async fn an_intent_that_never_reached_the_carrier_is_searched_for_and_then_tried_again() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let first = stage.mortal().await;
    stage.between.traps(CREATE, Way::There);
    let client = stage.asks_in_vain(&first, &table());
    stage.between.has_caught(Way::There).await;
    let origin = first.origin.clone();
    first.dies();
    within("the client is left alone", client).await.unwrap();
    let asked_at = stage.carrier.now();
    let second = stage.survivor(&origin).await;
    let call = found(&second, &table()).await;
    let again = async {
        while call.reads().await["attempts"][1].is_null() {
            stage.carrier.time_passes().await;
        }
        call.until(|call| !is_asking(call)).await;
    };
    within("it is asked for again", again).await;
    let waited = stage.carrier.now().duration_since(asked_at);
    let mut phone = stage.carrier.phone(RESTAURANT).rings().await;
    assert!(
        waited.as_secs() >= 150,
        "ring time and two minutes first: {waited}"
    );
    phone.accepts().await;
    let done = call
        .comes_to_beside(&stage.carrier, |call| call["final"] == true)
        .await;
    assert_eq!(done["outcome"], "confirmed", "{done:#}");
    assert_eq!(stage.carrier.ledger().await.len(), 1, "it rang once");
    second.stops().await;
    stage.carrier.finish().await;
}

#[tokio::test]
async fn a_create_whose_asker_died_and_of_which_nothing_was_told_is_found_by_searching() {
    needs!("redis-server", "redis-cli");
    let mut stage = Stage::new().await;
    stage.carrier.loses_callbacks = true;
    stage.carrier.goes_wrong(json!({"drop_callback": {}})).await;
    let first = stage.mortal().await;
    stage.between.traps(CREATE, Way::Back);
    let request = with(table_at("+14155550104"), json!({"attempts": 1}));
    let client = stage.asks_in_vain(&first, &request);
    stage.between.has_caught(Way::Back).await;
    let origin = first.origin.clone();
    first.dies();
    within("the client is left alone", client).await.unwrap();
    let second = stage.survivor(&origin).await;
    let call = found(&second, &request).await;
    let searched = async {
        // No process waits for an answer to the create any more, so time has to pass.
        while call.reads().await["attempts"][0]["sid"].is_null() {
            stage.carrier.time_passes().await;
        }
    };
    within("it is found", searched).await;
    let done = call
        .comes_to_beside(&stage.carrier, |call| call["final"] == true)
        .await;
    assert_ended(&done, "no_answer", 1);
    assert_eq!(
        stage.carrier.creates().await.len(),
        1,
        "it was never asked for again"
    );
    second.stops().await;
    stage.carrier.stops().await;
}

#[tokio::test]
async fn a_key_whose_process_died_before_its_call_was_stored_is_free_again_in_a_moment() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let first = stage.mortal().await;
    let keyed = |origin: &str| {
        let request = stage
            .carrier
            .http
            .post(format!("{origin}/api/call"))
            .bearer_auth(SECRET);
        request.header("idempotency-key", "once").json(&table())
    };
    // What it rehearses at its connection looks like a record too.
    poll("it is ready", async || {
        let asked = stage.carrier.http.get(format!("{}/readyz", first.origin));
        let answer = asked.send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    stage.memory.traps(RECORD, Way::There);
    let client = tokio::spawn(keyed(&first.origin).send());
    stage.memory.has_caught(Way::There).await;
    let origin = first.origin.clone();
    first.dies();
    drop(within("the client is left alone", client).await.unwrap());
    let second = stage.survivor(&origin).await;
    let soon = second.send(keyed(&origin)).await;
    soon.is_problem(503, "unavailable");
    assert_eq!(soon.header("retry-after"), "5");
    stage
        .carrier
        .clock
        .advance(std::time::Duration::from_secs(16));
    let answers = futures_util::future::join_all([0; 3].map(|_| second.send(keyed(&origin)))).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.body["id"]),
            (202, &answers[0].body["id"]),
            "{}",
            answer.text
        );
    }
    assert_eq!(stage.carrier.creates().await.len(), 1);
    second.stops().await;
    stage.carrier.stops().await;
}

#[tokio::test]
async fn a_call_that_was_taken_back_stands_in_nobodys_way() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let given = stage.given().with(|it| {
        it.storage.redis_url = Some(format!("redis://{}", stage.memory.address));
    });
    let (slow, quick) = (
        stage.process(given).await,
        stage.process(stage.given()).await,
    );
    // The server knows the scripts after this.
    slow.asks(table_at("+14155550104")).await;
    stage.memory.traps(RECORD, Way::Back);
    slow.tries(table()).await.is_problem(503, "unavailable");
    stage.memory.passes();
    let taken_on = async {
        loop {
            let again = quick.tries(table()).await;
            if again.status == 202 {
                return;
            }
            again.is_problem(409, "duplicate_call");
            stage
                .carrier
                .clock
                .advance(std::time::Duration::from_secs(1));
        }
    };
    within("it is taken on", taken_on).await;
    slow.stops().await;
    quick.stops().await;
    stage.carrier.stops().await;
}

#[tokio::test]
async fn further_attempts_of_a_dead_process_are_made_by_another_at_their_time() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let first = stage.mortal().await;
    let id = stage.asks(&first, &table_at("+14155550103")).await;
    let second = stage.is_succeeded(first).await;
    let done = Asked::new(&second, id)
        .comes_to_beside(&stage.carrier, |call| call["final"] == true)
        .await;
    assert_ended(&done, "busy", 3);
    let starts: Vec<jiff::Timestamp> = done["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["started_at"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        starts
            .windows(2)
            .all(|pair| pair[1].duration_since(pair[0]).as_secs() >= 180),
        "{starts:?}"
    );
    assert_eq!(stage.carrier.ledger().await.len(), 3);
    second.stops().await;
    stage.carrier.stops().await;
}

#[tokio::test]
async fn each_further_attempt_is_made_by_one_of_two_processes() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let (first, second) = (
        stage.process(stage.given()).await,
        stage.process(stage.given()).await,
    );
    let phones: Vec<String> = (560..566)
        .map(|exchange| format!("+1415{exchange}0103"))
        .collect();
    let mut calls = Vec::new();
    for (number, phone) in phones.iter().enumerate() {
        let app = if number % 2 == 0 { &first } else { &second };
        calls.push(Asked::new(&second, app.asks(table_at(phone)).await.id));
    }
    for done in are_finished(&stage, &calls).await {
        assert_ended(&done, "busy", 3);
    }
    assert_eq!(stage.carrier.ledger().await.len(), phones.len() * 3);
    first.stops().await;
    second.stops().await;
    stage.carrier.stops().await;
}
