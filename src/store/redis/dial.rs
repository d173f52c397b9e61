//! Lets a call ring: its number and what all calls share are asked about and taken in one script,
//! which stores a new call as well. The slots of a cluster make that three scripts.

mod answers;

use std::sync::Arc;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use self::answers::{Limits, LimitsAnswer, Number, NumberAnswer, Other, limits_of};
use super::Redis;
use super::moments::{LONGEST, millis, millis_of};
use super::numbers::OPT_OUT_LIFE;
use super::record::Stored;
use crate::call::{Call, Decision};
use crate::domain::{CallId, Phone};
use crate::store::{
    CallStore as _, DialGrant, DialMode, DialRequest, LONGEST_LINE, NumberStore as _, StoreError,
};

/// So long after it was taken a number whose call has no line, or an open call that is not stored,
/// is a trace of an instance that died: an intent may be sent for five seconds only.
const TRACE: SignedDuration = SignedDuration::from_secs(15);

/// The changes that the scripts make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScriptMode {
    Peek = 0,
    /// The call is entered among the open ones of its number; a create is counted.
    Register = 1,
    /// That, and what it takes to ring is taken.
    Acquire = 2,
    /// It is entered, and holds the number unless another call does.
    Adopt = 3,
}

/// The answers of the scripts of one dial.
struct Asked {
    number: Number,
    limits: Limits,
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
            // A wish that waits to be written is known here alone.
            DialMode::Acquire if self.write_behind.is_opted_out(phone) => ScriptMode::Register,
            DialMode::Acquire => ScriptMode::Acquire,
        };
        let mut asked = self.ask(request, mode, false).await?;
        let mut others = self.others(request, &asked.number).await?;
        if self.clear_traces(request, &asked.number, &others).await? {
            asked = self.ask(request, mode, false).await?;
            others = self.others(request, &asked.number).await?;
        }
        let grant = self.grant(request, &asked, &others);
        // Beside other open calls nothing is taken before they were looked at: a key 9 counts from
        // the moment it was pressed.
        let is_held_back =
            mode == ScriptMode::Acquire && !asked.number.claimed && !others.is_empty();
        if !is_held_back || !grant.number_allows(request.now) {
            return Ok(grant);
        }
        let asked = self.ask(request, mode, true).await?;
        Ok(self.grant(request, &asked, &others))
    }

    /// Asks about the number and what all calls share, and takes both or neither.
    async fn ask(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
    ) -> Result<Asked, StoreError> {
        if self.link.is_cluster() {
            return self.ask_apart(request, mode, beside_others).await;
        }
        let intent = request.intent.filter(|_| mode == ScriptMode::Acquire);
        let asked = self.ask_at_once(request, mode, beside_others, intent);
        let asked = asked.await;
        if let (Err(_), Some(intent)) = (&asked, intent) {
            // It may have been stored before the answer was lost, and the client learns that it was
            // not made.
            self.write_behind.revoke(intent.id, intent.version);
        }
        asked
    }

    async fn ask_at_once(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
        intent: Option<&Call>,
    ) -> Result<Asked, StoreError> {
        let mut script = self.scripts.dial.prepare_invoke();
        self.ask_number(&mut script, request, mode, beside_others);
        self.ask_limits(&mut script, request, mode);
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
        Ok(Asked {
            number: self.number(request, number),
            limits: limits_of(request, &limits),
            stored,
        })
    }

    /// The same in a cluster, where number and limits are in different slots.
    async fn ask_apart(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
        beside_others: bool,
    ) -> Result<Asked, StoreError> {
        let mut script = self.scripts.number.prepare_invoke();
        self.ask_number(&mut script, request, mode, beside_others);
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
        Ok(Asked {
            number,
            limits,
            stored: None,
        })
    }

    /// Asks about what all calls share alone.
    async fn limits(
        &self,
        request: &DialRequest<'_>,
        mode: ScriptMode,
    ) -> Result<Limits, StoreError> {
        let mut script = self.scripts.limits.prepare_invoke();
        self.ask_limits(&mut script, request, mode);
        let answer: LimitsAnswer = self.link.run("limits", &script).await?;
        Ok(limits_of(request, &answer))
    }

    /// Counts a create that does not ring at once; whether its limit leaves room.
    pub(super) async fn admit_create(&self, request: &DialRequest<'_>) -> Result<bool, StoreError> {
        let request = DialRequest {
            is_new: true,
            needs_start: false,
            ..*request
        };
        Ok(request.limits.key_minute.is_none()
            || self.limits(&request, ScriptMode::Register).await?.admitted)
    }

    /// A call that came back from its ticket is open, and holds its number unless another call
    /// does.
    pub(super) async fn adopt_line(&self, call: &Call) {
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
        self.ask_number(&mut script, &request, mode, true);
        // What cannot be taken now is a number that looks free; the line keeps it all the same.
        let _known: Result<NumberAnswer, StoreError> = self.link.run("numbers", &script).await;
    }

    /// The four keys and eleven arguments of a number.
    fn ask_number(
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
            .arg(most(limits.number_hour))
            .arg(most(limits.number_day))
            .arg(u8::from(request.is_new));
        script
            .arg(millis(LONGEST_LINE))
            .arg(millis(LONGEST))
            .arg(millis(OPT_OUT_LIFE))
            .arg(u8::from(beside_others));
    }

    /// The five keys and nine arguments of what all calls share.
    fn ask_limits(
        &self,
        script: &mut redis::ScriptInvocation<'_>,
        request: &DialRequest<'_>,
        mode: ScriptMode,
    ) {
        let owner = self.names.owner(&request.call.owner);
        script
            .key(self.names.global(&format!("minute:{owner}")))
            .key(self.names.global("day"));
        script
            .key(self.names.global("beat"))
            .key(self.names.global("line"))
            .key(self.names.global("rounds"));
        script
            .arg(millis_of(request.now))
            .arg(mode as u8)
            .arg(request.call.id.as_bytes())
            .arg(owner);
        script
            .arg(most(request.limits.key_minute))
            .arg(most(request.limits.service_day))
            .arg(self.start_interval);
        script
            .arg(u8::from(request.needs_start))
            .arg(u8::from(request.is_new));
    }

    /// The other open calls to a number. Those that ask for the very same stand against a new call,
    /// so their newest state is wanted.
    async fn others(
        &self,
        request: &DialRequest<'_>,
        number: &Number,
    ) -> Result<Vec<Option<Arc<Call>>>, StoreError> {
        let load = async |other: &Other| {
            if other.identical && request.is_new {
                self.load(other.id).await
            } else {
                self.recent(other.id).await
            }
        };
        try_join_all(number.others.iter().map(load)).await
    }

    /// Turns the answers into a grant.
    fn grant(
        &self,
        request: &DialRequest<'_>,
        asked: &Asked,
        others: &[Option<Arc<Call>>],
    ) -> DialGrant {
        let Asked {
            number,
            limits,
            stored,
        } = asked;
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

    /// Removes what instances left behind that died: whether there was any.
    async fn clear_traces(
        &self,
        request: &DialRequest<'_>,
        number: &Number,
        others: &[Option<Arc<Call>>],
    ) -> Result<bool, StoreError> {
        let is_old = |at: Timestamp| request.now.duration_since(at) > TRACE;
        let phone = request.call.reservation.phone;
        let mut cleared = false;
        if let Some((id, at)) = number.live
            && id != request.call.id
            && is_old(at)
            && !self.load(id).await?.is_some_and(|call| call.has_line())
        {
            self.remove_stale_entry(phone, id, None).await?;
            cleared = true;
        }
        for (other, call) in number.others.iter().zip(others) {
            let is_stale = match call {
                Some(call) => call.is_finished(),
                None => is_old(other.since),
            };
            if is_stale {
                self.remove_stale_entry(phone, other.id, Some(&other.entry))
                    .await?;
                cleared = true;
            }
        }
        Ok(cleared)
    }

    /// Takes a call off its number; with its entry also from among the open ones.
    async fn remove_stale_entry(
        &self,
        phone: Phone,
        id: CallId,
        entry: Option<&Vec<u8>>,
    ) -> Result<(), StoreError> {
        let keys = self.names.number(phone);
        let mut script = self.scripts.release.prepare_invoke();
        script.key(keys.open).key(keys.live).key(keys.starts);
        script
            .arg(entry.map_or(&[][..], Vec::as_slice))
            .arg(id.as_bytes())
            .arg(u8::from(entry.is_some()))
            .arg("");
        let _open: i64 = self.link.run("numbers", &script).await?;
        Ok(())
    }
}

fn most(limit: Option<u32>) -> String {
    limit.map(|most| most.to_string()).unwrap_or_default()
}
