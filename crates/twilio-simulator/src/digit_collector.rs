//! The keys that make an answer. Pure: no time, no call.

/// The keys of one Gather so far.
#[derive(Clone, Debug)]
pub(super) struct DigitCollector {
    num_digits: Option<u32>,
    finish_on_key: Option<char>,
    digits: String,
}

/// The result of a Gather.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GatherResult {
    pub(super) digits: String,
    /// The key that ended it; none: enough digits, or silence.
    pub(super) finished_on: Option<char>,
}

impl DigitCollector {
    pub(super) const fn new(num_digits: Option<u32>, finish_on_key: Option<char>) -> Self {
        Self {
            num_digits,
            finish_on_key,
            digits: String::new(),
        }
    }

    /// Takes a key; the result when the Gather is over with it. The finishing key alone is no
    /// input, but ends it.
    pub(super) fn press(&mut self, key: char) -> Option<GatherResult> {
        if Some(key) == self.finish_on_key {
            return Some(GatherResult {
                digits: std::mem::take(&mut self.digits),
                finished_on: Some(key),
            });
        }
        self.digits.push(key);
        let enough = self
            .num_digits
            .is_some_and(|enough| self.digits.len() >= enough as usize);
        enough.then(|| self.silence())
    }

    /// The timeout ran out.
    pub(super) fn silence(&mut self) -> GatherResult {
        GatherResult {
            digits: std::mem::take(&mut self.digits),
            finished_on: None,
        }
    }

    pub(super) fn digits(&self) -> &str {
        &self.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(
        num_digits: Option<u32>,
        finish_on_key: Option<char>,
        keys: &str,
    ) -> Option<(String, Option<char>)> {
        let mut collector = DigitCollector::new(num_digits, finish_on_key);
        let ended = keys.chars().find_map(|key| collector.press(key));
        ended.map(|collected| (collected.digits, collected.finished_on))
    }

    #[test]
    fn keys_end_a_gather_as_in_the_decision_table() {
        let ended = |digits: &str, key| Some((digits.to_owned(), key));
        assert_eq!(press(None, Some('#'), "12#"), ended("12", Some('#')));
        assert_eq!(press(None, Some('#'), "#"), ended("", Some('#')));
        assert_eq!(press(None, Some('#'), "12"), None);
        assert_eq!(press(Some(1), Some('#'), "1"), ended("1", None));
        assert_eq!(press(Some(1), Some('#'), "#"), ended("", Some('#')));
        assert_eq!(press(Some(1), None, "#"), ended("#", None));
        assert_eq!(press(Some(4), None, "2015"), ended("2015", None));
    }
}
