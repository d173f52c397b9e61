//! A phone that tests pick up. It reads what was said in order, and acts through the simulator's
//! control API.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::{TestApp, within};

/// A restaurant's phone.
pub(crate) struct Phone<'a> {
    app: &'a TestApp,
    number: String,
    /// The line that rings or talks; empty before the first ring.
    pub(crate) sid: String,
    /// Number of prompts that were read so far.
    read: usize,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(app: &'a TestApp, number: &str) -> Self {
        Self {
            app,
            number: number.to_owned(),
            sid: String::new(),
            read: 0,
        }
    }

    /// Lets time pass until it rings, for the first time or again.
    pub(crate) async fn rings(mut self) -> Self {
        let ringing = async {
            loop {
                let state = self.app.simulator("state").await;
                let mut calls = state["calls"].as_array().unwrap().iter();
                let open = calls.find(|call| call["to"] == self.number && call["ended"] == false);
                if let Some(call) = open.filter(|call| call["status"] == "ringing") {
                    return call["sid"].as_str().unwrap().to_owned();
                }
                self.app.time_passes().await;
            }
        };
        self.sid = within("the phone rings", ringing).await;
        self.read = 0;
        self
    }

    /// A line that is known already.
    pub(crate) fn with_line(mut self, sid: &str) -> Self {
        sid.clone_into(&mut self.sid);
        self
    }

    /// Lets time pass until its line is at the carrier and waits in the queue, before it rings.
    pub(crate) async fn waits_in_queue(mut self) -> Self {
        let state = self.app.simulator("state").await;
        let mut calls = state["calls"].as_array().unwrap().iter();
        let queued = calls.find(|call| call["to"] == self.number && call["status"] == "queued");
        self.sid = queued.expect("it is in the queue")["sid"]
            .as_str()
            .unwrap()
            .to_owned();
        self
    }

    /// Somebody picks up, and the first words begin.
    pub(crate) async fn answers(&mut self) {
        self.act("answer", &Value::Null).await;
        self.until("talks", |line| {
            line["saying"].is_object() || line["ended"] == true
        })
        .await;
    }

    /// Lets time pass until it rings, picks up, and hears a message that holds `part`.
    pub(crate) async fn picks_up(self, part: &str) -> Self {
        let mut phone = self.rings().await;
        phone.answers().await;
        phone.hears(part).await;
        phone
    }

    /// Presses keys after what is being said, and hears an answer that holds `part`.
    pub(crate) async fn presses_and_hears(&mut self, keys: &str, part: &str) {
        self.presses(keys).await;
        self.hears(part).await;
    }

    pub(crate) async fn declines(&mut self) {
        self.act("decline", &Value::Null).await;
        self.until("ends", |line| line["ended"] == true).await;
    }

    /// The next words hold `part`. Time passes only where one sentence follows another by itself.
    pub(crate) async fn hears(&mut self, part: &str) -> String {
        let text = self.hears_something().await;
        assert!(
            text.contains(part),
            "heard `{text}` instead of `{part}`\n{:#}",
            self.line().await["transcript"]
        );
        text
    }

    /// The next words.
    pub(crate) async fn hears_something(&mut self) -> String {
        let text = within("something is heard", async {
            loop {
                let line = self
                    .until("speaks", |line| {
                        resting(line) || prompts(line).len() > self.read
                    })
                    .await;
                if let Some(text) = prompts(&line).get(self.read) {
                    return text.clone();
                }
                let talks = line["gather"].is_null() && line["ended"] == false;
                assert!(talks, "nothing more is said: {line:#}");
                self.app.time_passes().await;
            }
        })
        .await;
        self.read += 1;
        self.app
            .read
            .borrow_mut()
            .insert(self.sid.clone(), self.read);
        text
    }

    /// Hears what is being said to its end, then presses keys, and waits until the app has answered
    /// them.
    pub(crate) async fn presses(&mut self, keys: &str) {
        self.hears_out().await;
        self.presses_early(keys).await;
    }

    /// Lets time pass until what is being said has been said, and a Gather listens.
    pub(crate) async fn hears_out(&mut self) {
        within("the question is put", async {
            loop {
                let line = self.until("rests", resting).await;
                if line["gather"]["listening"] == true || line["ended"] == true {
                    return;
                }
                self.app.time_passes().await;
            }
        })
        .await;
    }

    /// Presses keys while something is being said, and waits until the app has answered them.
    pub(crate) async fn presses_early(&mut self, keys: &str) {
        let line = self.line().await;
        assert!(
            line["gather"].is_object(),
            "nobody listens to keys: {line:#}"
        );
        let (gather, digits) = (
            line["gather"]["number"].clone(),
            line["digits"].as_array().unwrap().len(),
        );
        self.act("press", &json!({"digits": keys})).await;
        self.until("takes the keys", |line| {
            let taken = line["digits"].as_array().unwrap().len() > digits;
            taken && resting(line) && line["gather"]["number"] != gather
        })
        .await;
    }

    /// Hears the question to its end, until words are listened to.
    pub(crate) async fn hears_question(&mut self) -> Value {
        let question = self.line().await["gather"]["number"].as_u64().unwrap();
        let line = within("words are listened to", async {
            loop {
                let line = self.until("rests", resting).await;
                if line["gather"]["speech"] == true {
                    return line;
                }
                let number = line["gather"]["number"].as_u64();
                assert_eq!(number, Some(question), "nobody listens: {line:#}");
                self.app.time_passes().await;
            }
        })
        .await;
        self.read = prompts(&line).len();
        line
    }

    /// Hears the question to its end, where words begin to be listened to, then says something, and
    /// waits until the app has answered.
    pub(crate) async fn says(&mut self, text: &str, confidence: f64) {
        let line = self.hears_question().await;
        let gather = line["gather"]["number"].clone();
        self.act("say", &json!({"text": text, "confidence": confidence}))
            .await;
        self.until("takes the words", |line| {
            resting(line) && line["gather"]["number"] != gather
        })
        .await;
    }

    /// Rings the service, as the number's voice URL at Twilio has it, and hears the first words
    /// begin.
    pub(crate) async fn rings_us(mut self, attested: Option<&str>) -> Self {
        let url = format!("{}/twiml/inbound", self.app.origin);
        let body = json!({"from": self.number, "to": "+15005550006", "url": url, "stir_verstat": attested});
        let answer = Answer::of(self.app.post("/simulator/api/inbound").json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.sid = answer.body["sid"].as_str().unwrap().to_owned();
        self.read = 0;
        self.until("talks", |line| {
            line["saying"].is_object() || line["ended"] == true
        })
        .await;
        self
    }

    /// Hears what is being said to its end, presses keys and hangs up at once, without waiting for an answer.
    pub(crate) async fn presses_and_hangs_up(&mut self, keys: &str) {
        self.hears_out().await;
        let digits = self.line().await["digits"].as_array().unwrap().len();
        self.act("press", &json!({"digits": keys})).await;
        self.until("takes the keys", |line| {
            line["digits"].as_array().unwrap().len() > digits
        })
        .await;
        self.hangs_up().await;
    }

    /// Picks up, hears the message, accepts, and hangs up.
    pub(crate) async fn accepts(&mut self) {
        self.answers().await;
        self.hears("To accept").await;
        self.presses_and_hears("1", "Accepted").await;
        self.hangs_up().await;
    }

    /// Lets time pass until something else is said or the line is closed.
    pub(crate) async fn keeps_silent(&mut self) {
        let before = prompts(&self.line().await).len();
        within("silence ends", async {
            loop {
                let line = self.until("rests", resting).await;
                if prompts(&line).len() > before || line["ended"] == true {
                    return;
                }
                self.app.time_passes().await;
            }
        })
        .await;
    }

    /// Lets time pass until the app closes the line; nothing is said that was not read.
    pub(crate) async fn is_hung_up_on(&mut self) {
        within("the line is closed", async {
            while self.until("rests", resting).await["ended"] == false {
                self.app.time_passes().await;
            }
        })
        .await;
        self.heard_all().await;
    }

    pub(crate) async fn hangs_up(&mut self) {
        self.act("hangup", &Value::Null).await;
        self.until("ends", |line| line["ended"] == true).await;
    }

    /// Everything that was said has been read.
    pub(crate) async fn heard_all(&self) {
        let said = prompts(&self.line().await);
        assert_eq!(
            said.len(),
            self.read,
            "not read: {:?}",
            said.get(self.read..)
        );
    }

    /// The line as it is.
    pub(crate) async fn line(&self) -> Value {
        self.app.simulator(&format!("calls/{}", self.sid)).await
    }

    /// Waits, without letting time pass, until the line is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        within(what, async {
            let mut line = self.line().await;
            while !wanted(&line) {
                let path = format!("calls/{}?after={}&wait=60", self.sid, line["version"]);
                let next = self.app.simulator(&path).await;
                assert_ne!(
                    next["version"], line["version"],
                    "{what}: never seen: {next:#}"
                );
                line = next;
            }
            line
        })
        .await
    }

    async fn act(&self, deed: &str, body: &Value) {
        let url = format!(
            "{}/simulator/api/calls/{}/{deed}",
            self.app.carrier, self.sid
        );
        let request = self.app.http.post(url).json(body);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{deed}: {}", answer.text);
    }
}

/// Returns whether nothing happens on a line until time passes or a hand acts.
fn resting(line: &Value) -> bool {
    line["saying"].is_object() || line["gather"]["listening"] == true || line["ended"] == true
}

/// The prompts so far.
pub(crate) fn prompts(line: &Value) -> Vec<String> {
    let transcript = line["transcript"].as_array().unwrap().iter();
    let said = transcript.filter(|entry| entry["speaker"] == "twilio" && entry["kind"] == "say");
    said.map(|entry| entry["text"].as_str().unwrap().to_owned())
        .collect()
}
