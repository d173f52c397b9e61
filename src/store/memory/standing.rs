//! What stands against a call that wants to ring, asked of the maps of this process.

use std::sync::Arc;

use super::Memory;
use crate::call::{Call, Decision};
use crate::store::standing::{Asking, Standing, Want};

impl Memory {
    pub(in crate::store) fn stand(&self, asking: &Asking<'_>, want: Want) -> Standing {
        let mut standing = self.look(asking);
        if want != Want::Take || !standing.number_is_free(asking.now) {
            return standing;
        }
        let (call, often, now) = (asking.call, asking.often, asking.now);
        if asking.is_new {
            standing.admitted = self.admit(&call.owner, often, now);
            if !standing.admitted {
                return self.look(asking);
            }
            standing.room.key_minute = None;
        }
        let starts = standing.house_is_free(now) && (!asking.needs_start || self.pace.take(now));
        if starts {
            standing.claimed = self.claim(call.reservation.phone, call.id, often, now);
            if !standing.claimed && asking.needs_start {
                self.pace.give_back();
            }
        }
        if standing.claimed { standing } else { Standing { admitted: standing.admitted, ..self.look(asking) } }
    }

    fn look(&self, asking: &Asking<'_>) -> Standing {
        let (call, now) = (asking.call, asking.now);
        let phone = call.reservation.phone;
        let mut standing = Standing {
            opted_out: self.is_opted_out(phone),
            taken: self.is_taken(phone, call.id),
            room: self.room(phone, &call.owner, asking.often, now),
            slot: if asking.needs_start { self.pace.slot(&call.owner, call.id, now) } else { None },
            ..Standing::default()
        };
        let open = self.open_calls(phone);
        for other in open.into_iter().filter(|id| *id != call.id).filter_map(|id| self.load(id)) {
            // A key 9 counts from the moment it was pressed, also before the number is on the list.
            standing.opted_out |= other.decision() == Some(Decision::OptedOut);
            if asking.is_new && standing.duplicate.is_none() && is_duplicate(&other, call) {
                standing.duplicate = Some(other.id);
            }
        }
        standing
    }
}

/// Whether `other` is open, of the same key, and asks for the very same.
fn is_duplicate(other: &Arc<Call>, call: &Call) -> bool {
    !other.is_finished() && other.owner == call.owner && other.reservation.asks_the_same(&call.reservation)
}
