//! A call that is never placed: before a server is used, and while it refuses something, each
//! thing that a call asks of it is asked once, under names of its own. A server that lacks a
//! command, a permission, memory or a replica says so here and not to a client.
//!
//! The methods of the store itself are used, so that nothing is forgotten here that is added there.
//! Their answers do not matter, only whether the server refuses anything.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::failure::ServerFailure;
use super::keys::Names;
use super::link::Link;
use super::wire::Wire;
use super::{Dependencies, Redis};
use crate::call::{Call, Event, step};
use crate::domain::{CallId, Country, Name, PartySize, Phone, Reservation};
use crate::policy::CallLimits;
use crate::store::{
    CallCounts, DialMode, DialRequest, IdempotencyEntry, IdempotencyStore as _, NumberStore as _,
    OutboxStore as _, StartRate as _, StoreError,
};

/// The owner of rehearsed calls.
const OWNER: &str = "rehearsal";
/// The idempotency key of their requests.
const KEY: [u8; 16] = *b"rehearsal's key.";
/// Life of the keys that a rehearsal has written and could not remove.
const LIFE: SignedDuration = SignedDuration::from_mins(1);

impl Redis {
    /// Asks everything of the server, on a connection that is not in use yet.
    pub(super) async fn rehearse(&self, wire: &Wire) -> Result<(), ServerFailure> {
        let Some(call) = rehearsed() else {
            return Ok(());
        };
        let stage = self.stage(wire.clone());
        // The connection notes a failure.
        let _done = tokio::join!(
            stage.rehearse_call(&call),
            stage.rehearse_starts(&call),
            stage.rehearse_rest(&call),
        );
        stage.clear(&call).await;
        stage.link.failure().map_or(Ok(()), Err)
    }

    /// The same store under other names, which notes what is refused and logs nothing.
    fn stage(&self, wire: Wire) -> Self {
        Self::of(Dependencies {
            link: Link::rehearsing(&self.link, wire),
            names: self.names.for_rehearsal(),
            scripts: self.scripts.clone(),
            records: self.records.clone(),
            retention: LIFE,
            start_interval: 1.0,
            fingerprints: self.fingerprints.clone(),
            opted_out: HashSet::new(),
        })
    }

    /// Its number is taken, it is stored, saved, and gives its number back.
    async fn rehearse_call(&self, call: &Call) -> Result<(), StoreError> {
        let now = call.created_at;
        let dial = Event::Dial {
            from: call.reservation.phone,
        };
        let intent = step(call, dial, now).call;
        let request = DialRequest {
            call,
            limits: &CallLimits::USUAL,
            is_new: true,
            needs_start: true,
            intent: Some(&intent),
            now,
        };
        self.grant_dial(&request, DialMode::Acquire).await?;
        // A cluster stores it apart; elsewhere it is there already.
        let intent = Arc::new(intent);
        self.put(None, &intent).await?;
        let saved = Arc::new(Call {
            version: intent.version + 1,
            ..(*intent).clone()
        });
        self.put_over(Some(intent.version), &saved, true).await?;
        self.stored(call.id).await?;
        self.claim_left(now, 1).await?;
        self.due_events(now, now, 1).await?;
        let shard = Names::shard(call.id);
        self.newest_ids(&call.owner, &[shard], None, 1).await?;
        self.unlist(&call.owner, call.id).await;
        self.postpone(call.id, now).await;
        self.revoke(call.id, saved.version).await?;
        self.keep_from_revocation(call.id).await?;
        self.release(call, now).await;
        Ok(())
    }

    /// It waits for a start, and gets one.
    async fn rehearse_starts(&self, call: &Call) -> Result<(), StoreError> {
        self.enqueue(&call.owner, call.id).await?;
        // Its turn has come by then, whatever the others have rehearsed.
        let later = clock::later(call.created_at, LIFE);
        self.dequeue_start(later).await?;
        self.return_start().await;
        self.creates(OWNER, call.created_at).await?;
        let own = CallCounts::default();
        self.counts_of_all(&own, call.created_at).await?;
        Ok(())
    }

    /// Its key, the wishes of its staff, and whether its number is taken.
    async fn rehearse_rest(&self, call: &Call) -> Result<(), StoreError> {
        let phone = call.reservation.phone;
        let entry = IdempotencyEntry {
            call: call.id,
            request: KEY,
        };
        self.set_idempotency_entry(KEY, entry).await?;
        self.idempotency_entry(KEY).await?;
        self.unreserve(KEY, call.id).await;
        self.write_opt_out(phone).await?;
        self.is_opted_out(phone).await?;
        self.has_line(phone).await?;
        self.open_calls(phone).await?;
        Ok(())
    }

    /// Removes what was written. What stays expires.
    async fn clear(&self, call: &Call) {
        let shard = Names::shard(call.id);
        let number = self.names.number(call.reservation.phone);
        let list = self.names.calls_of(OWNER, shard);
        let minute = format!("minute:{}", self.names.owner(OWNER));
        let shared = [&*minute, "day", "beat", "line", "rounds", "census"];
        let mut written = vec![
            self.names.call(call.id),
            self.names.due(shard),
            self.names.events(shard),
            list.calls,
            list.finished,
            number.open,
            number.live,
            number.starts,
            number.opted_out,
            self.names.idempotency(&KEY),
        ];
        written.extend(shared.map(|what| self.names.global(what)));
        // One by one: they lie in several slots of a cluster.
        let delete = async |name: String| {
            let mut cmd = redis::cmd("DEL");
            let _gone: Result<i64, StoreError> = self.link.ask("other", cmd.arg(name)).await;
        };
        futures_util::future::join_all(written.into_iter().map(delete)).await;
    }
}

/// The call; `None` never, as its test shows.
fn rehearsed() -> Option<Call> {
    let reservation = Reservation {
        country: Some(Country::US),
        give_up_at: Timestamp::UNIX_EPOCH,
        ..Reservation::new(
            Name::parse("Rehearsal").ok()?,
            // One of the numbers with which Twilio lets requests be tried.
            Phone::from_e164("+15005550006")?,
            "2000-01-01T12:00".parse().ok()?,
            PartySize::try_from(1).ok()?,
        )
    };
    // Any moment will do: scripts compare moments with each other.
    let now = Timestamp::UNIX_EPOCH;
    let id = CallId::from_bytes(uuid::Uuid::new_v4().into_bytes());
    Some(Call::new(id, OWNER.into(), Arc::new(reservation), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_call_to_rehearse() {
        let call = rehearsed().unwrap();
        assert!(!call.is_finished());
    }
}
