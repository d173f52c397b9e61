//! Tickets: a call, sealed into the end of its webhook URLs.
//!
//! A ticket holds everything that a process needs to finish a call it has never seen. It is
//! encrypted and authenticated with XChaCha20-Poly1305 under the first of a list of keys; all of
//! them open. Version and purpose are authenticated too, so that a status URL is no answer URL.
//! Nothing here decides anything about a call.
//!
//! Layout before base64: version (1 byte), key hint (1), nonce (24), ciphertext with tag.

mod vault;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chacha20::hchacha;
use jiff::{SignedDuration, Timestamp};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::call::{AccountTier, Attempt, Call, CarryOver};
use crate::domain::{CallId, LaterFields, Phone, Reservation, millis};

pub use vault::Vault;

/// The form of ticket that is sealed and opened here.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEAD: usize = 2 + NONCE;
const TAG: usize = 16;
/// Longer texts are no tickets: the longest reservation gives about 2,300 characters.
const LONGEST: usize = 4_000;

/// Life of a ticket. Ring and talk take six minutes at most; the rest is for a queue at Twilio and
/// for callbacks that come late.
pub const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The purpose of the URL, which is authenticated with the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketPurpose {
    /// Documents of the conversation, and the results of its Gathers.
    Voice,
    /// Status callbacks.
    Status,
    /// The verdict of answering-machine detection.
    Machine,
    /// The results of Gathers in a call that came to us.
    Inbound,
}

/// The head of every ticket: enough for a process that has the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Our name of the call.
    pub call: CallId,
    /// Number of the attempt.
    pub attempt: u8,
    /// A digest of the account that Twilio must name.
    pub account: [u8; 8],
    /// Time at which it was sealed.
    #[serde(with = "millis")]
    pub sealed_at: Timestamp,
}

/// The rest: what a process needs that does not know the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketBody {
    /// The name of the API key that made the call.
    pub owner: Arc<str>,
    /// The reservation, with the terms of the request.
    pub reservation: Arc<Reservation>,
    /// The time of the client's request.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// The version the call had.
    pub version: u64,
    /// Our number that rings the restaurant.
    pub from: Phone,
    /// The parameters that the account accepts.
    pub tier: AccountTier,
    /// Idempotency hash and trace context.
    pub carry_over: CarryOver,
}

impl TicketBody {
    /// The body of a ticket for `call`, rung from `from` with the parameters of `tier`.
    #[must_use]
    pub fn of(call: &Call, from: Phone, tier: AccountTier) -> Self {
        Self {
            owner: call.owner.clone(),
            reservation: call.reservation.clone(),
            created_at: call.created_at,
            version: call.version,
            from,
            tier,
            carry_over: call.carry_over,
        }
    }
}

/// A ticket that was sealed by us, for this purpose, and not too long ago.
#[derive(Debug)]
pub struct Opened {
    /// The head, which is opened first.
    pub head: Head,
    rest: Vec<u8>,
}

/// Reasons to refuse a text as a ticket.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// No text that any version of ours makes.
    #[error("not a ticket")]
    Malformed,
    /// Not sealed with a key of ours for this purpose, or changed since.
    #[error("not a ticket of ours for this purpose")]
    Forged,
    /// Older than [`LIFE`].
    #[error("the ticket has expired")]
    Expired(Opened),
}

/// Reasons to refuse a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64.
    #[error("must be base64")]
    NotBase64,
    /// Not 32 bytes.
    #[error("must be 32 bytes")]
    WrongLength,
}

/// One secret of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Reads a key as `tablecall keygen` prints it.
    ///
    /// # Errors
    /// Not base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD
            .decode(text.trim())
            .map_err(|_| KeyError::NotBase64)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| KeyError::WrongLength)
    }

    /// A key that follows from a secret which all processes share anyway.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tablecall");
        let mut key = [0; 32];
        let derived = salt.extract(secret);
        // No step can fail for 32 bytes of SHA-256 output; an empty key would open nothing of
        // ours.
        if let Ok(okm) = derived.expand(&[b"ticket keys, version 1"], hkdf::HKDF_SHA256) {
            let _filled = okm.fill(&mut key);
        }
        Self(key)
    }

    /// A new random key, in base64.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<String, ring::error::Unspecified> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key)?;
        Ok(BASE64_STANDARD.encode(key))
    }

    /// The bytes as the first block of a hash, for another use than tickets.
    pub(crate) fn block(&self) -> [u8; 64] {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        block
    }

    /// A short text by which instances compare keys without showing them: the first eight bytes,
    /// in hexadecimal digits, of an HMAC-SHA256 under the key over `purpose` and a text of its own.
    /// It reveals nothing about the key, and keys for different purposes never look alike.
    #[must_use]
    pub fn fingerprint(&self, purpose: &str) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.0);
        let message = format!("tablecall key fingerprint, version 1: {purpose}");
        let tag = ring::hmac::sign(&key, message.as_bytes());
        let short = tag.as_ref().first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(short))
    }

    /// A byte that distinguishes keys without revealing them.
    fn hint(&self) -> u8 {
        ring::digest::digest(&ring::digest::SHA256, &self.0)
            .as_ref()
            .first()
            .copied()
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Seals and opens tickets.
#[derive(Debug)]
pub struct Tickets {
    keys: Vec<(u8, Key)>,
    random: SystemRandom,
}

impl Tickets {
    /// The first key seals, all open.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        Self {
            keys: keys.into_iter().map(|key| (key.hint(), key)).collect(),
            random: SystemRandom::new(),
        }
    }

    /// Seals what a process will need.
    ///
    /// # Errors
    /// The system has no randomness to give, or there is no key.
    pub fn seal(
        &self,
        purpose: TicketPurpose,
        head: &Head,
        body: &TicketBody,
    ) -> Result<String, ring::error::Unspecified> {
        let [text] = self.seal_each([purpose], head, body)?;
        Ok(text)
    }

    /// Seals the same for each of several purposes: it is written down, and randomness asked for,
    /// once.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_each<const N: usize>(
        &self,
        purposes: [TicketPurpose; N],
        head: &Head,
        body: &TicketBody,
    ) -> Result<[String; N], ring::error::Unspecified> {
        let (hint, key) = self.keys.first().ok_or(ring::error::Unspecified)?;
        let mut nonces = [[0; NONCE]; N];
        self.random.fill(nonces.as_flattened_mut())?;
        let mut plain = postcard::to_allocvec(head).map_err(|_| ring::error::Unspecified)?;
        plain = postcard::to_extend(body, plain).map_err(|_| ring::error::Unspecified)?;
        let later = LaterFields::of(&body.reservation);
        plain = postcard::to_extend(&later, plain).map_err(|_| ring::error::Unspecified)?;
        let mut texts = [const { String::new() }; N];
        for ((purpose, nonce), text) in purposes.into_iter().zip(nonces).zip(&mut texts) {
            let mut sealed = Vec::with_capacity(HEAD + plain.len() + TAG);
            sealed.extend_from_slice(&[VERSION, *hint]);
            sealed.extend_from_slice(&nonce);
            sealed.extend_from_slice(&plain);
            let (cipher, nonce) = cipher(key, &nonce)?;
            let tag = cipher.seal_in_place_separate_tag(
                nonce,
                Aad::from([VERSION, purpose.byte()]),
                sealed.get_mut(HEAD..).unwrap_or_default(),
            )?;
            sealed.extend_from_slice(tag.as_ref());
            *text = BASE64_URL_SAFE_NO_PAD.encode(sealed);
        }
        Ok(texts)
    }

    /// Opens a ticket that was sealed for `purpose`.
    ///
    /// # Errors
    /// It was not, or too long ago.
    pub fn open(
        &self,
        text: &str,
        purpose: TicketPurpose,
        now: Timestamp,
    ) -> Result<Opened, TicketError> {
        let bytes = Self::decode(text).ok_or(TicketError::Malformed)?;
        let opened = self.decrypt(bytes, purpose).ok_or(TicketError::Forged)?;
        let age = now.duration_since(opened.head.sealed_at);
        if age > LIFE {
            Err(TicketError::Expired(opened))
        } else {
            Ok(opened)
        }
    }

    /// The bytes of a ticket, checked for its form only.
    fn decode(text: &str) -> Option<Vec<u8>> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() >= HEAD + TAG && bytes.first() == Some(&VERSION)).then_some(bytes)
    }

    fn decrypt(&self, mut bytes: Vec<u8>, purpose: TicketPurpose) -> Option<Opened> {
        let (head, sealed) = bytes.split_at_mut_checked(HEAD)?;
        let (start, nonce) = head.split_at_checked(2)?;
        let [_version, hint] = *start else {
            return None;
        };
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        // Keys rarely share a hint; a failed opening leaves the text garbled, so each try gets its
        // own copy.
        let mut keys = self
            .keys
            .iter()
            .filter(|(known, _)| *known == hint)
            .peekable();
        while let Some((_, key)) = keys.next() {
            let mut copy = keys.peek().map(|_| sealed.to_vec());
            let target = copy.as_deref_mut().unwrap_or(sealed);
            let (cipher, nonce) = cipher(key, &nonce).ok()?;
            if let Ok(plain) =
                cipher.open_in_place(nonce, Aad::from([VERSION, purpose.byte()]), target)
            {
                let (head, rest) = postcard::take_from_bytes::<Head>(plain).ok()?;
                return Some(Opened {
                    head,
                    rest: rest.to_vec(),
                });
            }
        }
        None
    }
}

impl Opened {
    /// The rest of the ticket; `None` when a later version of ours sealed it in a form that this
    /// one does not know.
    #[must_use]
    pub fn body(&self) -> Option<TicketBody> {
        let (mut body, rest) = postcard::take_from_bytes::<TicketBody>(&self.rest).ok()?;
        LaterFields::read(rest).complete(Arc::make_mut(&mut body.reservation));
        Some(body)
    }

    /// The call as far as the ticket holds it.
    #[must_use]
    pub fn call(&self, now: Timestamp) -> Option<Call> {
        let body = self.body()?;
        let mut call = Call::new(
            self.head.call,
            body.owner,
            body.reservation,
            body.created_at,
        );
        call.carry_over = body.carry_over;
        let attempt = Attempt {
            tier: body.tier,
            ..Attempt::new(self.head.attempt, body.from, self.head.sealed_at)
        };
        Some(call.taken_over(attempt, body.version, now))
    }
}

impl TicketPurpose {
    const fn byte(self) -> u8 {
        match self {
            Self::Voice => b'v',
            Self::Status => b's',
            Self::Machine => b'm',
            Self::Inbound => b'i',
        }
    }
}

/// XChaCha20-Poly1305 is ChaCha20-Poly1305 under a subkey: `ring` does the second part five times
/// as fast as the pure Rust implementation of the whole.
fn cipher(
    key: &Key,
    nonce: &[u8; NONCE],
) -> Result<(LessSafeKey, Nonce), ring::error::Unspecified> {
    let (first, last) = nonce.split_at(16);
    let first: [u8; 16] = first.try_into().map_err(|_| ring::error::Unspecified)?;
    let subkey = hchacha::<chacha20::R20>(&key.0.into(), &first.into());
    let mut short = [0; 12];
    short[4..].copy_from_slice(last);
    let cipher = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &subkey)?);
    Ok((cipher, Nonce::assume_unique_for_key(short)))
}

#[cfg(test)]
mod tests;
