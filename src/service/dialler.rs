//! Everything that makes phones ring and lines end: decides whether a call may dial now, asks
//! Twilio, and carries out the effects of the state machine.
//!
//! Its parts: `dial_decision` (may it ring now), `dial` (the create and its answer), `effects`
//! (look-ups, hang-ups, searches), `voicemail`, `opt_out`, `preexisting_watch`.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::ServiceSettings;
use super::carrier_health::CarrierHealth;
use super::do_not_call_file::DoNotCallFile;
use super::engine::{CallEngine, Performer, Performing};
use super::links::Links;
use super::preexisting_calls::PreexistingCalls;
use super::twilio_api::TwilioApi;
use crate::call::{Call, Effect};
use crate::domain::Phone;
use crate::speech::Speech;
use crate::ticket::Tickets;

/// Dials, and ends lines.
#[derive(Debug)]
pub(super) struct Dialler {
    pub(super) engine: Arc<CallEngine>,
    pub(super) settings: Arc<ServiceSettings>,
    pub(super) twilio: TwilioApi,
    pub(super) tickets: Arc<Tickets>,
    pub(super) links: Arc<Links>,
    pub(super) speech: Arc<Speech>,
    /// File in which opt-outs outlive the process.
    pub(super) do_not_call: Option<DoNotCallFile>,
    pub(super) stop: CancellationToken,
    pub(super) carrier: CarrierHealth,
    pub(super) preexisting_calls: PreexistingCalls,
    /// Time to look for a free line again, if there was none.
    pub(super) lines_full: Mutex<Option<Timestamp>>,
}

impl Performer for Dialler {
    fn perform(self: Arc<Self>, call: Arc<Call>, effect: Effect) -> Performing {
        Box::pin(async move { self.effect(call, effect).await })
    }

    fn number_free(self: Arc<Self>, phone: Phone, at: Timestamp) {
        self.notify_number_free(phone, at);
    }
}
