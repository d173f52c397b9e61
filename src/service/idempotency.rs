//! Hashes of idempotency keys and of the requests under them.

use crate::domain::{CallId, Name, Reservation};
use crate::store::{IdempotencyEntry, IdempotencyKey};

/// The hash under which an `Idempotency-Key` of `owner` is stored.
pub(super) fn idempotency_key(owner: &str, key: &str) -> IdempotencyKey {
    digest(&[owner.as_bytes(), key.as_bytes()])
}

/// The entry that a call stores under its idempotency key.
pub(super) fn idempotency_entry(call: CallId, reservation: &Reservation) -> IdempotencyEntry {
    IdempotencyEntry {
        call,
        request: request_hash(reservation),
    }
}

/// A hash by which a repeated request is recognized.
pub(super) fn request_hash(reservation: &Reservation) -> [u8; 16] {
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
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 16] {
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
