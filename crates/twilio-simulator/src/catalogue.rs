//! The elements of TwiML with their attributes: which values are valid, Twilio's code for a wrong
//! one, and what the simulator does with it. The documentation's tables are made of it.

mod elements;

pub use elements::ELEMENTS;

/// The simulator's support for an element or an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what Twilio documents.
    Works,
    /// It is accepted, and nothing follows from it.
    NoEffect,
    /// The call says that it does not work, and ends.
    Refused,
}

/// One element of TwiML.
#[derive(Debug)]
pub struct ElementRule {
    /// The element's name.
    pub name: &'static str,
    /// Elements in which it may stand.
    pub parents: &'static [&'static str],
    /// The simulator's support for it.
    pub support: Support,
    /// The attributes that it may have.
    pub attributes: &'static [AttributeRule],
}

/// One attribute of an element.
#[derive(Debug)]
pub struct AttributeRule {
    /// The attribute's name.
    pub name: &'static str,
    /// The values that Twilio accepts.
    pub values: AttributeValues,
    /// Twilio's code for any other value.
    pub code: u32,
    /// The simulator's support for it.
    pub support: Support,
}

/// The values of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum AttributeValues {
    /// Any text.
    Text,
    /// Text of at most so many characters.
    Short(usize),
    /// A URL, absolute or relative.
    Url,
    /// `true` or `false`.
    Boolean,
    /// `GET` or `POST`.
    Method,
    /// A whole number from the first to the second, both included.
    Whole(u32, u32),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words, separated by spaces.
    SomeOf(&'static [&'static str]),
    /// Decided by a function of its own.
    Checked(fn(&str) -> bool),
}

impl AttributeValues {
    /// Returns whether Twilio accepts the value.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Short(most) => value.chars().count() <= *most,
            Self::Url => !value.trim().is_empty(),
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Method => matches!(value, "GET" | "POST"),
            Self::Whole(least, most) => is_whole(value, *least, *most),
            Self::OneOf(words) => words.contains(&value),
            Self::SomeOf(words) => {
                let mut given = value.split_whitespace().peekable();
                given.peek().is_some() && given.all(|word| words.contains(&word))
            }
            Self::Checked(check) => check(value),
        }
    }
}

fn is_whole(value: &str, least: u32, most: u32) -> bool {
    value
        .parse::<u32>()
        .is_ok_and(|number| (least..=most).contains(&number))
}

/// The rule for an element inside a parent.
#[must_use]
pub fn element(name: &str, parent: &str) -> Option<&'static ElementRule> {
    ELEMENTS
        .iter()
        .find(|rule| rule.name == name && rule.parents.contains(&parent))
}

const fn works(name: &'static str, values: AttributeValues, code: u32) -> AttributeRule {
    AttributeRule {
        name,
        values,
        code,
        support: Support::Works,
    }
}

const fn no_effect(name: &'static str, values: AttributeValues, code: u32) -> AttributeRule {
    AttributeRule {
        name,
        values,
        code,
        support: Support::NoEffect,
    }
}

const fn verb(
    name: &'static str,
    support: Support,
    attributes: &'static [AttributeRule],
) -> ElementRule {
    ElementRule {
        name,
        parents: &["Response"],
        support,
        attributes,
    }
}

const fn noun(
    name: &'static str,
    parents: &'static [&'static str],
    support: Support,
    attributes: &'static [AttributeRule],
) -> ElementRule {
    ElementRule {
        name,
        parents,
        support,
        attributes,
    }
}

/// Twilio's code for whatever does not fit its schema.
pub(super) const SCHEMA: u32 = 12_200;
/// Longest span of a call that an attribute may give, in seconds.
const DAY: u32 = 86_400;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attribute_and_no_element_is_listed_twice() {
        let mut elements = std::collections::HashSet::new();
        for rule in ELEMENTS {
            for parent in rule.parents {
                assert!(elements.insert((rule.name, parent)), "{}", rule.name);
            }
            let mut names: Vec<_> = rule.attributes.iter().map(|it| it.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", rule.name);
        }
    }

    #[test]
    fn values_are_judged_by_their_kind() {
        assert!(AttributeValues::SomeOf(&["dtmf", "speech"]).accepts("speech dtmf"));
        assert!(!AttributeValues::SomeOf(&["dtmf", "speech"]).accepts(""));
        assert!(
            AttributeValues::Whole(0, 10).accepts("10")
                && !AttributeValues::Whole(0, 10).accepts("-1")
        );
    }
}
