//! Calls that a service holds: some that only lie there, and fresh ones that wait for their
//! webhook.

use std::sync::Arc;

use clock::Clock;
use jiff::Timestamp;
use poem::Request;
use tablecall::config::{Config, RawConfig};
use tablecall::internals::{
    AccountTier, AttemptRef, Call, CarrierStatus, CarryOver, Event, PromptTiming, TalkPosition,
    step,
};
use tablecall::internals::{CallId, CallSid, Name, PartySize, Phone, Reservation};
use tablecall::internals::{CallStore as _, Store, StoreLimits};
use tablecall::internals::{Head, TicketBody, TicketPurpose, Tickets};

use crate::webhook;

/// Stage of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// It rings: the first document will be asked for.
    Ringing,
    /// It was picked up: a key will be pressed.
    Talking,
}

impl Stage {
    /// A part of the response to its webhook.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Ringing => "To accept, press 1",
            Self::Talking => "Accepted",
        }
    }
}

/// A store with calls, and what belongs to it.
pub(crate) struct Held {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) now: Timestamp,
    pub(crate) store: Store,
    calls: Vec<(Call, CallSid)>,
    stage: Stage,
}

impl Held {
    pub(crate) fn new(others: usize, fresh: usize, stage: Stage) -> Self {
        let now: Timestamp = "2026-12-01T20:00:00Z".parse().unwrap();
        let max_calls = Some((others + fresh).max(200_000).to_string());
        let config =
            Config::read(&RawConfig::default().with(|it| it.storage.max_calls = max_calls))
                .expect("nothing else has to be configured");
        let store = Store::memory(StoreLimits {
            max_calls: config.max_calls,
            retention: config.retention,
        });
        let mut held = Self {
            config,
            clock: Clock::simulated(now),
            now,
            store,
            calls: Vec::new(),
            stage,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            for number in 0..others + fresh {
                let (call, sid) = held.call(number);
                drop(held.store.save(None, call.clone()).await.unwrap());
                if number >= others {
                    held.calls.push((call, sid));
                }
            }
        });
        held
    }

    /// One call, at a number of its own.
    fn call(&self, number: usize) -> (Call, CallSid) {
        let phone = Phone::from_e164(&format!("+1415{:07}", 2_000_000 + number)).unwrap();
        let reservation = Reservation {
            guest_phone: Phone::from_e164("+442079460018"),
            country: "US".parse().ok(),
            timezone: "America/Los_Angeles".parse().ok(),
            give_up_at: "2026-12-02T20:00:00Z".parse().unwrap(),
            attempts: 3,
            language_guessed: true,
            ..Reservation::new(
                Name::parse("Ana García").unwrap(),
                phone,
                "2026-12-04T19:30".parse().unwrap(),
                PartySize::try_from(4).unwrap(),
            )
        };
        let mut call = Call::new(
            CallId::new(self.now),
            "anonymous".into(),
            Arc::new(reservation),
            self.now,
        );
        let mut sid = [0; 16];
        fastrand::fill(&mut sid);
        let (sid, on) = (
            CallSid::from_bytes(sid),
            AttemptRef {
                attempt: 1,
                sid: CallSid::from_bytes(sid),
            },
        );
        let ringing = [
            Event::Dial { from: phone },
            Event::Accepted(on),
            Event::Reached(on, CarrierStatus::Ringing),
        ];
        let talking = [
            Event::Reached(on, CarrierStatus::InProgress),
            Event::Fetched {
                on,
                sealed_at: self.now,
            },
        ];
        let after: &[Event] = match self.stage {
            Stage::Ringing => &[],
            Stage::Talking => &talking,
        };
        for event in ringing.iter().chain(after) {
            call = step(&call, event.clone(), self.now).call;
        }
        (call, sid)
    }

    /// Twilio's name of a fresh call.
    pub(crate) fn sid(&self, fresh: usize) -> String {
        self.calls[fresh].1.to_string()
    }

    pub(crate) fn head(&self, fresh: usize) -> Head {
        let account = self.config.carrier.account().sid.to_string();
        let digest = ring::digest::digest(&ring::digest::SHA256, account.as_bytes());
        let account = digest.as_ref().first_chunk().copied().unwrap();
        Head {
            call: self.calls[fresh].0.id,
            attempt: 1,
            account,
            sealed_at: self.now,
        }
    }

    pub(crate) fn body(&self, fresh: usize) -> TicketBody {
        let call = &self.calls[fresh].0;
        TicketBody {
            owner: call.owner.clone(),
            reservation: call.reservation.clone(),
            created_at: call.created_at,
            version: call.version,
            from: Phone::from_e164("+15005550006").unwrap(),
            carry_over: CarryOver::default(),
            tier: AccountTier::Full,
        }
    }

    /// The next webhook of each fresh call.
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        let tickets = Tickets::new(self.config.ticket_keys.clone());
        let request = |fresh: usize| {
            let ticket = tickets
                .seal(TicketPurpose::Voice, &self.head(fresh), &self.body(fresh))
                .unwrap();
            match self.stage {
                Stage::Ringing => {
                    webhook::request(&format!("/twiml/answer/{ticket}"), &self.sid(fresh), None)
                }
                Stage::Talking => {
                    let first = TalkPosition::first(0);
                    let prompt = PromptTiming {
                        informed: true,
                        ..first.prompt
                    };
                    let path = format!("/twiml/keys/{}/{ticket}", TalkPosition { prompt, ..first });
                    webhook::request(&path, &self.sid(fresh), Some("1"))
                }
            }
        };
        (0..self.calls.len()).map(request).collect()
    }
}
