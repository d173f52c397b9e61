//! The places where a language is spoken: the only part of its file that is read before it is
//! spoken.

use serde::Deserialize;

use super::problem::Wrong;

/// Countries and prefixes in which a language is spoken.
#[derive(Debug)]
pub(super) struct Places {
    /// Codes of the countries whose restaurants speak it.
    pub(super) countries: Vec<[u8; 2]>,
    /// First digits of numbers where it is spoken although the country's language is another.
    pub(super) prefixes: Vec<u64>,
}

/// The entries of a language file that name places.
#[derive(Debug, Deserialize)]
struct Entries {
    countries: Vec<String>,
    /// First digits, in E.164 without the plus, of numbers in countries that speak several
    /// languages.
    #[serde(default)]
    prefixes: Vec<String>,
}

impl Places {
    /// Reads the beginning of a language file. Places stand before its first table, as all entries
    /// do that are in none.
    ///
    /// # Errors
    /// Everything that is wrong with the places.
    pub(super) fn read(text: &str) -> Result<Self, Vec<Wrong>> {
        let beginning = text.find("\n[").and_then(|end| text.get(..end));
        let entries: Entries = toml::from_str(beginning.unwrap_or(text))
            .map_err(|error| vec![Wrong::Unreadable(error.to_string())])?;
        let (mut countries, mut prefixes, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for text in entries.countries {
            match country(&text) {
                Some(code) => countries.push(code),
                None => wrong.push(Wrong::Country(text)),
            }
        }
        for text in entries.prefixes {
            match prefix(&text) {
                Some(first) => prefixes.push(first),
                None => wrong.push(Wrong::Prefix(text)),
            }
        }
        if wrong.is_empty() {
            Ok(Self {
                countries,
                prefixes,
            })
        } else {
            Err(wrong)
        }
    }
}

/// Only the form of the code is looked at: to ask which countries there are would read the numbering
/// plans of the world, which takes longer than all the rest of the start. A test asks.
fn country(text: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = text.as_bytes().try_into().ok()?;
    Some(code).filter(|code| code.iter().all(u8::is_ascii_uppercase))
}

fn prefix(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits && text.len() < 12)
}
