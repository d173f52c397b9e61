//! What stands against a call that wants to ring, asked of the maps of this process.

use std::sync::Arc;

use super::Memory;
use crate::call::{Call, Decision};
use crate::store::dial_grant::{DialGrant, DialMode, DialRequest};

impl Memory {
    pub(in crate::store) fn request_dial(
        &self,
        asking: &DialRequest<'_>,
        want: DialMode,
    ) -> DialGrant {
        let mut grant = self.look(asking);
        if want != DialMode::Acquire || !grant.number_allows(asking.now) {
            return grant;
        }
        let (call, often, now) = (asking.call, asking.often, asking.now);
        if asking.is_new {
            grant.admitted = self.admit(&call.owner, often, now);
            if !grant.admitted {
                return self.look(asking);
            }
            grant.room.key_minute = None;
        }
        let starts =
            grant.global_limits_allow(now) && (!asking.needs_start || self.start_rate.take(now));
        if starts {
            grant.claimed = self.claim(call.reservation.phone, call.id, often, now);
            if !grant.claimed && asking.needs_start {
                self.start_rate.return_start();
            }
        }
        if grant.claimed {
            grant
        } else {
            DialGrant {
                admitted: grant.admitted,
                ..self.look(asking)
            }
        }
    }

    fn look(&self, asking: &DialRequest<'_>) -> DialGrant {
        let (call, now) = (asking.call, asking.now);
        let phone = call.reservation.phone;
        let mut grant = DialGrant {
            opted_out: self.is_opted_out(phone),
            taken: self.is_taken(phone, call.id),
            room: self.room(phone, &call.owner, asking.often, now),
            slot: if asking.needs_start {
                self.start_rate.slot(&call.owner, call.id, now)
            } else {
                None
            },
            ..DialGrant::default()
        };
        let open = self.open_calls(phone);
        for other in open
            .into_iter()
            .filter(|id| *id != call.id)
            .filter_map(|id| self.load(id))
        {
            // A key 9 counts from the moment it was pressed, also before the number is on the list.
            grant.opted_out |= other.decision() == Some(Decision::OptedOut);
            if asking.is_new && grant.duplicate.is_none() && is_duplicate(&other, call) {
                grant.duplicate = Some(other.id);
            }
        }
        grant
    }
}

/// Whether `other` is open, of the same key, and asks for the very same.
fn is_duplicate(other: &Arc<Call>, call: &Call) -> bool {
    !other.is_finished()
        && other.owner == call.owner
        && other.reservation.asks_the_same(&call.reservation)
}
