//! Numbers that stand in a link: `tel:` URIs (RFC 3966), `callto:`, and chats of `WhatsApp`, whose
//! addresses hold a number in international form.

use std::borrow::Cow;

use super::PhoneError;

/// Schemes whose address is a telephone number.
const SCHEMES: [&str; 2] = ["tel:", "callto:"];

/// The beginnings of a link to a chat, without scheme; the number follows.
const CHATS: [&str; 6] = [
    "wa.me/",
    "api.whatsapp.com/send?phone=",
    "api.whatsapp.com/send/?phone=",
    "web.whatsapp.com/send?phone=",
    "web.whatsapp.com/send/?phone=",
    "whatsapp://send?phone=",
];

/// The number of a link; any other text as it is.
///
/// # Errors
/// The text is a link or an address of another kind, or its number has parameters that are not
/// known.
pub(super) fn unlinked(text: &str) -> Result<Cow<'_, str>, PhoneError> {
    if let Some(address) = SCHEMES.iter().find_map(|scheme| after_prefix(text, scheme)) {
        return of_uri(address).map(Cow::Owned);
    }
    let link = after_prefix(text, "https://").or_else(|| after_prefix(text, "http://"));
    let bare = link.unwrap_or(text);
    let bare = after_prefix(bare, "www.").unwrap_or(bare);
    if let Some(number) = CHATS.iter().find_map(|chat| after_prefix(bare, chat)) {
        return of_chat(number).map(Cow::Owned);
    }
    if link.is_some() || is_address(text) {
        return Err(PhoneError::Address);
    }
    Ok(Cow::Borrowed(text))
}

/// The text after a prefix, whose letters may be of either case.
fn after_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (beginning, rest) = text.split_at_checked(prefix.len())?;
    beginning.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The number of a `tel:` URI with its parameters `ext` and `phone-context`.
fn of_uri(address: &str) -> Result<String, PhoneError> {
    let address = unescaped(address);
    let (number, parameters) = address.split_once(';').unwrap_or((address.as_str(), ""));
    let mut out = number.trim().trim_start_matches('/').to_owned();
    if !out.chars().any(char::is_numeric) {
        return Err(PhoneError::Address);
    }
    for parameter in parameters.split(';').filter(|text| !text.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or(PhoneError::Letters)?;
        let is_global = value.starts_with('+') && !out.starts_with('+');
        match name.to_ascii_lowercase().as_str() {
            "ext" => out = format!("{out};ext={value}"),
            "phone-context" if is_global => out = format!("{value}{out}"),
            // A number of somebody's private network.
            "phone-context" => return Err(PhoneError::NotANumber),
            _ => return Err(PhoneError::Letters),
        }
    }
    Ok(out)
}

/// The number of a chat's address: digits in international form, without the plus.
fn of_chat(address: &str) -> Result<String, PhoneError> {
    let number = address.split(['?', '&', '#']).next().unwrap_or_default();
    let number = unescaped(number);
    let digits = number.trim_end_matches('/').trim_start_matches(['+', ' ']);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // Other chat links (`wa.me/message/…`) have a name in place of the number.
    is_number
        .then(|| format!("+{digits}"))
        .ok_or(PhoneError::Address)
}

/// Links of web pages escape spaces and signs.
fn unescaped(text: &str) -> String {
    ["%20", "%2B", "%2b", "%23", "%28", "%29"]
        .iter()
        .zip([" ", "+", "+", "#", "(", ")"])
        .fold(text.to_owned(), |text, (escape, sign)| {
            text.replace(escape, sign)
        })
}

/// Returns whether the text is an address that no telephone dials: of mail, of a web page, or with
/// a scheme such as `sip:`.
fn is_address(text: &str) -> bool {
    const SCHEMES: [&str; 9] = [
        "sip:",
        "sips:",
        "sms:",
        "smsto:",
        "mailto:",
        "skype:",
        "facetime:",
        "whatsapp:",
        "geo:",
    ];
    let is_domain = |text: &str| {
        let host = text.split('/').next().unwrap_or_default();
        host.rsplit_once('.').is_some_and(|(name, end)| {
            let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
            end.len() > 1
                && end.chars().all(char::is_alphabetic)
                && name.chars().any(char::is_alphabetic)
                && name.chars().all(is_host)
        })
    };
    text.contains("://")
        || text.contains('@')
        || SCHEMES
            .iter()
            .any(|scheme| after_prefix(text, scheme).is_some())
        || is_domain(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Phone;

    #[test]
    fn the_number_of_a_link_is_read() {
        for (text, number) in [
            ("tel:+14155550107", "+14155550107"),
            ("TEL:+1-415-555-0107", "+14155550107"),
            ("tel://+1%20415%20555%200107", "+14155550107"),
            ("tel:4155550107;phone-context=+1", "+14155550107"),
            ("callto:+14155550107", "+14155550107"),
            ("callto://+14155550107", "+14155550107"),
            ("wa.me/14155550107", "+14155550107"),
            ("https://wa.me/14155550107?text=Hi", "+14155550107"),
            ("https://wa.me/+14155550107/", "+14155550107"),
            (
                "https://api.whatsapp.com/send?phone=14155550107&text=4",
                "+14155550107",
            ),
            (
                "https://web.whatsapp.com/send/?phone=%2B14155550107",
                "+14155550107",
            ),
            ("whatsapp://send?phone=14155550107", "+14155550107"),
            ("https://wa.me/5215512345678", "+525512345678"),
        ] {
            let read = Phone::read(text, None).map(|written| written.phone.to_string());
            assert_eq!(read, Ok(number.into()), "{text}");
        }
    }

    #[test]
    fn other_links_and_addresses_are_named_as_such() {
        for text in [
            "sip:+14155550107@example.com",
            "sips:bob@example.com",
            "sms:+14155550107",
            "skype:bob?call",
            "callto:bob",
            "mailto:bob@example.com",
            "bob@example.com",
            "https://example.com/14155550107",
            "example.com",
            "www.example.com/415-555-0107",
            "https://wa.me/message/ABC123",
            "https://wa.me/qr/14155550107",
        ] {
            let country = "US".parse().ok();
            assert_eq!(
                Phone::read(text, country),
                Err(PhoneError::Address),
                "{text}"
            );
        }
    }
}
