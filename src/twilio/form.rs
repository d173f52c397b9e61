//! An urlencoded body, split and decoded once, for its signature and for its types alike.
//!
//! All names and values lie in one buffer, `name value name value …`: that is the text Twilio signs
//! after the URL, so pairs that come in order are signed in one piece. Nothing here is trusted or
//! interpreted; a form only becomes worth reading once
//! [`Verifier::verify`](super::signature::Verifier::verify) has accepted it.

mod encode;

use std::cmp::Ordering;
use std::ops::Range;

pub use encode::append;

/// A body longer than this is refused, bytes. Twilio's are below 4 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// A body with more pairs than this is refused. Twilio sends about 30.
const MAX_PAIRS: usize = 512;

/// Reason for which a body is not a form. Twilio sends none of these, and no signature would cover
/// a guess at the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Longer than [`MAX_BYTES`].
    #[error("the form is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_PAIRS`] pairs.
    #[error("the form has more than {MAX_PAIRS} pairs")]
    TooManyPairs,
    /// A `%` without two hexadecimal digits after it.
    #[error("the form has a broken percent escape")]
    BrokenEscape,
    /// A name or a value that is not UTF-8.
    #[error("the form is not UTF-8")]
    NotUtf8,
}

/// A decoded form: pairs in the order they came, repeated names and empty values kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    text: String,
    pairs: Vec<Pair>,
    signed: Signed,
}

/// The end of a pair. It begins at the end of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    name_end: usize,
    end: usize,
    /// The [`leading`] bytes of its name.
    leading: u64,
}

/// The signed stretches of the buffer, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Signed {
    /// The names came in order and none twice.
    Whole,
    Runs(Vec<Range<usize>>),
}

impl Form {
    /// Splits and decodes `body`: `+` is a space, `%XX` a byte, a pair without `=` has an empty
    /// value, and empty pairs (`&&`) are skipped.
    ///
    /// # Errors
    /// When the body is too long, has too many pairs, or cannot be decoded to UTF-8.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > MAX_BYTES {
            return Err(FormError::TooLong);
        }
        let (bytes, pairs) = split(body)?;
        let text = String::from_utf8(bytes).map_err(|_| FormError::NotUtf8)?;
        // The whole can be UTF-8 where a part is not: a character may have been cut by a `=` or
        // `&`.
        let cut =
            |pair: &Pair| !text.is_char_boundary(pair.name_end) || !text.is_char_boundary(pair.end);
        if pairs.iter().any(cut) {
            return Err(FormError::NotUtf8);
        }
        let mut form = Self {
            text,
            pairs,
            signed: Signed::Whole,
        };
        form.signed = form.signed();
        Ok(form)
    }

    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let sought = leading(name.as_bytes(), name.len());
        let alike = (0..self.pairs.len()).filter(|at| self.pairs[*at].leading == sought);
        alike
            .map(|at| self.pair(at))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// All pairs, in the order they came.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        (0..self.pairs.len()).map(|at| self.pair(at))
    }

    /// The pieces that are signed after the URL: names in byte order, each before each of its
    /// distinct values, which are in byte order too (twilio-node, -python and -php agree on
    /// repeated names; no other order is confirmed by more than one library).
    pub(super) fn signed_pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (whole, runs): (&[u8], &[Range<usize>]) = match &self.signed {
            Signed::Whole => (self.text.as_bytes(), &[]),
            Signed::Runs(runs) => (&[], runs),
        };
        std::iter::once(whole).chain(runs.iter().map(|run| &self.text.as_bytes()[run.clone()]))
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.pairs[before].end)
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        let Pair { name_end, end, .. } = self.pairs[at];
        (
            &self.text[self.start(at)..name_end],
            &self.text[name_end..end],
        )
    }

    /// Finds the order of the pairs, and joins those that are neighbours in the buffer already.
    fn signed(&self) -> Signed {
        let count = self.pairs.len();
        if (1..count).all(|at| self.compare(at - 1, at).is_lt()) {
            return Signed::Whole;
        }
        // Twilio's pairs come in order, but for a few: each is put in its place among those before
        // it, which most often is the last.
        let mut order: Vec<usize> = Vec::with_capacity(count);
        for new in 0..count {
            let place = match order.last() {
                Some(last) if self.compare(*last, new).is_ge() => {
                    order.partition_point(|known| self.compare(*known, new).is_lt())
                }
                Some(_) | None => order.len(),
            };
            if order
                .get(place)
                .is_none_or(|known| self.compare(*known, new).is_ne())
            {
                order.insert(place, new);
            }
        }
        Signed::Runs(self.runs(&order))
    }

    fn runs(&self, order: &[usize]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::with_capacity(order.len());
        for at in order {
            let piece = self.start(*at)..self.pairs[*at].end;
            match runs.last_mut() {
                Some(run) if run.end == piece.start => run.end = piece.end,
                Some(_) | None => runs.push(piece),
            }
        }
        runs
    }

    /// The order in which pairs are signed. Most names differ in their leading bytes.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.pairs[a]
            .leading
            .cmp(&self.pairs[b].leading)
            .then_with(|| self.pair(a).cmp(&self.pair(b)))
    }
}

/// The first eight bytes of a name as a number that orders as they do; zeros stand for what is not
/// there. The name is the first `length` bytes of `text`.
fn leading(text: &[u8], length: usize) -> u64 {
    let absent = u32::try_from(8_usize.saturating_sub(length) * 8).unwrap_or_default();
    // Most often more than eight bytes follow, of the value if not of the name.
    let eight = text.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded
            .iter_mut()
            .zip(text)
            .for_each(|(to, from)| *to = *from);
        padded
    });
    u64::MAX.checked_shl(absent).unwrap_or_default() & u64::from_be_bytes(eight)
}

/// Bytes that mean something else than themselves.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    special[b'%' as usize] = true;
    special[b'+' as usize] = true;
    special[b'&' as usize] = true;
    special[b'=' as usize] = true;
    special
};

/// Decodes into one buffer and notes where names and values end. Plain stretches are copied whole.
fn split(body: &[u8]) -> Result<(Vec<u8>, Vec<Pair>), FormError> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut pairs = Vec::with_capacity(32);
    let mut start = 0;
    let mut rest = body;
    let mut name_end = None;
    let mut begun = false;
    loop {
        let plain = rest
            .iter()
            .position(|byte| SPECIAL[usize::from(*byte)])
            .unwrap_or(rest.len());
        bytes.extend_from_slice(&rest[..plain]);
        begun |= plain > 0;
        let special = rest.get(plain).copied();
        rest = rest.get(plain + 1..).unwrap_or_default();
        match special {
            Some(b'=') if name_end.is_none() => (name_end, begun) = (Some(bytes.len()), true),
            Some(b'&') | None => {
                if begun {
                    if pairs.len() == MAX_PAIRS {
                        return Err(FormError::TooManyPairs);
                    }
                    let (name_end, end) = (name_end.unwrap_or(bytes.len()), bytes.len());
                    pairs.push(Pair {
                        name_end,
                        end,
                        leading: leading(&bytes[start..], name_end - start),
                    });
                    start = end;
                }
                if special.is_none() {
                    return Ok((bytes, pairs));
                }
                (name_end, begun) = (None, false);
            }
            Some(other) => {
                bytes.push(match other {
                    b'+' => b' ',
                    b'%' => escaped(&mut rest).ok_or(FormError::BrokenEscape)?,
                    itself => itself,
                });
                begun = true;
            }
        }
    }
}

/// Takes the two digits of an escape.
fn escaped(rest: &mut &[u8]) -> Option<u8> {
    let digit = |at: usize| {
        char::from(*rest.get(at)?)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let byte = digit(0)? << 4 | digit(1)?;
    *rest = &rest[2..];
    Some(byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::twilio::form::encode::encode;

    fn pairs(body: &str) -> Vec<(String, String)> {
        Form::parse(body.as_bytes())
            .unwrap()
            .pairs()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn signed(body: &str) -> (String, usize) {
        let form = Form::parse(body.as_bytes()).unwrap();
        let pieces: Vec<&[u8]> = form
            .signed_pieces()
            .filter(|piece| !piece.is_empty())
            .collect();
        (String::from_utf8(pieces.concat()).unwrap(), pieces.len())
    }

    #[test]
    fn bodies_are_decoded_as_twilio_encodes_them() {
        let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        assert_eq!(pairs(""), of(&[]));
        assert_eq!(pairs("&&a=1&&"), of(&[("a", "1")]));
        assert_eq!(
            pairs("Digits=&msg=Gather+End&To=%2B1555"),
            of(&[("Digits", ""), ("msg", "Gather End"), ("To", "+1555")])
        );
        assert_eq!(
            pairs("a&b=c=d&=e&="),
            of(&[("a", ""), ("b", "c=d"), ("", "e"), ("", "")])
        );
        assert_eq!(pairs("n=%C3%B1%26%3d+"), of(&[("n", "ñ&= ")]));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_with_the_reason() {
        for (body, error) in [
            (&b"a=%"[..], FormError::BrokenEscape),
            (b"a=%4", FormError::BrokenEscape),
            (b"a=%4&b=1", FormError::BrokenEscape),
            (b"a=%+1", FormError::BrokenEscape),
            (b"a=%ff", FormError::NotUtf8),
            (b"a%C3=%B1", FormError::NotUtf8),
            (b"a=%C3&%B1=", FormError::NotUtf8),
        ] {
            assert_eq!(
                Form::parse(body),
                Err(error),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        assert!(Form::parse("a=1&".repeat(MAX_PAIRS).as_bytes()).is_ok());
        assert_eq!(
            Form::parse("a=1&".repeat(MAX_PAIRS + 1).as_bytes()),
            Err(FormError::TooManyPairs)
        );
        assert_eq!(Form::parse(&[b'a'; MAX_BYTES + 1]), Err(FormError::TooLong));
    }

    #[test]
    fn the_first_of_a_repeated_name_is_the_one_that_is_got() {
        let form = Form::parse(b"a=2&b=&a=1").unwrap();
        assert_eq!(
            (form.get("a"), form.get("b"), form.get("c")),
            (Some("2"), Some(""), None)
        );
    }

    #[test]
    fn pairs_in_order_are_signed_in_one_piece_and_others_in_runs() {
        assert_eq!(signed("A=1&B=2&a=3"), ("A1B2a3".into(), 1));
        assert_eq!(signed("B=2&C=3&A=1&D=4"), ("A1B2C3D4".into(), 3));
        assert_eq!(
            signed("Sid=CA1&SidAccount=AC1&Digits=5&Digits=1&Digits=1"),
            ("Digits1Digits5SidCA1SidAccountAC1".into(), 3)
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_the_splitter_panic(body in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"%+&=a4"[..])], 0..200)) {
            if let Ok(form) = Form::parse(&body) {
                for (name, _) in form.pairs() {
                    prop_assert_eq!(form.get(name), form.pairs().find(|(other, _)| *other == name).map(|(_, value)| value));
                }
            }
        }

        #[test]
        fn what_was_appended_comes_back(pairs in prop::collection::vec((".{0,6}", ".{0,6}"), 0..20)) {
            let mut body = String::new();
            pairs.iter().for_each(|(name, value)| append(&mut body, name, value));
            let form = Form::parse(body.as_bytes()).unwrap();
            let back: Vec<(String, String)> = form.pairs().map(|(name, value)| (name.into(), value.into())).collect();
            prop_assert_eq!(back, pairs);
        }

        #[test]
        fn it_is_written_as_the_url_standard_writes_it(text in "[ -~äß€😀]{0,60}") {
            let mut body = String::new();
            encode(&mut body, &text);
            prop_assert_eq!(body, url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
        }
    }
}
