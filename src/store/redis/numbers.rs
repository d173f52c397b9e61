//! The calls that hold numbers, the attempts to them, and the opted-out numbers, which all
//! instances share.
//!
//! These are leases beside the calls, in slots of their own. Traces of instances that died are
//! removed by the instance that meets them.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::keys::ids_of;
use super::moments::{millis, millis_of, moment};
use crate::call::Call;
use crate::domain::{CallId, Phone};
use crate::policy::CallLimits;
use crate::store::dial_grant::{Creates, DialGrant, DialMode, DialRequest};
use crate::store::{NumberStore, StoreError};

/// Life of an opted-out number after it was last asked about.
pub(super) const OPT_OUT_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Redis {
    async fn uncount_day(&self, at: Timestamp) {
        self.take_back(0.0, Some(at)).await;
    }

    pub(super) async fn release_number(
        &self,
        call: &Call,
        gone: bool,
        uncount: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (phone, entry) = (call.reservation.phone, self.names.entry(call));
        self.release_entry(phone, &entry, call.id.as_bytes(), gone, uncount)
            .await
    }

    /// Runs the script that releases a number from the call `id`. `is_closed` removes the call's
    /// `entry` from the open ones; `uncount` takes back a start that was counted then. Returns
    /// whether other calls to the number are open.
    pub(super) async fn release_entry(
        &self,
        phone: Phone,
        entry: &[u8],
        id: &[u8],
        is_closed: bool,
        uncount: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let keys = self.names.number(phone);
        let mut script = self.scripts.release.prepare_invoke();
        script.key(keys.open).key(keys.live).key(keys.starts);
        script
            .arg(entry)
            .arg(id)
            .arg(u8::from(is_closed))
            .arg(uncount.map(millis_of).unwrap_or_default());
        let others: i64 = self.link.run("numbers", &script).await?;
        Ok(others > 0)
    }

    /// The name is the same in all instances. One with another index key waits until its key fits.
    pub(super) async fn write_opt_out(&self, phone: Phone) -> Result<(), StoreError> {
        self.has_index()?;
        let mut cmd = redis::cmd("SET");
        cmd.arg(self.names.number(phone).opted_out)
            .arg(1)
            .arg("PX")
            .arg(millis(OPT_OUT_LIFE));
        self.link.ask("opt_outs", &cmd).await
    }
}

impl NumberStore for Redis {
    async fn request_dial(
        &self,
        asking: &DialRequest<'_>,
        want: DialMode,
    ) -> Result<DialGrant, StoreError> {
        self.may_place()?;
        self.grant_dial(asking, want).await
    }

    async fn admit(&self, asking: &DialRequest<'_>) -> Result<bool, StoreError> {
        self.may_place()?;
        self.admit_create(asking).await
    }

    /// Creates of an API key that count for the limit per minute.
    async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, StoreError> {
        let minute = self
            .names
            .global(&format!("minute:{}", self.names.owner(owner)));
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
    async fn unregister(&self, call: &Call) {
        let _others = self.release_number(call, true, None).await;
    }

    /// Gives a number back that was claimed at `at` but not rung.
    async fn release(&self, call: &Call, at: Timestamp) {
        // If this fails, the entry is stale and is removed later.
        let _others = self.release_number(call, false, Some(at)).await;
        self.uncount_day(at).await;
    }

    async fn uncount(&self, call: &Call, at: Timestamp) {
        let phone = call.reservation.phone;
        // The number stays with whoever has it: only the start is taken back.
        let _others = self.release_entry(phone, &[], &[], false, Some(at)).await;
        self.uncount_day(at).await;
    }

    /// Returns whether a call holds the number now.
    async fn has_line(&self, phone: Phone) -> Result<bool, StoreError> {
        let mut cmd = redis::cmd("EXISTS");
        self.link
            .ask("numbers", cmd.arg(self.names.number(phone).live))
            .await
    }

    async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, StoreError> {
        let keys = self.names.number(phone);
        let mut cmd = redis::cmd("ZRANGE");
        let open: Vec<Vec<u8>> = self
            .link
            .ask("numbers", cmd.arg(keys.open).arg(0).arg(-1))
            .await?;
        Ok(ids_of(&open))
    }

    async fn opt_out(&self, phone: Phone, now: Timestamp) -> Result<(), StoreError> {
        self.remembered.opt_out(phone);
        let written = self.write_opt_out(phone).await;
        if matches!(written, Err(StoreError::Away | StoreError::Full)) {
            if self.has_index().is_err() {
                tracing::error!(
                    "staff asked never to be called again, which the other instances do not learn: TABLECALL_INDEX_KEY is not theirs; \
                     add the number of the call to TABLECALL_DO_NOT_CALL"
                );
            }
            // It counts here at once, and everywhere as soon as the server is back.
            self.write_behind.opt_out(phone, now);
            self.count_waiting();
            return Ok(());
        }
        written
    }

    async fn is_opted_out(&self, phone: Phone) -> Result<bool, StoreError> {
        if self.remembered.is_opted_out(phone) {
            return Ok(true);
        }
        let mut cmd = redis::cmd("PEXPIRE");
        self.link
            .ask(
                "opt_outs",
                cmd.arg(self.names.number(phone).opted_out)
                    .arg(millis(OPT_OUT_LIFE)),
            )
            .await
    }
}
