//! Several real processes that share a Redis, a carrier and one public URL. Between each of them
//! and the others stand proxies of the test, so that one process can be cut off or held while the
//! others go on.

use std::net::SocketAddr;
use std::ops::Deref;

use clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::within;
use crate::call::{Followed, SentEvent};
use crate::pair::{Pair, next_week};
use crate::process::{Program, SECRET, free_address};
use crate::proxy::Proxy;
use crate::real_time::poll;
use crate::redis_server::RedisServer;

pub(crate) const TICKET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
pub(crate) const INDEX_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The bytes by which a request to make a call is known on its way to the carrier; a list has a
/// query there.
pub(crate) const CREATE: &str = "/Calls.json HTTP/1.1";

/// The bytes by which a request that saves or loads a call is known on its way to Redis.
pub(crate) const RECORD: &str = ":call:";

/// Everything that takes real time is over by then, or the test fails.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// One process, and what it needs to be started again at the same address.
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    /// Its way to Redis.
    pub(crate) redis: Proxy,
    /// Its way to the carrier.
    pub(crate) carrier: Proxy,
    program: Option<Program>,
}

/// The processes, and those they talk to. Requests of the [`Pair`] go to the public URL.
pub(crate) struct Instances {
    pair: Pair,
    pub(crate) redis: RedisServer,
    /// Address at which webhooks arrive.
    pub(crate) public: Proxy,
    members: Vec<Instance>,
    http: reqwest::Client,
    /// Of each process, beside those that make it an instance.
    settings: Vec<(&'static str, String)>,
}

impl Deref for Instances {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        &self.pair
    }
}

impl Instances {
    /// Starts `count` processes and waits until all are ready.
    pub(crate) async fn start(count: usize) -> Self {
        Self::with(count, &[]).await
    }

    /// The same with settings of their own.
    pub(crate) async fn with(count: usize, settings: &[(&'static str, &str)]) -> Self {
        let redis = RedisServer::starts().await;
        let public = Proxy::to(&[]).await;
        let pair = Pair::at(public.address).await;
        let http = tablecall::http_client().unwrap();
        let settings = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let mut all = Self {
            pair,
            redis,
            public,
            members: Vec::new(),
            http,
            settings,
        };
        for number in 0..count {
            let carrier = all.pair.carrier.origin["http://".len()..].parse().unwrap();
            let member = Instance {
                address: free_address(),
                redis: Proxy::to(&[all.redis.address]).await,
                carrier: Proxy::to(&[carrier]).await,
                program: None,
            };
            all.members.push(member);
            all.begins(number).await;
        }
        all.webhooks_go_to(&(0..count).collect::<Vec<_>>());
        for number in 0..count {
            all.is_ready(number).await;
        }
        all
    }

    /// Webhooks go to the first of these that runs.
    pub(crate) fn webhooks_go_to(&self, numbers: &[usize]) {
        self.public.leads_to(
            &numbers
                .iter()
                .map(|number| self.members[*number].address)
                .collect::<Vec<_>>(),
        );
    }

    /// A process with its proxies.
    pub(crate) fn at(&self, number: usize) -> &Instance {
        &self.members[number]
    }

    /// Runs a process, for the first time or again.
    pub(crate) async fn begins(&mut self, number: usize) {
        let member = &self.members[number];
        let public = format!("http://{}", self.public.address);
        let mut command = Program::serve(
            member.address,
            &public,
            &format!("http://{}", member.carrier.address),
        );
        command.envs([
            (
                "REDIS_URL",
                format!("redis://{}", member.redis.address).as_str(),
            ),
            ("TABLECALL_TICKET_KEYS", TICKET_KEY),
            ("TABLECALL_INDEX_KEY", INDEX_KEY),
            ("TABLECALL_LIMITS", "off"),
        ]);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let program = Program::started(command, member.address).await;
        self.members[number].program = Some(program);
    }

    /// From its next start on, processes have this setting.
    pub(crate) fn sets(&mut self, name: &'static str, value: String) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value));
    }

    /// A process that runs.
    pub(crate) fn program(&self, number: usize) -> &Program {
        self.members[number].program.as_ref().expect("it runs")
    }

    /// Ends a process as a power cut would. What it had logged.
    pub(crate) async fn dies(&mut self, number: usize) -> String {
        self.members[number]
            .program
            .take()
            .expect("it runs")
            .dies()
            .await
    }

    /// Asks a process to stop: its exit code and what it had logged.
    pub(crate) async fn stops(&mut self, number: usize) -> (Option<i32>, String) {
        self.members[number]
            .program
            .take()
            .expect("it runs")
            .stops_when_told()
            .await
    }

    /// A process that is to stop beside another.
    pub(crate) fn takes(&mut self, number: usize) -> Program {
        self.members[number].program.take().expect("it runs")
    }

    // The client's side

    /// A request to one process.
    pub(crate) fn request(
        &self,
        number: usize,
        method: reqwest::Method,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(
                method,
                format!("http://{}{path}", self.members[number].address),
            )
            .bearer_auth(SECRET)
    }

    pub(crate) async fn gets(&self, number: usize, path: &str) -> Answer {
        Answer::of(self.request(number, reqwest::Method::GET, path)).await
    }

    /// A table next week, asked for at one process, whatever comes of it.
    pub(crate) async fn tries_at(&self, number: usize, phone: &str) -> Answer {
        let request = self
            .request(number, reqwest::Method::POST, "/api/call")
            .json(&next_week(phone));
        Answer::of(request).await
    }

    /// A table next week, asked for at one process, which takes it on. A client that gets 503 asks
    /// again, because on a busy machine Redis can be late for once.
    pub(crate) async fn asks_at(&self, number: usize, phone: &str) -> String {
        let mut answer = self.tries_at(number, phone).await;
        if answer.status == 503 && !answer.header("retry-after").is_empty() {
            self.is_ready(number).await;
            answer = self.tries_at(number, phone).await;
        }
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The same from a client that does not wait for the answer: who is to give it may be gone
    /// first.
    pub(crate) fn asks_in_vain_at(
        &self,
        number: usize,
        phone: &str,
    ) -> tokio::task::JoinHandle<()> {
        let request = self
            .request(number, reqwest::Method::POST, "/api/call")
            .json(&next_week(phone));
        tokio::spawn(async move { drop(request.send().await) })
    }

    /// A request of the test's own, which one process takes on.
    pub(crate) async fn asks_for_at(&self, number: usize, request: &Value) -> String {
        let request = self
            .request(number, reqwest::Method::POST, "/api/call")
            .json(request);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// A table that is declined, asked for at one process, and not before these seconds are over.
    pub(crate) async fn asks_for_later_at(&self, number: usize, seconds: i64) -> String {
        let soon = Clock::system().now() + SignedDuration::from_secs(seconds);
        let mut request = next_week("+14155550102");
        request["not_before"] = json!(format!("{soon:.3}"));
        self.asks_for_at(number, &request).await
    }

    /// A call, as one process reports it.
    pub(crate) async fn reads_at(&self, number: usize, id: &str) -> Value {
        let answer = self.gets(number, &format!("/api/call/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// Follows a call at one process.
    pub(crate) async fn follows_at(
        &self,
        number: usize,
        id: &str,
        last_event_id: Option<&str>,
    ) -> Followed {
        let mut request = self.request(
            number,
            reqwest::Method::GET,
            &format!("/api/call/{id}/events"),
        );
        if let Some(last) = last_event_id {
            request = request.header("last-event-id", last);
        }
        let response = within("a stream", request.send()).await.unwrap();
        Followed::of(response)
    }

    /// Follows a call at one process until it is as wanted.
    pub(crate) async fn until_at(
        &self,
        number: usize,
        id: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut events = self.follows_at(number, id, None).await;
        let mut newest = Value::Null;
        let comes = async {
            while let Some(SentEvent { call, .. }) = events.next().await {
                newest = call;
                if wanted(&newest) {
                    return true;
                }
            }
            false
        };
        match tokio::time::timeout(PATIENCE, comes).await {
            Ok(true) => newest,
            Ok(false) => panic!("it ended otherwise: {:#}", self.reads_at(number, id).await),
            Err(_late) => panic!("it never came to that at process {number}: {newest:#}"),
        }
    }

    /// Waits until a process is ready.
    pub(crate) async fn is_ready(&self, number: usize) {
        self.readiness_is(number, 200).await;
    }

    /// Waits until a process says that it is not ready; what it says.
    pub(crate) async fn is_not_ready(&self, number: usize) -> Value {
        self.readiness_is(number, 503).await.body
    }

    async fn readiness_is(&self, number: usize, status: u16) -> Answer {
        let path = format!("http://{}/readyz", self.members[number].address);
        poll(&format!("/readyz answers {status}"), async || {
            let answer = Answer::of(self.http.get(&path)).await;
            (answer.status == status).then_some(answer)
        })
        .await
    }

    // The carrier's side

    /// The simulator's books: every call it ever took on.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        self.simulator("ledger").await["calls"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// The carrier rang once and was asked once, whichever process died.
    pub(crate) async fn rang_once(&self) {
        let ledger = self.ledger().await;
        assert_eq!(ledger.len(), 1, "{ledger:#?}");
    }

    /// The exchanges of this kind: `rest`, `voice`, `status` or `amd`.
    pub(crate) async fn wire(&self, kind: &str) -> Vec<Value> {
        let wire = self.simulator("wire").await;
        let exchanges = wire["exchanges"].as_array().unwrap();
        exchanges
            .iter()
            .filter(|exchange| exchange["kind"] == kind)
            .cloned()
            .collect()
    }

    /// Waits until a process has received the end of the only call.
    pub(crate) async fn hears_of_the_end(&self) {
        let is_end = |sent: &Value| sent["call_status"] == "completed" && sent["status"] == 204;
        within("the end is told", async {
            let mut state = self.simulator("state").await;
            while !self.ledger().await[0]["webhooks"]
                .as_array()
                .unwrap()
                .iter()
                .any(is_end)
            {
                state = self
                    .simulator(&format!("state?after={}&wait=30", state["version"]))
                    .await;
            }
        })
        .await;
    }
}

/// The id of a call that is named in a text.
pub(crate) fn id_in(text: &str) -> String {
    let is_id = |word: &&str| word.len() == 36 && uuid::Uuid::parse_str(word).is_ok();
    let id = text
        .split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-')
        .find(is_id);
    id.unwrap_or_else(|| panic!("no id: {text}")).to_owned()
}
