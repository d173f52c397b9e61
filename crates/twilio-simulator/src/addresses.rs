//! Tells numbers, SIP addresses and URLs from other texts.

use super::webhook_url::WebhookUrl;

/// E.164: a plus sign and 7 to 15 digits.
pub(super) fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// A number as E.164. Separators are left out, and ten digits, or eleven that begin with 1, are a
/// number of the United States.
pub(super) fn e164(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '-' | '(' | ')' | '.'))
        .collect();
    let number = match plain.len() {
        10 if plain.bytes().all(|byte| byte.is_ascii_digit()) => format!("+1{plain}"),
        11 if plain.starts_with('1') => format!("+{plain}"),
        _ => plain,
    };
    is_number(&number).then_some(number)
}

/// Returns whether the text is an address such as `sip:kate@example.com`.
pub(super) fn is_sip(text: &str) -> bool {
    let rest = text
        .strip_prefix("sip:")
        .or_else(|| text.strip_prefix("sips:"));
    rest.and_then(|rest| rest.split_once('@'))
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains(' '))
}

/// An absolute http address whose host has no underscore. Loopback hosts, which Twilio refuses, are
/// our daily bread.
pub(super) fn is_url(text: &str) -> bool {
    let parsed = url::Url::parse(text)
        .ok()
        .filter(|_| WebhookUrl::parse(text).is_some());
    parsed
        .as_ref()
        .and_then(url::Url::host_str)
        .is_some_and(|host| !host.contains('_'))
}
