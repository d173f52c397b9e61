//! Steps of the conversation: documents that are asked for, and the keys pressed.

use jiff::Timestamp;

use super::event::On;
use super::state::{Evidence, Line, State};
use super::step::{SETTLE, Work};
use super::talk::{self, Apology, Input, Reply};
use super::timeline::{Keys, What};
use super::turn::Turn;

impl Work {
    /// The first document.
    pub(super) fn fetched(&mut self, on: On, sealed_at: Timestamp) {
        let Some(began) = self.pick_up(on, sealed_at) else { return };
        let greeted = What::Greeted(on.attempt);
        if !self.call.timeline.iter().any(|entry| entry.what == greeted) {
            self.note(greeted);
        }
        self.witness(on.attempt, false);
        self.reply = Some(talk::open(began));
    }

    /// The result of a Gather.
    pub(super) fn keyed(&mut self, on: On, turn: Turn, input: Input<'_>, sealed_at: Timestamp) {
        if self.pick_up(on, sealed_at).is_none() {
            return;
        }
        self.note_input(on.attempt, turn, input);
        // The turn remembers the pick-up also where this process has not seen it.
        let elapsed = self.seconds_since(sealed_at).saturating_sub(turn.began);
        let (heard, reply) = talk::answer(turn, input, elapsed, &self.facts(on.attempt));
        self.reply = Some(reply);
        if self.call.is_finished() {
            return;
        }
        self.hear(on.attempt, turn, heard);
        self.witness(on.attempt, reply.listen().is_none());
        self.heed(on.attempt);
    }

    /// A document failed on its way: it is said again.
    pub(super) fn resumed(&mut self, on: On, turn: Option<Turn>, sealed_at: Timestamp) {
        let Some(turn) = turn else { return self.fetched(on, sealed_at) };
        if self.pick_up(on, sealed_at).is_none() {
            return;
        }
        let reply = talk::resume(turn, &self.facts(on.attempt));
        self.reply = Some(reply);
        if self.call.is_finished() {
            return;
        }
        self.hear(on.attempt, turn, talk::Heard::Nothing);
        self.witness(on.attempt, reply.listen().is_none());
        self.heed(on.attempt);
    }

    /// Somebody is on the line: `None`, with an apology, when there is nothing to talk about. Otherwise the seconds
    /// from the sealing of the ticket to pick-up.
    fn pick_up(&mut self, on: On, sealed_at: Timestamp) -> Option<u16> {
        self.reply = Some(Reply::Apology(Apology::Fault));
        self.attempt(on)?;
        self.reached(on, Line::InProgress);
        if self.is_unwanted() {
            self.reply = Some(Reply::Apology(Apology::Canceled));
            return None;
        }
        if self.now >= self.call.reservation.give_up_at && self.call.decision().is_none() {
            self.reply = Some(Reply::Apology(Apology::Expired));
            return None;
        }
        let answered_at = self.attempt(on)?.answered_at.unwrap_or(self.now);
        Some(u16::try_from(answered_at.duration_since(sealed_at).as_secs()).unwrap_or_default())
    }

    /// A key that came after its line was closed still decides: a planned retry is not made, one under way is ended.
    fn heed(&mut self, attempt: u8) {
        if self.call.decision().is_none() {
            return;
        }
        match self.call.state {
            State::Queued { .. } => {
                self.call.state = State::Settling { until: self.after(SETTLE), from: Evidence::Keypad };
            }
            State::Settling { from: Evidence::Events { .. }, .. } => {
                self.call.state = State::Settling { until: self.after(SETTLE), from: Evidence::Keypad };
            }
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } if !self.is_last(attempt) => {
                self.end_unwanted();
            }
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::InProgress { .. }
            | State::Settling { from: Evidence::Keypad, .. }
            | State::Finished { .. } => {}
        }
    }

    fn note_input(&mut self, attempt: u8, turn: Turn, input: Input<'_>) {
        let step = turn.step;
        let what = match input {
            Input::Digits(digits) => What::Key { attempt, step, keys: Keys::new(digits) },
            Input::Silence => What::Silence { attempt, step },
        };
        if !self.call.timeline.iter().any(|entry| entry.what == what) {
            self.note(what);
        }
    }

    fn seconds_since(&self, at: Timestamp) -> u16 {
        u16::try_from(self.now.duration_since(at).as_secs()).unwrap_or(if self.now < at { 0 } else { u16::MAX })
    }
}
