//! The keys of one input, small enough to be copied with their event.

use std::fmt;
use std::ops::Deref;

/// The most bytes that are kept. Four digits and hash are the longest input with a meaning.
const MOST: usize = 14;

/// Keys that were pressed in answer to one document, as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyText {
    length: u8,
    bytes: [u8; MOST],
}

impl KeyText {
    /// The keys in `text`. What is longer than 14 bytes is cut: it means nothing either way.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = text.floor_char_boundary(MOST);
        let mut bytes = [0; MOST];
        bytes
            .iter_mut()
            .zip(text.bytes().take(end))
            .for_each(|(slot, byte)| *slot = byte);
        Self {
            length: u8::try_from(end).unwrap_or_default(),
            bytes,
        }
    }
}

impl Deref for KeyText {
    type Target = str;

    fn deref(&self) -> &str {
        let text = self.bytes.get(..self.length.into()).unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_as_they_are_and_long_input_is_cut_between_characters() {
        for text in ["", "1", "*", "1930#", "0123456789*#12"] {
            assert_eq!(&*KeyText::new(text), text);
        }
        assert_eq!(&*KeyText::new("012345678901234"), "01234567890123");
        assert_eq!(&*KeyText::new("0123456789012é"), "0123456789012");
    }
}
