//! Removes private data from a text: runs of digits that may be numbers, and the targets of URLs.
//!
//! Our own lines hold neither; this is a second barrier for texts that leave the process.

/// The longest run of digits that is kept: a longer one may be somebody's number.
const LONGEST_RUN: usize = 6;

/// The text without numbers and without the paths and queries of URLs.
#[must_use]
pub fn scrub(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for (place, word) in text.split(' ').enumerate() {
        if place > 0 {
            clean.push(' ');
        }
        digits(&url(word), &mut clean);
    }
    clean
}

/// A word with a URL in it, cut after the host; a path of ours, cut after its first part.
fn url(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest.get(..end).unwrap_or_default();
        // Credentials stand before the host.
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let more = if end < rest.len() { "/…" } else { "" };
        return format!("{scheme}://{host}{more}");
    }
    match word.find("/twiml/") {
        Some(at) => format!("{}/twiml/…", word.get(..at).unwrap_or_default()),
        None => word.to_owned(),
    }
}

fn digits(word: &str, clean: &mut String) {
    let mut rest = word;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(
            run.find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(run.len()),
        );
        clean.push_str(before);
        clean.push_str(if run.len() > LONGEST_RUN {
            "******"
        } else {
            run
        });
        rest = after;
    }
    clean.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn numbers_and_the_ways_of_urls_are_left_out() {
        for (text, clean) in [
            (
                "status 400, code 21211, Invalid 'To'",
                "status 400, code 21211, Invalid 'To'",
            ),
            (
                "to +14155550101, from +15005550006.",
                "to +******, from +******.",
            ),
            (
                "error sending request for url (https://ann:pw@api.twilio.com/2010-04-01/Accounts/AC1?a=b)",
                "error sending request for url (https://api.twilio.com/…",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("POST /twiml/answer/SECRET failed", "POST /twiml/… failed"),
            ("", ""),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }
}
