//! Form bodies and query strings, read and written byte for byte as Twilio does. It knows no field.

/// The decoded pairs of an `application/x-www-form-urlencoded` text, in order.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Writes pairs as a form body: spaces as `+`, everything but `[A-Za-z0-9._*-]` escaped.
pub(super) fn encode(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        escape_into(&mut text, name);
        text.push('=');
        escape_into(&mut text, value);
    }
    text
}

/// The first value of `name`.
pub(super) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The text with `%XX` and `+` undone; broken escapes stay as they are, bytes that are no UTF-8 are
/// replaced.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| hex_pair(bytes, at + 1)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        decoded.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|&byte| char::from(byte).to_digit(16))
    };
    u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()
}

fn escape_into(text: &mut String, value: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'*' | b'-' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            other => {
                text.push('%');
                text.push(char::from(HEX[usize::from(other >> 4)]));
                text.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in proptest::collection::vec((".{1,8}", ".{0,8}"), 0..6)) {
            prop_assert_eq!(parse(&encode(&pairs)), pairs);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            parse(&text);
        }
    }

    #[test]
    fn a_plus_sign_in_a_number_survives() {
        let pairs = vec![
            ("To".to_owned(), "+14155550101".to_owned()),
            ("msg".to_owned(), "Gather End".to_owned()),
        ];
        assert_eq!(encode(&pairs), "To=%2B14155550101&msg=Gather+End");
    }
}
