//! Seals what is kept outside of the process, with the keys of the tickets but for a purpose of its
//! own: no record opens as a ticket, and none opens under another name than its own. Nothing here
//! knows what it seals.
//!
//! Layout: version (1 byte), key hint (1), nonce (24), ciphertext with tag.

use ring::aead::Aad;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{HEAD, Key, NONCE, TAG, cipher};

/// The form of what is sealed and opened here.
const VERSION: u8 = 1;
/// No byte that a ticket's purpose has.
const PURPOSE: u8 = b'r';

/// Seals and opens records.
#[derive(Clone, Debug)]
pub struct Vault {
    keys: Vec<(u8, Key)>,
    random: SystemRandom,
}

impl Vault {
    /// The first key seals, all open.
    #[must_use]
    pub fn new(keys: &[Key]) -> Self {
        Self {
            keys: keys.iter().map(|key| (key.hint(), key.clone())).collect(),
            random: SystemRandom::new(),
        }
    }

    /// Appends `plain`, sealed under `name`, to `out`.
    ///
    /// # Errors
    /// The system has no randomness to give, or there is no key.
    pub fn seal(
        &self,
        name: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ring::error::Unspecified> {
        let (hint, key) = self.keys.first().ok_or(ring::error::Unspecified)?;
        let mut nonce = [0; NONCE];
        self.random.fill(&mut nonce)?;
        let mut text = plain.to_vec();
        let (cipher, short) = cipher(key, &nonce)?;
        cipher.seal_in_place_append_tag(short, Aad::from(bound_to(name)), &mut text)?;
        out.extend_from_slice(&[VERSION, *hint]);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&text);
        Ok(())
    }

    /// Opens a text that was sealed under `name`; `None` if it was not, or with none of our keys.
    #[must_use]
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (head, text) = sealed
            .split_at_checked(HEAD)
            .filter(|(_, text)| text.len() >= TAG)?;
        let (start, nonce) = head.split_at_checked(2)?;
        let [VERSION, hint] = *start else { return None };
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        self.keys
            .iter()
            .filter(|(known, _)| *known == hint)
            .find_map(|(_, key)| {
                let mut text = text.to_vec();
                let (cipher, short) = cipher(key, &nonce).ok()?;
                let length = cipher
                    .open_in_place(short, Aad::from(bound_to(name)), &mut text)
                    .ok()?
                    .len();
                text.truncate(length);
                Some(text)
            })
    }
}

fn bound_to(name: &[u8]) -> Vec<u8> {
    [&[VERSION, PURPOSE], name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(secrets: &[&str]) -> Vault {
        Vault::new(
            &secrets
                .iter()
                .map(|secret| Key::derive(secret.as_bytes()))
                .collect::<Vec<_>>(),
        )
    }

    fn sealed(vault: &Vault, name: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        vault.seal(name, plain, &mut out).unwrap();
        out
    }

    #[test]
    fn a_record_opens_under_its_own_name_only() {
        let vault = vault(&["a"]);
        let text = sealed(&vault, b"one", b"a table for four");
        assert_eq!(vault.open(b"one", &text).unwrap(), b"a table for four");
        assert_eq!(vault.open(b"two", &text), None);
        assert!(!text.windows(5).any(|part| part == b"table"));
        assert_eq!(vault.open(b"one", &text[..HEAD + 3]), None);
        assert_eq!(vault.open(b"one", &[]), None);
    }

    #[test]
    fn keys_rotate() {
        let text = sealed(&vault(&["old"]), b"one", b"text");
        assert!(vault(&["new", "old"]).open(b"one", &text).is_some());
        assert!(vault(&["new"]).open(b"one", &text).is_none());
    }
}
