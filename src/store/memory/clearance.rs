//! What stands against a call that wants to ring, asked of the maps of this process.

use std::sync::Arc;

use super::Memory;
use crate::call::{Call, Decision};
use crate::store::clearance::{Asking, Clearance, Want};

impl Memory {
    pub(in crate::store) fn clear(&self, asking: &Asking<'_>, want: Want) -> Clearance {
        let mut clearance = self.look(asking);
        if want != Want::Take || !clearance.number_is_free(asking.now) {
            return clearance;
        }
        let (call, often, now) = (asking.call, asking.often, asking.now);
        if asking.is_new {
            clearance.admitted = self.admit(&call.owner, often, now);
            if !clearance.admitted {
                return self.look(asking);
            }
            clearance.room.key_minute = None;
        }
        let starts = clearance.house_is_free(now) && (!asking.needs_start || self.pace.take(now));
        if starts {
            clearance.claimed = self.claim(call.reservation.phone, call.id, often, now);
            if !clearance.claimed && asking.needs_start {
                self.pace.give_back();
            }
        }
        if clearance.claimed {
            clearance
        } else {
            Clearance {
                admitted: clearance.admitted,
                ..self.look(asking)
            }
        }
    }

    fn look(&self, asking: &Asking<'_>) -> Clearance {
        let (call, now) = (asking.call, asking.now);
        let phone = call.reservation.phone;
        let mut clearance = Clearance {
            opted_out: self.is_opted_out(phone),
            taken: self.is_taken(phone, call.id),
            room: self.room(phone, &call.owner, asking.often, now),
            slot: if asking.needs_start {
                self.pace.slot(&call.owner, call.id, now)
            } else {
                None
            },
            ..Clearance::default()
        };
        let open = self.open_calls(phone);
        for other in open
            .into_iter()
            .filter(|id| *id != call.id)
            .filter_map(|id| self.load(id))
        {
            // A key 9 counts from the moment it was pressed, also before the number is on the list.
            clearance.opted_out |= other.decision() == Some(Decision::OptedOut);
            if asking.is_new && clearance.duplicate.is_none() && is_duplicate(&other, call) {
                clearance.duplicate = Some(other.id);
            }
        }
        clearance
    }
}

/// Whether `other` is open, of the same key, and asks for the very same.
fn is_duplicate(other: &Arc<Call>, call: &Call) -> bool {
    !other.is_finished()
        && other.owner == call.owner
        && other.reservation.asks_the_same(&call.reservation)
}
