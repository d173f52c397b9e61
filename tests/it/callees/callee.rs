//! One callee: who picks up, what it does, and what it means by that.

use serde_json::{Value, json};

use super::dice::Dice;
use super::fault::LineFault;
use super::kind::KINDS;
use super::words::Words;

/// The answer that a callee wants the guest to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The table as the guest wished for it.
    Accept,
    Decline,
    /// Another time: `20:15`.
    Offer(String),
    /// Never to be called again.
    OptOut,
    /// Its earlier answer is taken back.
    Nothing,
}

/// Everything that a callee means.
#[derive(Clone, Debug, Default)]
pub(super) struct Will {
    /// One thing after the other; the last counts. Empty: it answers nothing.
    pub(super) meant: Vec<Meaning>,
    /// It says so clearly, so that it must be understood where nothing is lost on the line.
    pub(super) clearly: bool,
    /// Other meanings that it may be taken for, because nobody could tell.
    pub(super) or: Vec<Meaning>,
    /// It presses at random, or several keys in a row of which some may fall into the moment in which
    /// a document is fetched: what the carrier heard is the only measure.
    pub(super) at_random: bool,
}

/// A callee before it is rung.
#[derive(Debug)]
pub(super) struct Callee {
    pub(super) seed: u64,
    pub(super) kind: &'static str,
    pub(super) fault: LineFault,
    pub(super) language: &'static str,
    /// Its number, which no other callee of its stage has.
    pub(super) number: String,
    pub(super) request: Value,
    /// For the simulator.
    pub(super) behaviour: Value,
    /// Behaviour when it rings us, if it does.
    pub(super) rings_back: Option<Value>,
    pub(super) will: Will,
    /// Between which times the guest would take another one.
    pub(super) alternatives: Option<(&'static str, &'static str)>,
}

impl Callee {
    /// The callee with this seed, where words count (`speech`) or keys alone.
    pub(super) fn new(seed: u64, speech: bool) -> Self {
        let faults = LineFault::KINDS as u64;
        // Each kind meets each fault once in as many callees as there are pairs.
        let (fault, kind) = (seed % faults, (seed + seed / faults) % KINDS.len() as u64);
        let (name, behave) = KINDS[kind as usize];
        let mut dice = Dice::new(seed);
        let fault = LineFault::new(fault as usize, &mut dice);
        let words = Words::of(dice.below(Words::LANGUAGES));
        let alternatives = dice.one_of(&[None, Some(("18:30", "21:00"))]);
        let mut draft = Draft {
            speech,
            alternatives,
            keys: Vec::new(),
            says: Vec::new(),
            behaviour: json!({"answer_after_seconds": dice.seconds(0.5, 8.0)}),
            rings_back: false,
            request: json!({"attempts": 1}),
            will: Will::default(),
            words,
            dice,
        };
        behave(&mut draft);
        draft.callee(seed, name, fault)
    }
}

/// A callee in the making: [`KINDS`] say what it does.
pub(super) struct Draft {
    pub(super) words: Words,
    pub(super) dice: Dice,
    /// Words count.
    pub(super) speech: bool,
    pub(super) alternatives: Option<(&'static str, &'static str)>,
    keys: Vec<Value>,
    says: Vec<Value>,
    pub(super) behaviour: Value,
    rings_back: bool,
    /// Fields of the request beside those of every one.
    pub(super) request: Value,
    will: Will,
}

impl Draft {
    /// Presses keys so many seconds after the pick-up.
    pub(super) fn presses_at(&mut self, seconds: f64, digits: &str) {
        let gap = self.dice.gap();
        self.keys
            .push(json!({"after_seconds": seconds, "digits": digits, "gap_seconds": gap}));
    }

    /// Presses keys each time that the message has put this question.
    pub(super) fn presses_after(&mut self, message: &str, digits: &str) {
        let (gap, pause) = (self.dice.gap(), self.dice.seconds(0.1, 3.0));
        let said = self.words.message(message);
        self.keys.push(
            json!({"when_said": said, "digits": digits, "gap_seconds": gap, "times": 4,
            "after_prompt": true, "pause_seconds": pause}),
        );
    }

    /// Presses keys once, while the message puts this question or after it.
    pub(super) fn presses_once_at(&mut self, message: &str, digits: &str) {
        let (gap, pause) = (self.dice.gap(), self.dice.seconds(0.3, 3.0));
        let after = self.dice.once_in(2);
        let said = self.words.message(message);
        self.keys.push(
            json!({"when_said": said, "digits": digits, "gap_seconds": gap,
            "after_prompt": after, "pause_seconds": pause}),
        );
    }

    /// Hangs up so soon after the keys that were planned last.
    pub(super) fn and_hangs_up(&mut self, seconds: f64) {
        let last = self.keys.last_mut().unwrap();
        last["hang_up_after_seconds"] = json!(seconds);
    }

    /// Says something so many seconds after the pick-up.
    pub(super) fn says_at(&mut self, seconds: f64, text: &str) {
        let confidence = self.dice.seconds(0.3, 0.99);
        self.says
            .push(json!({"after_seconds": seconds, "text": text, "confidence": confidence}));
    }

    /// Says something once, after the message has said that words count.
    pub(super) fn answers(&mut self, text: &str) {
        let confidence = self.dice.seconds(0.6, 0.99);
        let said = self.words.message("say_yes_or_no");
        self.says
            .push(json!({"when_said": said, "text": text, "confidence": confidence}));
    }

    pub(super) fn hangs_up_at(&mut self, seconds: f64) {
        self.behaviour["hang_up_after_seconds"] = json!(seconds);
    }

    /// Listens to the end and accepts, however often it is asked.
    pub(super) fn listens_and_accepts(&mut self) {
        self.presses_after("key_accept", "1");
        self.presses_after("key_accept_again", "1");
    }

    /// It means one thing after the other, and says so clearly.
    pub(super) fn means(&mut self, meant: &[Meaning]) {
        self.will.meant = meant.to_vec();
        self.will.clearly = true;
    }

    /// Some of its keys may fall into the moment in which a document is fetched.
    pub(super) fn perhaps(&mut self) {
        self.will.clearly = false;
    }

    /// It may be taken for this as well.
    pub(super) fn or(&mut self, meaning: Meaning) {
        self.will.or.push(meaning);
    }

    /// It is rung in vain and rings back.
    pub(super) fn rings_us(&mut self) {
        self.rings_back = true;
        self.request = json!({"attempts": 2});
    }

    pub(super) fn presses_at_random(&mut self) {
        self.will.at_random = true;
    }

    fn callee(mut self, seed: u64, kind: &'static str, mut fault: LineFault) -> Callee {
        let number = format!("+1415222{:04}", seed % 10_000);
        fault.switch["to"] = json!(number);
        fault.switch["seed"] = json!(seed);
        self.behaviour["keys"] = json!(self.keys);
        self.behaviour["says"] = json!(self.says);
        let mut request = json!({
            "name": "Ana García", "phone": number, "time": "2026-12-04T19:30",
            "party_size": 1 + self.dice.below(30), "language": self.words.language,
        });
        if let Some((earliest, latest)) = self.alternatives {
            request["alternatives"] = json!({"earliest": earliest, "latest": latest});
        }
        let (behaviour, rings_back) = if self.rings_back {
            (json!({"ends": "no_answer"}), Some(self.behaviour))
        } else {
            (self.behaviour, None)
        };
        Callee {
            seed,
            kind,
            fault,
            language: self.words.language,
            number,
            request: crate::app::with(request, self.request),
            behaviour,
            rings_back,
            will: self.will,
            alternatives: self.alternatives,
        }
    }
}
