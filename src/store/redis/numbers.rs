//! Who has a number, how often it was rung, and who must not be rung: what all calls share.
//!
//! These are leases beside the calls, in slots of their own. Traces of instances that died are
//! removed by who meets them.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::calls::{LONGEST, millis_of};
use crate::call::{Call, Decision};
use crate::domain::{CallId, Phone};
use crate::policy::CallLimits;
use crate::store::dial_grant::{Creates, DialGrant, DialMode, DialRequest};
use crate::store::{CallStore as _, Error, NumberStore};

/// Longer than any line: ring, talk and Twilio's queue.
const LOCK: SignedDuration = SignedDuration::from_mins(75);
/// So long after it was taken a number whose call has no line, or an open call that is not stored,
/// is a trace of an instance that died: an intent may be sent for five seconds only.
const TRACE: SignedDuration = SignedDuration::from_secs(15);
/// How long a wish not to be called is kept after its last use.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);
/// What the number script is asked for beside [`DialMode`]: a line that is there already.
const ADOPT: u8 = 3;

/// What the number script answers.
type Answer = (u8, Vec<u8>, u8, String, String, Vec<Vec<u8>>);

/// What is known of a number.
struct Number {
    opted_out: bool,
    /// Who has it, and since when.
    live: Option<(CallId, Timestamp)>,
    claimed: bool,
    hour: Option<Timestamp>,
    day: Option<Timestamp>,
    others: Vec<Other>,
}

/// Another open call to it.
struct Other {
    id: CallId,
    /// As it stands there.
    entry: Vec<u8>,
    /// It asks for the very same.
    identical: bool,
    since: Timestamp,
}

/// What is known of what all calls share.
#[derive(Default)]
struct House {
    admitted: bool,
    started: bool,
    minute: Option<Timestamp>,
    day: Option<Timestamp>,
    slot: Option<Timestamp>,
    /// As they are after this.
    creates: Option<Creates>,
}

impl Redis {
    /// A number that was taken on this occasion is not rung after all.
    async fn give_number_back(&self, asking: &DialRequest<'_>) -> Result<(), Error> {
        let is_counted = asking
            .often
            .number_hour
            .or(asking.often.number_day)
            .is_some();
        self.vacate_number(asking.call, false, is_counted.then_some(asking.now))
            .await
            .map(drop)
    }

    async fn number(&self, asking: &DialRequest<'_>, wanted: u8) -> Result<Number, Error> {
        let (call, often) = (asking.call, asking.often);
        let keys = self.names.number(call.reservation.phone);
        let entry = self.names.entry(call);
        let mut script = self.scripts.number.prepare_invoke();
        script
            .key(keys.open)
            .key(keys.live)
            .key(keys.starts)
            .key(keys.opted_out);
        script
            .arg(asking.now.as_millisecond().to_string())
            .arg(wanted)
            .arg(&entry)
            .arg(call.id.as_bytes());
        script
            .arg(most(often.number_hour))
            .arg(most(often.number_day))
            .arg(u8::from(asking.is_new));
        script
            .arg(millis(LOCK))
            .arg(millis(LONGEST))
            .arg(millis(YEAR));
        let (opted_out, live, claimed, hour, day, others): Answer =
            self.link.run("numbers", &script).await?;
        let others = others.chunks_exact(2).filter_map(|pair| {
            let (open, at) = (pair.first()?, pair.get(1)?);
            let id = CallId::from_bytes(*open.first_chunk()?);
            let (identical, since) = (
                open.get(16..) == entry.get(16..),
                moment(str::from_utf8(at).ok()?)?,
            );
            Some(Other {
                id,
                entry: open.clone(),
                identical,
                since,
            })
        });
        let has = |live: &[u8]| {
            let (id, at) = live.split_at_checked(16)?;
            Some((
                CallId::from_bytes(id.try_into().ok()?),
                moment(str::from_utf8(at).ok()?)?,
            ))
        };
        Ok(Number {
            opted_out: opted_out == 1 || self.unwritten.is_opted_out(call.reservation.phone),
            live: has(&live),
            claimed: claimed == 1,
            hour: moment(&hour),
            day: moment(&day),
            others: others.collect(),
        })
    }

    /// What stands against a call, as far as its number goes.
    async fn clearance(
        &self,
        asking: &DialRequest<'_>,
        number: &Number,
    ) -> Result<DialGrant, Error> {
        let taken = number.live.is_some_and(|(id, _)| id != asking.call.id);
        let mut grant = DialGrant {
            opted_out: number.opted_out,
            taken,
            ..DialGrant::default()
        };
        (grant.room.number_hour, grant.room.number_day) = (number.hour, number.day);
        for Other { id, identical, .. } in &number.others {
            if *identical && asking.is_new {
                grant.duplicate.get_or_insert(*id);
            }
            // A key 9 counts from the moment it was pressed, also before the number is on the list.
            let other = self.recent(*id).await?;
            grant.opted_out |=
                other.is_some_and(|other| other.decision() == Some(Decision::OptedOut));
        }
        Ok(grant)
    }

    /// Removes what instances left behind that died: whether there was any.
    async fn clear_traces(&self, asking: &DialRequest<'_>, number: &Number) -> Result<bool, Error> {
        let is_old = |at: Timestamp| asking.now.duration_since(at) > TRACE;
        let mut cleared = false;
        if let Some((id, at)) = number.live
            && id != asking.call.id
            && is_old(at)
            && !self.load(id).await?.is_some_and(|call| call.has_line())
        {
            self.strike(asking.call.reservation.phone, id, None).await?;
            cleared = true;
        }
        for Other {
            id,
            entry,
            identical,
            since,
        } in &number.others
        {
            // Calls under way are many at some numbers; only those that stand against this one are
            // worth a look.
            let matters = *identical && asking.is_new;
            let call = if matters {
                self.load(*id).await?
            } else {
                self.recent(*id).await?
            };
            if call.as_ref().is_some_and(|call| call.is_finished())
                || call.is_none() && is_old(*since)
            {
                self.strike(asking.call.reservation.phone, *id, Some(entry))
                    .await?;
                cleared = true;
            }
        }
        Ok(cleared)
    }

    /// Takes a call off its number; with its entry also from among the open ones.
    async fn strike(&self, phone: Phone, id: CallId, entry: Option<&Vec<u8>>) -> Result<(), Error> {
        let keys = self.names.number(phone);
        let mut script = self.scripts.vacate.prepare_invoke();
        script.key(keys.open).key(keys.live).key(keys.starts);
        script
            .arg(entry.map_or(&[][..], Vec::as_slice))
            .arg(id.as_bytes())
            .arg(u8::from(entry.is_some()))
            .arg("");
        let _open: i64 = self.link.run("numbers", &script).await?;
        Ok(())
    }

    async fn house(&self, asking: &DialRequest<'_>, wanted: u8) -> Result<House, Error> {
        let often = asking.often;
        let paced = asking.needs_start && self.beat > 0.0;
        let limited = often.service_day.is_some() || asking.is_new && often.key_minute.is_some();
        if !paced && !limited {
            return Ok(House {
                admitted: asking.is_new,
                started: true,
                ..House::default()
            });
        }
        let owner = self.names.owner(&asking.call.owner);
        let mut script = self.scripts.house.prepare_invoke();
        script
            .key(self.names.house(&format!("minute:{owner}")))
            .key(self.names.house("day"));
        script
            .key(self.names.house("beat"))
            .key(self.names.house("line"))
            .key(self.names.house("rounds"));
        script
            .arg(asking.now.as_millisecond().to_string())
            .arg(wanted)
            .arg(asking.call.id.as_bytes())
            .arg(owner);
        script
            .arg(most(often.key_minute))
            .arg(most(often.service_day))
            .arg(self.beat);
        script
            .arg(u8::from(asking.needs_start))
            .arg(u8::from(asking.is_new));
        let (admitted, started, minute, day, slot, made, oldest): (
            u8,
            u8,
            String,
            String,
            String,
            usize,
            String,
        ) = self.link.run("limits", &script).await?;
        let (minute, day, slot) = (moment(&minute), moment(&day), moment(&slot));
        let counted = asking.is_new && often.key_minute.is_some();
        let creates = counted.then(|| Creates {
            made,
            oldest: moment(&oldest),
        });
        Ok(House {
            admitted: admitted == 1,
            started: started == 1,
            minute,
            day,
            slot,
            creates,
        })
    }

    async fn uncount_day(&self, at: Timestamp) {
        let mut script = self.scripts.return_start.prepare_invoke();
        script
            .key(self.names.house("beat"))
            .key(self.names.house("day"))
            .arg(0)
            .arg(millis_of(at));
        let _done: Result<i64, Error> = self.link.run("limits", &script).await;
    }

    async fn vacate_number(
        &self,
        call: &Call,
        gone: bool,
        uncount: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let keys = self.names.number(call.reservation.phone);
        let mut script = self.scripts.vacate.prepare_invoke();
        script.key(keys.open).key(keys.live).key(keys.starts);
        script
            .arg(&self.names.entry(call))
            .arg(call.id.as_bytes())
            .arg(u8::from(gone));
        script.arg(uncount.map(millis_of).unwrap_or_default());
        let others: i64 = self.link.run("numbers", &script).await?;
        Ok(others > 0)
    }

    /// A call that came back from its ticket is open, and has its number if nobody else has it.
    pub(super) async fn adopt_line(&self, call: &Call) {
        let often = CallLimits::OFF;
        let asking = DialRequest {
            call,
            often: &often,
            is_new: false,
            needs_start: false,
            now: call.updated_at,
        };
        let _known = self
            .number(&asking, if call.has_line() { ADOPT } else { 1 })
            .await;
    }

    pub(super) async fn write_opt_out(&self, phone: Phone) -> Result<(), Error> {
        let mut cmd = redis::cmd("SET");
        cmd.arg(self.names.number(phone).opted_out)
            .arg(1)
            .arg("PX")
            .arg(millis(YEAR));
        self.link.ask("opt_outs", &cmd).await
    }
}

impl NumberStore for Redis {
    async fn request_dial(
        &self,
        asking: &DialRequest<'_>,
        want: DialMode,
    ) -> Result<DialGrant, Error> {
        let wanted = match want {
            DialMode::Peek => 0,
            DialMode::Register => 1,
            DialMode::Acquire => 2,
        };
        let mut number = self.number(asking, wanted).await?;
        if self.clear_traces(asking, &number).await? {
            number = self.number(asking, wanted).await?;
        }
        let mut grant = self.clearance(asking, &number).await?;
        // A key 9 that is not on the list yet was not seen by who took the number.
        let claimed = number.claimed && !grant.opted_out;
        if number.claimed && !claimed {
            self.give_number_back(asking).await?;
        }
        let house = match self.house(asking, if claimed { 2 } else { 0 }).await {
            Ok(house) => house,
            Err(error) => {
                if claimed {
                    self.release(asking.call, asking.now).await;
                }
                return Err(error);
            }
        };
        (grant.room.key_minute, grant.room.service_day) = (house.minute, house.day);
        grant.slot = house.slot;
        grant.admitted = claimed && house.admitted;
        grant.creates = house.creates.filter(|_| grant.admitted);
        grant.claimed = claimed && house.started;
        if claimed && !house.started {
            self.give_number_back(asking).await?;
        }
        Ok(grant)
    }

    async fn admit(&self, asking: &DialRequest<'_>) -> Result<bool, Error> {
        let asking = DialRequest {
            is_new: true,
            needs_start: false,
            ..*asking
        };
        Ok(asking.often.key_minute.is_none() || self.house(&asking, 1).await?.admitted)
    }

    /// How many creates of an API key count for the minute's limit.
    async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, Error> {
        let minute = self
            .names
            .house(&format!("minute:{}", self.names.owner(owner)));
        let since = now
            .saturating_sub(CallLimits::MINUTE)
            .unwrap_or(Timestamp::MIN);
        let mut cmd = redis::cmd("ZRANGE");
        cmd.arg(minute)
            .arg(format!("({}", millis_of(since)))
            .arg("+inf")
            .arg("BYSCORE")
            .arg("WITHSCORES");
        let creates: Vec<(Vec<u8>, f64)> = self.link.ask("limits", &cmd).await?;
        let oldest = creates.first().and_then(|(_, at)| moment(&at.to_string()));
        Ok(Creates {
            made: creates.len(),
            oldest,
        })
    }

    /// A call that was entered will never be stored.
    async fn leave(&self, call: &Call) {
        let _others = self.vacate_number(call, true, None).await;
    }

    /// Gives a number back that was claimed at `at` but not rung.
    async fn release(&self, call: &Call, at: Timestamp) {
        // What cannot be asked for now is a trace that is removed later.
        let _others = self.vacate_number(call, false, Some(at)).await;
        self.uncount_day(at).await;
    }

    async fn uncount(&self, call: &Call, at: Timestamp) {
        let keys = self.names.number(call.reservation.phone);
        let mut script = self.scripts.vacate.prepare_invoke();
        script
            .key(keys.open)
            .key(keys.live)
            .key(keys.starts)
            .arg("")
            .arg("")
            .arg("0")
            .arg(millis_of(at));
        let _open: Result<i64, Error> = self.link.run("numbers", &script).await;
        self.uncount_day(at).await;
    }

    /// A call has lost its line, or is finished; whether other calls to its number are open.
    async fn vacate(&self, call: &Call) -> Result<bool, Error> {
        self.vacate_number(call, call.is_finished(), None).await
    }

    /// Who has a number now.
    async fn has_line(&self, phone: Phone) -> Result<bool, Error> {
        let mut cmd = redis::cmd("EXISTS");
        self.link
            .ask("numbers", cmd.arg(self.names.number(phone).live))
            .await
    }

    async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, Error> {
        let keys = self.names.number(phone);
        let mut cmd = redis::cmd("ZRANGE");
        let open: Vec<Vec<u8>> = self
            .link
            .ask("numbers", cmd.arg(keys.open).arg(0).arg(-1))
            .await?;
        Ok(open
            .iter()
            .filter_map(|entry| entry.first_chunk::<16>().copied().map(CallId::from_bytes))
            .collect())
    }

    async fn opt_out(&self, phone: Phone, now: Timestamp) -> Result<(), Error> {
        let written = self.write_opt_out(phone).await;
        if matches!(written, Err(Error::Away | Error::Full)) {
            // It counts here at once, and everywhere as soon as the server is back.
            self.unwritten.opt_out(phone, now);
            self.count_unwritten();
            return Ok(());
        }
        written
    }

    async fn is_opted_out(&self, phone: Phone) -> Result<bool, Error> {
        if self.unwritten.is_opted_out(phone) {
            return Ok(true);
        }
        let mut cmd = redis::cmd("PEXPIRE");
        self.link
            .ask(
                "opt_outs",
                cmd.arg(self.names.number(phone).opted_out)
                    .arg(millis(YEAR)),
            )
            .await
    }
}

fn most(limit: Option<u32>) -> String {
    limit.map(|most| most.to_string()).unwrap_or_default()
}

pub(super) fn millis(duration: SignedDuration) -> String {
    duration.as_millis().to_string()
}

/// A moment as scripts write it; nothing where they write nothing.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let millis: f64 = text.parse().ok()?;
    let whole = format!("{:.0}", millis.ceil()).parse().ok()?;
    Timestamp::from_millisecond(whole).ok()
}
