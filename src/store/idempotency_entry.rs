//! The value stored under an `Idempotency-Key`, and the hashes of keys and of requests.

use crate::call::Call;
use crate::domain::{CallId, Name, Reservation};

/// Hash of an `Idempotency-Key` with its owner.
pub type IdempotencyKey = [u8; 16];

/// The value stored under an `Idempotency-Key`: its call, and the request that made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyEntry {
    /// The call that the first request became.
    pub call: CallId,
    /// Hash of that request, as it was understood when the call was made.
    pub request: [u8; 16],
}

impl IdempotencyEntry {
    /// The entry that a call stores under its idempotency key.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            call: call.id,
            request: request_hash(&call.reservation),
        }
    }

    /// Whether the request that made the call asked for this.
    #[must_use]
    pub fn asks_for(&self, reservation: &Reservation) -> bool {
        self.request == request_hash(reservation)
    }
}

/// A hash by which a repeated request is recognized.
fn request_hash(reservation: &Reservation) -> [u8; 16] {
    // A retry may arrive in another Unicode form, from another input method.
    let compared = Reservation {
        name: reservation.name.canonical(),
        restaurant: reservation.restaurant.as_ref().map(Name::canonical),
        ..reservation.clone()
    };
    let extension = reservation.guest_extension.as_ref();
    let extension = extension.map_or(&b""[..], |extension| extension.as_str().as_bytes());
    let request = postcard::to_allocvec(&compared).unwrap_or_default();
    match &reservation.opening_hours {
        // The same hash as in versions without opening hours, whose entries may still be stored.
        None => digest(&[&request, extension]),
        Some(hours) => digest(&[&request, extension, hours.as_str().as_bytes()]),
    }
}

/// The first half of a SHA-256 over the parts, each after its length.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context
        .finish()
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}
