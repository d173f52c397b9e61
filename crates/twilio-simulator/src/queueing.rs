//! Enqueue and Dial Queue: a call waits in a queue until another call takes it out.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::call::{CallCommand, CallStatus, SidText, Signal};
use super::dialing::DialResult;
use super::documents::{FetchedDocument, TwimlRequest};
use super::flow::{Interrupt, NextStep, WaitResult};
use super::http_method::HttpMethod;
use super::simulated_call::SimulatedCall;
use super::twiml::{Dial, DocumentTarget, Enqueue, absolute};
use super::webhook_params::pairs;
use super::{Inner, SimulatorState};

/// A queue of calls.
#[derive(Clone, Debug)]
pub(super) struct CallQueue {
    /// `QU…`
    pub(super) sid: String,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) max_size: usize,
    pub(super) waiting: VecDeque<QueuedCall>,
    /// Calls that wait for somebody to come into the queue.
    dialers: VecDeque<SidText>,
}

/// A call in a queue.
#[derive(Clone, Debug)]
pub(super) struct QueuedCall {
    pub(super) call_sid: SidText,
    pub(super) since: Timestamp,
}

/// The queue of a name; made when it is first used.
pub(super) fn queue<'a>(
    state: &'a mut SimulatorState,
    name: &str,
    now: Timestamp,
) -> &'a mut CallQueue {
    let at = match state.queues.iter().position(|queue| queue.name == name) {
        Some(at) => at,
        None => {
            state.queues.push(CallQueue {
                sid: format!("QU{}", uuid::Uuid::new_v4().simple()),
                name: name.to_owned(),
                created_at: now,
                max_size: 100,
                waiting: VecDeque::new(),
                dialers: VecDeque::new(),
            });
            state.queues.len() - 1
        }
    };
    &mut state.queues[at]
}

impl SimulatedCall {
    /// Waits in a queue; then the action, or without one the next verb.
    pub(super) async fn enqueue(
        &mut self,
        enqueue: &Enqueue,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        let since = self.moment;
        let (result, interrupt) = if self.enter_queue(enqueue) {
            self.note_event("queue", &enqueue.name);
            self.wait_in_queue(enqueue, page).await
        } else {
            ("queue-full", None)
        };
        let sid = self.sim.change(|state| {
            let queue = queue(state, &enqueue.name, since);
            queue.waiting.retain(|waiting| waiting.call_sid != self.sid);
            queue.sid.clone()
        });
        let seconds = self.moment.duration_since(since).as_secs().to_string();
        let extra = pairs(&[
            ("QueueResult", result),
            ("QueueSid", &sid),
            ("QueueTime", &seconds),
        ]);
        self.after_connection(enqueue.action.as_ref(), page, (extra, interrupt))
            .await
    }

    /// Joins the end of a queue, unless it is full, and wakes the first call that waits to take one
    /// out.
    fn enter_queue(&self, enqueue: &Enqueue) -> bool {
        let now = self.moment;
        let entered = self.sim.change(|state| {
            let queue = queue(state, &enqueue.name, now);
            queue.max_size = enqueue.max_size.unwrap_or(queue.max_size);
            if queue.waiting.len() >= queue.max_size {
                return None;
            }
            queue.waiting.push_back(QueuedCall {
                call_sid: self.sid.clone(),
                since: now,
            });
            Some(queue.dialers.front().cloned())
        });
        if let Some(Some(dialer)) = &entered {
            let news = CallCommand::Signal(Signal::QueueChanged);
            self.sim.command(dialer, news);
        }
        entered.is_some()
    }

    async fn wait_in_queue(
        &mut self,
        enqueue: &Enqueue,
        page: &FetchedDocument,
    ) -> (&'static str, Option<Interrupt>) {
        let base = page.url.as_deref();
        let wait = absolute(base, enqueue.wait.as_ref());
        loop {
            let name = enqueue.name.clone();
            let params = move |call: &Self| queue_params(&call.sim, &call.sid, &name, call.moment);
            match self.wait_document(wait.as_ref(), &params).await {
                Interrupt::Signal(Signal::Bridged(peer, announcement)) => {
                    let interrupt = self.talk_to(&peer, announcement).await;
                    match interrupt {
                        None => return ("bridged", None),
                        Some(interrupt @ Interrupt::Replace(_)) => {
                            return ("redirected-from-bridged", Some(interrupt));
                        }
                        Some(interrupt) => return ("bridged", Some(interrupt)),
                    }
                }
                Interrupt::Signal(_) => {}
                Interrupt::Leave => return ("leave", None),
                interrupt @ Interrupt::Replace(_) => return ("redirected", Some(interrupt)),
                interrupt @ (Interrupt::HungUp | Interrupt::Over) => {
                    return ("hangup", Some(interrupt));
                }
            }
        }
    }

    /// Lets the waiting call hear its announcement, and then talk to its peer.
    async fn talk_to(
        &mut self,
        peer: &SidText,
        announcement: Option<(HttpMethod, String)>,
    ) -> Option<Interrupt> {
        if let Some((method, url)) = announcement {
            let request = NextStep::Request(TwimlRequest::new(method, url));
            match self.run_from(request).await {
                Ok(()) => {}
                Err(interrupt) => {
                    self.part_from(peer);
                    return Some(interrupt);
                }
            }
        }
        self.bridge(peer, Timestamp::MAX, false).await.err()
    }

    /// Talks to another call until one of both leaves, `until`, or star where it ends it.
    async fn bridge(
        &mut self,
        peer: &SidText,
        until: Timestamp,
        hangup_on_star: bool,
    ) -> Result<(), Interrupt> {
        let together = {
            let state = self.sim.lock();
            let peer = state.call(peer);
            peer.and_then(|peer| peer.bridged_with.as_ref()) == Some(&self.sid)
        };
        self.note_event("connected", peer);
        let mut outcome = Ok(());
        loop {
            if !together {
                break;
            }
            match self.wait(until).await {
                Ok(WaitResult::Time) => break,
                Ok(WaitResult::Key('*')) if hangup_on_star => break,
                Ok(WaitResult::Signal(Signal::Unbridged(from))) if from == *peer => break,
                Ok(WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_)) => {}
                Err(interrupt) => {
                    outcome = Err(interrupt);
                    break;
                }
            }
        }
        self.part_from(peer);
        outcome
    }

    fn part_from(&self, peer: &SidText) {
        self.sim
            .change_call(&self.sid, |call| call.bridged_with = None);
        let news = CallCommand::Signal(Signal::Unbridged(self.sid.clone()));
        self.sim.command(peer, news);
    }

    /// Dial Queue: takes the first call out of a queue, or waits for one.
    pub(super) async fn dial_queue(
        &mut self,
        dial: &Dial,
        name: &str,
        (announcement, page): (Option<&DocumentTarget>, &FetchedDocument),
    ) -> DialResult {
        let announcement = absolute(page.url.as_deref(), announcement);
        let give_up_at = clock::later(self.moment, dial.timeout);
        let mut result = DialResult::new(CallStatus::NoAnswer.word());
        self.note_event("dial", name);
        while result.interrupt.is_none() {
            if let Some(peer) = self.take_from_queue(name) {
                let bridged =
                    CallCommand::Signal(Signal::Bridged(self.sid.clone(), announcement.clone()));
                self.sim.command(&peer, bridged);
                let since = self.moment;
                let until = clock::later(since, dial.time_limit);
                result.status = CallStatus::Completed.word();
                result.leg = Some(peer.clone());
                let outcome = self.bridge(&peer, until, dial.hangup_on_star).await;
                result.seconds = Some(self.moment.duration_since(since).as_secs());
                result.interrupt = outcome.err();
                break;
            }
            match self.wait(give_up_at).await {
                Ok(WaitResult::Time) => break,
                Ok(WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_)) => {}
                Err(interrupt) => {
                    result.status = CallStatus::Canceled.word();
                    result.interrupt = Some(interrupt);
                }
            }
        }
        let now = self.moment;
        self.sim.change(|state| {
            let queue = queue(state, name, now);
            queue.dialers.retain(|dialer| *dialer != self.sid);
        });
        result
    }

    /// Takes the first call out of a queue and connects it with this one. If the queue is empty, this
    /// call is registered as waiting for one.
    fn take_from_queue(&self, name: &str) -> Option<SidText> {
        let now = self.moment;
        self.sim.change(|state| {
            let queue = queue(state, name, now);
            let Some(first) = queue.waiting.pop_front() else {
                if !queue.dialers.contains(&self.sid) {
                    queue.dialers.push_back(self.sid.clone());
                }
                return None;
            };
            let peer = first.call_sid;
            state.call_mut(&peer)?.bridged_with = Some(self.sid.clone());
            state.call_mut(&self.sid)?.bridged_with = Some(peer.clone());
            Some(peer)
        })
    }
}

/// The parameters of a request for what is heard in a queue.
fn queue_params(sim: &Inner, sid: &SidText, name: &str, now: Timestamp) -> Vec<(String, String)> {
    let state = sim.lock();
    let Some(queue) = state.queues.iter().find(|queue| queue.name == name) else {
        return Vec::new();
    };
    let mut waiting = queue.waiting.iter();
    let position = waiting.position(|entry| entry.call_sid == *sid);
    let waited = |entry: &QueuedCall| now.duration_since(entry.since).as_secs().max(0);
    let entry = position.and_then(|at| queue.waiting.get(at));
    let total: i64 = queue.waiting.iter().map(waited).sum();
    let size = queue.waiting.len();
    pairs(&[
        ("QueueSid", &queue.sid),
        (
            "QueuePosition",
            &position.map_or(0, |at| at + 1).to_string(),
        ),
        ("QueueTime", &entry.map_or(0, waited).to_string()),
        (
            "AvgQueueTime",
            &total
                .checked_div(i64::try_from(size).unwrap_or(i64::MAX))
                .unwrap_or(0)
                .to_string(),
        ),
        ("CurrentQueueSize", &size.to_string()),
    ])
}
