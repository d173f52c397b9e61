//! Grants a dial. One script looks at the number and at the limits that all calls share, takes
//! both, and saves a new call. In a cluster these lie in different slots, so they are three
//! scripts.

mod answers;

use std::sync::Arc;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use self::answers::{LimitsAnswer, LimitsState, NumberAnswer, NumberState, OtherCall, limits_of};
use super::Redis;
use super::moments::{LONGEST, millis, millis_of};
use super::numbers::OPT_OUT_LIFE;
use super::record::Stored;
use crate::call::{Call, Decision};
use crate::domain::{CallId, Phone};
use crate::store::{
    CallStore as _, DialGrant, DialMode, DialRequest, LONGEST_LINE, NumberStore as _, StoreError,
};

/// Age at which a number taken by a call without a line, or an open call that is not stored, is
/// left over from an instance that died. An intent may be sent for five seconds only.
const STALE: SignedDuration = SignedDuration::from_secs(15);

/// The changes that the scripts make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScriptMode {
    Peek = 0,
    /// Adds the call to the open calls of its number, and counts a create.
    Register = 1,
    /// Does that and, if there is no obstacle, takes the number and a start.
    Acquire = 2,
    /// Adds the call to the open calls, and takes the number unless another call has it.
    Adopt = 3,
}

/// The answers of the scripts of one dial.
struct DialAnswer {
    number: NumberState,
    limits: LimitsState,
    /// The call that was stored with its grant.
    stored: Option<Arc<Call>>,
}

impl Redis {
    pub(super) async fn grant_dial(
        &self,
        request: &DialRequest<'_>,
        mode: DialMode,
    ) -> Result<DialGrant, StoreError> {
        let phone = request.call.reservation.phone;
        let mode = match mode {
            DialMode::Peek => ScriptMode::Peek,
            DialMode::Register => ScriptMode::Register,
            // An opt-out that waits to be written is known to this process alone.
            DialMode::Acquire if self.remembered.is_opted_out(phone) => ScriptMode::Register,
            DialMode::Acquire => ScriptMode::Acquire,
        };
        let mut answer = self.ask(request, mode, false).await?;
        let mut others = self.others(request, &answer.number).await?;
        if self.remove_stale(request, &answer.number, &others).await? {
            answer = self.ask(request, mode, false).await?;
            others = self.others(request, &answer.number).await?;
        }
        let grant = self.grant(request, &answer, &others);
        // If other calls to the number are open, the script takes nothing the first time: key 9
        // counts from the moment it is pressed, so those calls are looked at before anything is
        // taken.
        let must_ask_again =
            mode == ScriptMode::Acquire && !answer.number.claimed && !others.is_empty();
        if !must_ask_again || !grant.number_allows(request.now) {
            return Ok(grant);
        }
        let answer = self.ask(request, mode, true).await?;
        Ok(self.grant(request, &answer, &others))
    }

    /// Runs the script or scripts. `beside_others`: the caller has looked at the other open calls.
    async fn ask(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
    ) -> Result<DialAnswer, StoreError> {
        if self.link.is_cluster() {
            return self.ask_cluster(request, mode, beside_others).await;
        }
        let intent = request.intent.filter(|_| mode == ScriptMode::Acquire);
        let answer = self.ask_server(request, mode, beside_others, intent).await;
        if let (Err(_), Some(intent)) = (&answer, intent) {
            // The call may have been stored before the answer was lost, but its client is told that
            // it was not created.
            self.write_behind.revoke(intent.id, intent.version);
        }
        answer
    }

    /// Runs the one script of a single server, which saves `intent` as well.
    async fn ask_server(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
        intent: Option<&Call>,
    ) -> Result<DialAnswer, StoreError> {
        let mut script = self.scripts.dial.prepare_invoke();
        self.add_number_args(&mut script, request, mode, beside_others);
        self.add_limits_args(&mut script, request, mode);
        let stored = intent.map(|call| Stored::after(None, &Arc::new(call.clone()), self.instance));
        match &stored {
            Some(stored) => self.add_record(&mut script, stored)?,
            None => drop(script.arg("")),
        }
        let save = stored
            .as_ref()
            .map(|stored| self.owned.save(stored.call.id));
        let connection = self.link.connection();
        let (number, limits, is_stored): (NumberAnswer, LimitsAnswer, u8) =
            self.link.run("numbers", &script).await?;
        let stored = match (stored, save) {
            (Some(stored), Some(save)) if is_stored == 1 => {
                save.done(&stored, connection);
                Some(stored.call)
            }
            _ => None,
        };
        Ok(DialAnswer {
            number: self.number(request, number),
            limits: limits_of(request, &limits),
            stored,
        })
    }

    /// Runs the scripts of a cluster: number, limits, and the release of a number that was taken
    /// although the limits had no room.
    async fn ask_cluster(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
    ) -> Result<DialAnswer, StoreError> {
        let mut script = self.scripts.number.prepare_invoke();
        self.add_number_args(&mut script, request, mode, beside_others);
        let number = self.number(request, self.link.run("numbers", &script).await?);
        let mode = if number.claimed {
            ScriptMode::Acquire
        } else {
            ScriptMode::Peek
        };
        let limits = match self.limits(request, mode).await {
            Ok(limits) => limits,
            Err(error) => {
                if number.claimed {
                    self.release(request.call, request.now).await;
                }
                return Err(error);
            }
        };
        if number.claimed && !limits.started {
            let counted = request.limits.number_hour.or(request.limits.number_day);
            let counted = counted.map(|_| request.now);
            self.release_number(request.call, false, counted).await?;
        }
        Ok(DialAnswer {
            number,
            limits,
            stored: None,
        })
    }

    /// Runs the script of the limits that all calls share.
    async fn limits(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
    ) -> Result<LimitsState, StoreError> {
        let mut script = self.scripts.limits.prepare_invoke();
        self.add_limits_args(&mut script, request, mode);
        let answer: LimitsAnswer = self.link.run("limits", &script).await?;
        Ok(limits_of(request, &answer))
    }

    /// Counts a create that does not dial at once; `false`: its limit leaves no room.
    pub(super) async fn admit_create(&self, request: &DialRequest<'_>) -> Result<bool, StoreError> {
        let request = DialRequest {
            is_new: true,
            needs_start: false,
            ..*request
        };
        Ok(request.limits.key_minute.is_none()
            || self.limits(&request, ScriptMode::Register).await?.admitted)
    }

    /// Adds a call that was rebuilt from its ticket to the open calls of its number. If it has a
    /// line, it takes the number as well, unless another call has it.
    ///
    /// # Errors
    /// The server cannot be asked: the number looks free to others, although the line is open.
    pub(super) async fn adopt_line(&self, call: &Call) -> Result<(), StoreError> {
        let request = DialRequest {
            call,
            limits: &crate::policy::CallLimits::OFF,
            is_new: false,
            needs_start: false,
            intent: None,
            now: call.updated_at,
        };
        let mode = if call.has_line() {
            ScriptMode::Adopt
        } else {
            ScriptMode::Register
        };
        let mut script = self.scripts.number.prepare_invoke();
        self.add_number_args(&mut script, &request, mode, true);
        let _known: NumberAnswer = self.link.run("numbers", &script).await?;
        Ok(())
    }

    /// Adds the four keys and eleven arguments of `ask_number` in number.lua.
    fn add_number_args(
        &self,
        script: &mut redis::ScriptInvocation<'_>,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
    ) {
        let (call, limits) = (request.call, request.limits);
        let keys = self.names.number(call.reservation.phone);
        script
            .key(keys.open)
            .key(keys.live)
            .key(keys.starts)
            .key(keys.opted_out);
        script
            .arg(millis_of(request.now))
            .arg(mode as u8)
            .arg(&self.names.entry(call))
            .arg(call.id.as_bytes());
        script
            .arg(limit_arg(limits.number_hour))
            .arg(limit_arg(limits.number_day))
            .arg(u8::from(request.is_new));
        script
            .arg(millis(LONGEST_LINE))
            .arg(millis(LONGEST))
            .arg(millis(OPT_OUT_LIFE))
            .arg(u8::from(beside_others));
    }

    /// Adds the five keys and nine arguments of `ask_limits` in limits.lua.
    fn add_limits_args(
        &self,
        script: &mut redis::ScriptInvocation<'_>,
        request: &DialRequest<'_>,
        mode: ScriptMode,
    ) {
        let owner = self.names.owner(&request.call.owner);
        script
            .key(self.names.global(&format!("minute:{owner}")))
            .key(self.names.global("day"));
        self.add_queue_keys(script);
        script
            .arg(millis_of(request.now))
            .arg(mode as u8)
            .arg(request.call.id.as_bytes())
            .arg(owner);
        script
            .arg(limit_arg(request.limits.key_minute))
            .arg(limit_arg(request.limits.service_day))
            .arg(self.start_interval);
        script
            .arg(u8::from(request.needs_start))
            .arg(u8::from(request.is_new));
    }

    /// Loads the other open calls to a number. An identical one stands against a new call, so its
    /// newest state is loaded; of the others a recent state is enough.
    async fn others(
        &self,
        request: &DialRequest<'_>,
        number: &NumberState,
    ) -> Result<Vec<Option<Arc<Call>>>, StoreError> {
        let load = async |other: &OtherCall| {
            if other.identical && request.is_new {
                self.load(other.id).await
            } else {
                self.recent(other.id).await
            }
        };
        try_join_all(number.others.iter().map(load)).await
    }

    /// Turns the answers of the scripts and the other open calls into a grant.
    fn grant(
        &self,
        request: &DialRequest<'_>,
        answer: &DialAnswer,
        others: &[Option<Arc<Call>>],
    ) -> DialGrant {
        let DialAnswer {
            number,
            limits,
            stored,
        } = answer;
        let identical = number.others.iter().find(|other| other.identical);
        let opts_out = |call: &Arc<Call>| call.decision() == Some(Decision::OptedOut);
        let mut grant = DialGrant {
            duplicate: identical.filter(|_| request.is_new).map(|other| other.id),
            opted_out: number.opted_out || others.iter().flatten().any(opts_out),
            taken: number.live.is_some_and(|(id, _)| id != request.call.id),
            slot: limits.slot,
            admitted: number.claimed && limits.admitted,
            claimed: number.claimed && limits.started,
            stored: stored.clone(),
            ..DialGrant::default()
        };
        (grant.room.number_hour, grant.room.number_day) = (number.hour, number.day);
        (grant.room.key_minute, grant.room.service_day) = (limits.minute, limits.day);
        grant.creates = limits.creates.filter(|_| grant.admitted);
        grant
    }

    /// Removes entries of the number that instances left behind when they died. Returns whether
    /// there were any.
    async fn remove_stale(
        &self,
        request: &DialRequest<'_>,
        number: &NumberState,
        others: &[Option<Arc<Call>>],
    ) -> Result<bool, StoreError> {
        let is_old = |at: Timestamp| request.now.duration_since(at) > STALE;
        let phone = request.call.reservation.phone;
        let mut removed = false;
        if let Some((id, at)) = number.live
            && id != request.call.id
            && is_old(at)
            && !self.load(id).await?.is_some_and(|call| call.has_line())
        {
            self.remove_stale_entry(phone, id, None).await?;
            removed = true;
        }
        for (other, call) in number.others.iter().zip(others) {
            let is_stale = match call {
                Some(call) => call.is_finished(),
                None => is_old(other.since),
            };
            if is_stale {
                self.remove_stale_entry(phone, other.id, Some(&other.entry))
                    .await?;
                removed = true;
            }
        }
        Ok(removed)
    }

    /// Releases the number from a call; with `entry`, removes that from the open calls as well.
    async fn remove_stale_entry(
        &self,
        phone: Phone,
        id: CallId,
        entry: Option<&Vec<u8>>,
    ) -> Result<(), StoreError> {
        let (is_closed, entry) = (entry.is_some(), entry.map_or(&[][..], Vec::as_slice));
        self.release_entry(phone, entry, id.as_bytes(), is_closed, None)
            .await
            .map(drop)
    }
}

/// A limit as an argument of a script; empty: no limit.
fn limit_arg(limit: Option<u32>) -> String {
    limit.map(|most| most.to_string()).unwrap_or_default()
}
