//! Faults in how a value is written that no setting wants: quotes that nobody took away, and
//! characters that cannot be seen.

/// U+FEFF, with which some editors begin a file.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Characters that are not seen and mean nothing in a setting: the soft hyphen, those without width,
/// marks of direction, and the byte order mark.
const UNSEEN: [std::ops::RangeInclusive<char>; 5] = [
    '\u{ad}'..='\u{ad}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{2069}',
    BYTE_ORDER_MARK..=BYTE_ORDER_MARK,
];

/// The fault of a value, as a text to follow its name; `None`: it has none. The value is not
/// repeated, for it may be a secret.
pub(super) fn fault(value: &str) -> Option<String> {
    if is_quoted(value) || value.split([',', '\n']).any(has_quoted_part) {
        return Some(
            "stands in quotes, which were not taken away (docker --env-file keeps them): leave them out".to_owned(),
        );
    }
    let unwanted = value.chars().find(|character| is_unwanted(*character))?;
    let code = u32::from(unwanted);
    let cause = match unwanted {
        '\0' => "; a file in UTF-16 has them: save it as UTF-8",
        BYTE_ORDER_MARK => ", a byte order mark",
        _ => "",
    };
    Some(format!(
        "has a character that cannot be seen (U+{code:04X}{cause})"
    ))
}

/// Returns whether an item of a list is in quotes, or the secret or the name in it is.
fn has_quoted_part(item: &str) -> bool {
    let parts = item.split_once(':');
    is_quoted(item) || parts.is_some_and(|(name, rest)| is_quoted(name) || is_quoted(rest))
}

fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    let pairs = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('\u{201c}', '\u{201d}'),
        ('\u{2018}', '\u{2019}'),
    ];
    let within = |(first, last)| {
        text.strip_prefix(first)
            .is_some_and(|rest| rest.ends_with(last))
    };
    pairs.into_iter().any(within)
}

/// Tabs and ends of lines are white space, which lists and certificates have.
fn is_unwanted(character: char) -> bool {
    let is_space = matches!(character, '\t' | '\n' | '\r');
    (character.is_control() && !is_space) || UNSEEN.iter().any(|range| range.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn quotes_around_a_value_an_item_or_a_secret_are_a_fault() {
        for value in [
            "\"hush\"",
            " 'La Table' ",
            "app:one,\"web:two\"",
            "app:\"one\"\nweb:\"two\"\n",
            "'app':one",
            "\u{201c}hush\u{201d}",
        ] {
            let fault = fault(value).expect(value);
            assert!(fault.starts_with("stands in quotes"), "{value}: {fault}");
        }
        for value in [
            "\"",
            "O'Brien's",
            "it's 'here'",
            "redis://user:pa'ss@host",
            "app:one",
        ] {
            assert_eq!(fault(value), None, "{value}");
        }
    }

    #[test]
    fn characters_that_cannot_be_seen_are_named_by_their_code() {
        assert_eq!(
            fault("app:one\0").unwrap(),
            "has a character that cannot be seen (U+0000; a file in UTF-16 has them: save it as UTF-8)"
        );
        assert_eq!(
            fault("app:one\n\u{feff}web:two").unwrap(),
            "has a character that cannot be seen (U+FEFF, a byte order mark)"
        );
        assert!(fault("one\u{200b}").unwrap().contains("U+200B"));
        assert!(fault("one\u{1b}[0m").unwrap().contains("U+001B"));
        let certificate = "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n";
        assert_eq!(fault(certificate), None);
        assert_eq!(fault("La Table d'Été\t"), None);
    }
}
