//! Letters in disguise: styles of mathematics, circles, squares, full width, ligatures and small
//! capitals, which some people write their names in. No voice can say them, and all stand for plain
//! letters.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// Small capitals, which have no compatibility form, and their letters.
const SMALL_CAPITALS: [(char, char); 25] = [
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ꜰ', 'f'),
    ('ɢ', 'g'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴊ', 'j'),
    ('ᴋ', 'k'),
    ('ʟ', 'l'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ᴘ', 'p'),
    ('ꞯ', 'q'),
    ('ʀ', 'r'),
    ('ꜱ', 's'),
    ('ᴛ', 't'),
    ('ᴜ', 'u'),
    ('ᴠ', 'v'),
    ('ᴡ', 'w'),
    ('ʏ', 'y'),
    ('ᴢ', 'z'),
];

/// White letters on black circles and squares, which have none either, by the first of each alphabet.
const REVERSED: [char; 2] = ['\u{1F150}', '\u{1F170}'];

/// The text in plain letters.
pub(super) fn plain_letters(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_styled(c) || unmapped(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match unmapped(c) {
            Some(letter) => plain.push(letter),
            None if is_styled(c) => plain.extend(normalizer.normalize_iter(std::iter::once(c))),
            None => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Letters and digits that Unicode calls the same as plain ones but for their style.
fn is_styled(c: char) -> bool {
    match c {
        '\u{1D400}'..='\u{1D7FF}'
        | '\u{2460}'..='\u{24FF}'
        | '\u{FF10}'..='\u{FF19}'
        | '\u{FF21}'..='\u{FF3A}'
        | '\u{FF41}'..='\u{FF5A}'
        | '\u{FB00}'..='\u{FB06}'
        | '\u{1F110}'..='\u{1F149}' => true,
        '\u{1D2C}'..='\u{1D6A}'
        | '\u{1D9B}'..='\u{1DBF}'
        | '\u{2071}'..='\u{209C}'
        | '\u{2102}'..='\u{2188}' => c.is_alphabetic(),
        _ => false,
    }
}

/// The letter of a style that Unicode gives no plain form.
fn unmapped(c: char) -> Option<char> {
    let of_alphabet = |first: char| {
        let place = u32::from(c).checked_sub(u32::from(first))?;
        u8::try_from(place)
            .ok()
            .filter(|place| *place < 26)
            .map(|place| char::from(b'A' + place))
    };
    let small = || {
        SMALL_CAPITALS
            .iter()
            .find(|(styled, _)| *styled == c)
            .map(|(_, letter)| *letter)
    };
    REVERSED.into_iter().find_map(of_alphabet).or_else(small)
}

#[cfg(test)]
mod tests {
    use super::plain_letters;

    #[test]
    fn letters_in_disguise_become_plain_and_all_others_stay() {
        for (styled, plain) in [
            ("𝓐𝓷𝓪 𝓖𝓪𝓻𝓬í𝓪", "Ana García"),
            ("𝔸𝕟𝕒 𝟜", "Ana 4"),
            ("Ⓐⓝⓐ", "Ana"),
            ("🄰🅽🅰", "ANA"),
            ("Ａｎａ", "Ana"),
            ("ᴀɴᴀ", "ana"),
            ("ᴬⁿᵃ", "Ana"),
            ("ℋ𝑒𝓃𝓇𝒾 Ⅳ", "Henri IV"),
            ("Steﬃ", "Steffi"),
        ] {
            assert_eq!(plain_letters(styled), plain);
        }
        for text in [
            "Ana García",
            "Jose\u{301}",
            "山田 太郎",
            "ﾔﾏﾀﾞ",
            "Əliyev",
            "Müller & Söhne",
            "20 m²",
            "№ 5",
            "½",
        ] {
            assert_eq!(plain_letters(text), text);
        }
    }
}
