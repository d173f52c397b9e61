//! The proof that an operator asks, not Twilio: who knows the auth token may read why a webhook was
//! refused. It opens nothing else.

use hmac::Mac as _;
use jiff::Timestamp;

use super::Verifier;

/// The header in which `tablecall doctor` proves that it knows the auth token.
pub const PROOF_HEADER: &str = "x-tablecall-doctor";
/// The header of a refusal that holds its likely cause; sent to a proven operator only.
pub const HINT_HEADER: &str = "x-tablecall-hint";

/// Seconds that a proof may be old, or ahead of this clock.
const LIFE: i64 = 300;

/// The value of [`PROOF_HEADER`] for this token and moment: the seconds since 1970, a dot, and the
/// HMAC-SHA256 of them in hexadecimal.
#[must_use]
pub fn prove(auth_token: &str, now: Timestamp) -> String {
    let seconds = now.as_second();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, auth_token.as_bytes());
    let tag = ring::hmac::sign(&key, signed(seconds).as_bytes());
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{seconds}.{hex}")
}

impl Verifier {
    /// Returns whether the value of [`PROOF_HEADER`] was made lately with one of the auth tokens.
    #[must_use]
    pub fn is_operator(&self, proof: &[u8], now: Timestamp) -> bool {
        let read = || {
            let (seconds, hex) = std::str::from_utf8(proof).ok()?.split_once('.')?;
            let seconds: i64 = seconds.parse().ok()?;
            let recent = (seconds - now.as_second()).abs() <= LIFE;
            let mut tag = [0; 32];
            let digits = hex.as_bytes().chunks_exact(2);
            (recent && hex.len() == 64).then_some(())?;
            for (byte, digits) in tag.iter_mut().zip(digits) {
                *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            }
            Some((seconds, tag))
        };
        let Some((seconds, tag)) = read() else {
            return false;
        };
        self.tokens.iter().any(|token| {
            let mac = token.keyed.sha256.clone().chain_update(signed(seconds));
            mac.verify_slice(&tag).is_ok()
        })
    }
}

/// No webhook begins like this, so a proof is no signature of one.
fn signed(seconds: i64) -> String {
    format!("tablecall doctor\n{seconds}\n")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_proof_holds_for_minutes_and_for_its_token_alone() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        let none: [(&str, &str); 0] = [];
        let verifier = Verifier::new("https://a.example", &["new", "old"], &none).unwrap();
        for token in ["new", "old"] {
            let proof = prove(token, now);
            assert!(verifier.is_operator(proof.as_bytes(), at(200)));
            assert!(verifier.is_operator(proof.as_bytes(), at(-200)));
            assert!(!verifier.is_operator(proof.as_bytes(), at(301)));
        }
        assert!(!verifier.is_operator(prove("other", now).as_bytes(), now));
        let proof = prove("new", now);
        let moved = proof.replacen(
            &now.as_second().to_string(),
            &at(1).as_second().to_string(),
            1,
        );
        for wrong in [
            "",
            ".",
            "x.y",
            &proof[..proof.len() - 1],
            &moved,
            &format!("{proof}0"),
        ] {
            assert!(!verifier.is_operator(wrong.as_bytes(), now), "{wrong}");
        }
    }
}
