//! The course of a call: through the queue, ringing, and the conversation to its end.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::behaviour::{CallEnding, NumberBehaviour};
use super::call::{CallCommand, CallStatus, Direction, SidText, Signal};
use super::documents::TwimlRequest;
use super::flow::Interrupt;
use super::simulated_call::SimulatedCall;
use super::{Inner, conference_room, status_delivery};

/// The end of a call: its status and SIP code.
type End = (CallStatus, u16);

/// Starts the task of a new call, which runs until the call ends.
pub(super) fn start(
    sim: &Arc<Inner>,
    sid: &SidText,
    inbox: mpsc::UnboundedReceiver<(Timestamp, CallCommand)>,
    start_at: Timestamp,
) {
    let Some((mut line, from, direction)) = SimulatedCall::of(sim, sid, inbox) else {
        return;
    };
    let stop = sim.stop.clone();
    sim.tracker.spawn(async move {
        let life = async {
            let end = match direction {
                Direction::Inbound => line.inbound(&from).await,
                Direction::OutboundApi => line.outbound(start_at).await,
                Direction::OutboundDial => line.dialed().await,
            };
            if let Some((status, sip_code)) = end {
                line.end_recording();
                line.enter(status, Some(sip_code));
                line.signal_parent(Signal::LegEnded(line.sid.clone(), status));
            }
            if let Some(conference) = line.parameters().invited_to {
                conference_room::withdraw(&line.sim, &conference, &line.sid, line.moment);
            }
        };
        tokio::select! {
            () = life => {}
            () = stop.cancelled() => {}
        }
    });
}

impl SimulatedCall {
    /// A call before anything has happened to it, with its caller and direction; `None`: there is no
    /// call of this SID.
    fn of(
        sim: &Arc<Inner>,
        sid: &SidText,
        inbox: mpsc::UnboundedReceiver<(Timestamp, CallCommand)>,
    ) -> Option<(Self, String, Direction)> {
        let (to, from, direction, moment) = {
            let state = sim.lock();
            let call = state.call(sid)?;
            (
                call.to.clone(),
                call.from.clone(),
                call.direction,
                call.created_at,
            )
        };
        let line = Self {
            sim: Arc::clone(sim),
            sid: Arc::clone(sid),
            behaviour: NumberBehaviour::default(),
            to,
            inbox,
            pending: None,
            moment,
            lag: SignedDuration::ZERO,
            scheduled: VecDeque::new(),
            typed: VecDeque::new(),
            hang_up_at: None,
            limit_at: None,
            verdict: None,
            gathers: 0,
            hops: 0,
            unanswered: false,
            heeds_signals: false,
            base: None,
            deliveries: status_delivery::deliveries(sim),
        };
        Some((line, from, direction))
    }

    async fn outbound(&mut self, start_at: Timestamp) -> Option<End> {
        let timings = self.sim.config.timings;
        if self
            .withdrawn_before(clock::later(start_at, timings.initiated_after))
            .await
        {
            return None;
        }
        let give_up_at = clock::later(self.moment, self.parameters().timeout);
        if let Some(end) = self.alert(give_up_at).await {
            return Some(end);
        }
        self.picked_up();
        drop(self.conversation(None).await);
        Some((CallStatus::Completed, 200))
    }

    /// Dials and rings until somebody picks up; otherwise how it ended.
    async fn alert(&mut self, give_up_at: Timestamp) -> Option<End> {
        let timings = self.sim.config.timings;
        let told = self.sim.lock().numbers.get(&self.to).cloned();
        self.behaviour = told.unwrap_or_else(|| NumberBehaviour::of_number(&self.to, &timings));
        self.enter(CallStatus::Initiated, None);
        let never_rings = match self.behaviour.ends {
            Some(CallEnding::Unreachable) => Some(404),
            Some(CallEnding::Blocked) => Some(607),
            Some(CallEnding::Busy | CallEnding::NoAnswer | CallEnding::Decline) | None => None,
        };
        if let Some(usual) = never_rings {
            let end = (CallStatus::Failed, self.behaviour.sip_code.unwrap_or(usual));
            return self
                .before_answer(clock::later(self.moment, timings.refused_after), Some(end))
                .await;
        }
        if let Some(end) = self
            .before_answer(clock::later(self.moment, timings.ringing_after), None)
            .await
        {
            return Some(end);
        }
        self.enter(CallStatus::Ringing, None);
        self.rings(give_up_at).await
    }

    /// A call that a Dial makes: it rings, is connected, and ends with the connection.
    async fn dialed(&mut self) -> Option<End> {
        let timings = self.sim.config.timings;
        let dialing_at = clock::later(self.moment, timings.initiated_after);
        if let Some(end) = self.before_answer(dialing_at, None).await {
            return Some(end);
        }
        if let Some(end) = self.alert(Timestamp::MAX).await {
            return Some(end);
        }
        self.picked_up();
        self.signal_parent(Signal::LegPickedUp(self.sid.clone()));
        let parameters = self.parameters();
        if parameters.url.is_some() || !parameters.send_digits.is_empty() {
            // The phone hears its announcement first, and may hang up on it.
            if self.conversation(None).await.is_err() {
                return Some((CallStatus::Completed, 200));
            }
        }
        self.signal_parent(Signal::LegAnswered(self.sid.clone()));
        loop {
            match self.wait(Timestamp::MAX).await {
                Ok(_) => {}
                Err(Interrupt::Replace(source)) => {
                    // The call leaves the connection and goes on by itself.
                    self.signal_parent(Signal::LegEnded(self.sid.clone(), CallStatus::Completed));
                    drop(self.converse(Ok(Self::replaced(source))).await);
                    return Some((CallStatus::Completed, 200));
                }
                Err(_) => return Some((CallStatus::Completed, 200)),
            }
        }
    }

    /// Lets the call know whose Dial made this one.
    fn signal_parent(&self, signal: Signal) {
        let parent = self
            .sim
            .lock()
            .call(&self.sid)
            .and_then(|call| call.parent.clone());
        if let Some(parent) = parent {
            self.sim.command(&parent, CallCommand::Signal(signal));
        }
    }

    /// Rings until somebody picks up; otherwise how it ended.
    async fn rings(&mut self, give_up_at: Timestamp) -> Option<End> {
        let refused_at = clock::later(self.moment, self.sim.config.timings.refused_after);
        let sip = |usual| self.behaviour.sip_code.unwrap_or(usual);
        let no_answer = Some((CallStatus::NoAnswer, sip(487)));
        let (at, end) = match (self.behaviour.ends, self.behaviour.answer_after()) {
            (Some(CallEnding::Busy), _) => (refused_at, Some((CallStatus::Busy, sip(486)))),
            (Some(CallEnding::Decline), _) => (refused_at, Some((CallStatus::Busy, sip(603)))),
            (Some(CallEnding::NoAnswer | CallEnding::Unreachable | CallEnding::Blocked), _)
            | (None, None) => (give_up_at, no_answer),
            (None, Some(after)) => (clock::later(self.moment, after), None),
        };
        let (at, end) = if at > give_up_at {
            (give_up_at, no_answer)
        } else {
            (at, end)
        };
        self.before_answer(at, end).await
    }

    /// Waits until `at`, then returns `end` (`None`: the call goes on). A command from the page or
    /// the API may come first.
    async fn before_answer(&mut self, at: Timestamp, end: Option<End>) -> Option<End> {
        loop {
            match self.command_before(at).await {
                None => return end,
                Some(CallCommand::Answer) => return None,
                Some(CallCommand::Decline | CallCommand::HangUp) => {
                    return Some((CallStatus::Busy, 603));
                }
                Some(CallCommand::End) => return Some((CallStatus::Canceled, 487)),
                Some(CallCommand::NoAnswer) => return Some((CallStatus::NoAnswer, 487)),
                Some(
                    CallCommand::Press(_)
                    | CallCommand::Speak { .. }
                    | CallCommand::Limit(_)
                    | CallCommand::Signal(_)
                    | CallCommand::Replace(_),
                ) => {}
            }
        }
    }

    /// Waits in the queue. Returns whether the call was canceled meanwhile; no callback is sent
    /// then.
    async fn withdrawn_before(&mut self, at: Timestamp) -> bool {
        while let Some(command) = self.command_before(at).await {
            if matches!(command, CallCommand::End) {
                let moment = self.moment;
                self.sim
                    .change_call(&self.sid, |call| call.enter(CallStatus::Canceled, moment));
                return true;
            }
        }
        self.sim
            .lock()
            .call(&self.sid)
            .is_none_or(|call| call.status.has_ended())
    }

    /// Somebody rings our number: the document comes first, and may refuse the call.
    async fn inbound(&mut self, from: &str) -> Option<End> {
        let told = self.sim.lock().numbers.get(from).cloned();
        self.behaviour = told.unwrap_or_default();
        let parameters = self.parameters();
        let ask = TwimlRequest::new(parameters.method, parameters.url.unwrap_or_default());
        let Ok(page) = self.fetch(ask).await else {
            return Some((CallStatus::NoAnswer, 487));
        };
        if let Some(busy) = page.as_ref().ok().and_then(|page| page.rejects()) {
            return Some(if busy {
                (CallStatus::Busy, 486)
            } else {
                (CallStatus::NoAnswer, 403)
            });
        }
        self.unanswered = true;
        let talked = self.conversation(Some(page)).await;
        Some(match (self.unanswered, talked) {
            (false, _) => (CallStatus::Completed, 200),
            (true, Err(Interrupt::Over)) => (CallStatus::Canceled, 487),
            (true, _) => (CallStatus::NoAnswer, 487),
        })
    }
}
