//! Writes forms as Twilio reads them.

use crate::unescaped::UnescapedSet;

/// Appends `name=value` to an urlencoded body, with `&` before it when it is not the first.
///
/// A space becomes `+`, and all but letters, digits and `*-._` is escaped, as the WHATWG form
/// serialiser does.
pub fn append(body: &mut String, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    encode(body, name);
    body.push('=');
    encode(body, value);
}

/// The bytes that need no escaping in a form.
static PLAIN: UnescapedSet<6> = UnescapedSet::new([
    (b'a', b'z'),
    (b'A', b'Z'),
    (b'0', b'9'),
    (b'*', b'*'),
    (b'-', b'.'),
    (b'_', b'_'),
]);

/// Every byte escaped, three characters each.
const ESCAPES: [u8; 3 * 256] = {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escapes = [b'%'; 3 * 256];
    let mut byte = 0;
    while byte < 256 {
        escapes[3 * byte + 1] = DIGITS[byte >> 4];
        escapes[3 * byte + 2] = DIGITS[byte & 0xf];
        byte += 1;
    }
    escapes
};

pub(super) fn encode(body: &mut String, text: &str) {
    const ESCAPED: &str = match str::from_utf8(&ESCAPES) {
        Ok(escaped) => escaped,
        Err(_) => "",
    };
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(PLAIN.prefix_len(rest.as_bytes()));
        body.push_str(plain);
        let mut chars = special.chars();
        let Some(first) = chars.next() else { return };
        if first == ' ' {
            body.push('+');
        } else {
            for byte in first.encode_utf8(&mut [0; 4]).bytes().map(usize::from) {
                body.push_str(&ESCAPED[3 * byte..3 * byte + 3]);
            }
        }
        rest = chars.as_str();
    }
}
