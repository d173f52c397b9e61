//! Remembers texts that take longer to work out than all the rest of a document.
//!
//! It holds no state of a call: what it forgets is worked out again.

use std::hash::Hash;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

/// Most texts that are remembered.
const KEPT: usize = 512;

/// Texts by what they say. They are too few for anybody to make their hashes collide.
#[derive(Debug)]
pub(super) struct Memo<K>(RwLock<FxHashMap<K, Box<str>>>);

impl<K> Default for Memo<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Copy + Eq + Hash> Memo<K> {
    /// Passes the text for `key` to `write`; `make` works it out if it is not remembered.
    pub(super) fn write(&self, key: K, make: impl FnOnce() -> String, write: impl FnOnce(&str)) {
        if let Some(text) = self.0.read().get(&key) {
            return write(text);
        }
        let text = make();
        write(&text);
        self.put(key, text);
    }

    /// Remembers a text.
    pub(super) fn put(&self, key: K, text: String) {
        let mut known = self.0.write();
        if known.len() >= KEPT {
            known.clear();
        }
        let _before = known.insert(key, text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_worked_out_once() {
        let memo = Memo::default();
        let mut said = String::new();
        memo.write(1, || "one".to_owned(), |text| said.push_str(text));
        memo.write(
            1,
            || unreachable!("it is remembered"),
            |text| said.push_str(text),
        );
        assert_eq!(said, "oneone");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let memo = Memo::default();
        for number in 0..3 * KEPT {
            memo.write(
                number,
                || number.to_string(),
                |text| assert_eq!(text, number.to_string()),
            );
        }
        assert!(memo.0.read().len() <= KEPT);
    }
}
