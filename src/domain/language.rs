//! The language of a call, by its BCP 47 tag.
//!
//! `speech` alone knows the languages that are shipped: adding one is adding a file under `twiml/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language and a region, such as `en-US` or `cmn-CN`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Language([u8; 6]);

/// The text does not have the form of such a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a language tag such as en-US")]
pub struct BadTag;

impl Language {
    /// The language that is spoken if no better one is known.
    pub const EN_US: Self = Self(*b"en-US\0");

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0)
            .unwrap_or_default()
            .trim_end_matches('\0')
    }
}

impl FromStr for Language {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (language, region) = text.split_once(['-', '_']).ok_or(BadTag)?;
        let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
        if !(2..=3).contains(&language.len())
            || region.len() != 2
            || !letters(language)
            || !letters(region)
        {
            return Err(BadTag);
        }
        let tag = format!(
            "{}-{}",
            language.to_ascii_lowercase(),
            region.to_ascii_uppercase()
        );
        let mut bytes = [0; 6];
        bytes
            .get_mut(..tag.len())
            .ok_or(BadTag)?
            .copy_from_slice(tag.as_bytes());
        Ok(Self(bytes))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_normalised() {
        assert_eq!("EN-us".parse(), Ok(Language::EN_US));
        assert_eq!("cmn-cn".parse::<Language>().unwrap().as_str(), "cmn-CN");
        for wrong in ["", "en", "e-US", "en-USA", "en-U1", "english-US"] {
            assert_eq!(wrong.parse::<Language>(), Err(BadTag), "{wrong}");
        }
    }
}
