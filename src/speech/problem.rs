//! The possible faults of the files of `twiml/`, explained to the person who edited them.

use super::schema::TwimlFault;

/// One thing to mend in one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("twiml/{file}: {what}")]
pub struct LanguageProblem {
    /// The file under `twiml/`.
    pub file: String,
    /// The fault.
    pub what: Wrong,
}

impl LanguageProblem {
    /// A fault of a language's file; `name` is its tag.
    pub(super) fn of_language(name: &str, what: Wrong) -> Self {
        Self {
            file: format!("{name}.toml"),
            what,
        }
    }
}

/// A fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The file cannot be read as TOML, or has a field that is not known.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// `tag` is no language tag, or not the file's name.
    #[error("`tag` must be the name of the file")]
    Tag,
    /// CLDR has no data for this language.
    #[error("CLDR has no {0} for `{1}`")]
    NoData(&'static str, String),
    /// Twilio has no such voice for this language and skips such a `Say` in silence (docs/twilio.md, *Say*).
    #[error("Twilio has no voice `{0}` for this language")]
    Voice(String),
    /// Not of the form of an ISO 3166 code.
    #[error("`{0}` is not the code of a country, two capital letters")]
    Country(String),
    /// Two languages want to be the first of one country.
    #[error("country {0} is claimed by {1} too")]
    CountryTwice(String, String),
    /// Not the first digits of a number.
    #[error("`{0}` is not the first digits of a number, country code first")]
    Prefix(String),
    /// Two languages want to be the first of one prefix.
    #[error("prefix {0} is claimed by {1} too")]
    PrefixTwice(String, String),
    /// A message that is needed is not there.
    #[error("message `{0}` is missing")]
    MissingMessage(String),
    /// A message that is never used.
    #[error("message `{0}` is not known")]
    UnknownMessage(String),
    /// A message that no document says.
    #[error("no document says message `{0}`")]
    IdleMessage(String),
    /// A message has nothing in it.
    #[error("message `{0}` is empty")]
    EmptyMessage(String),
    /// A placeholder that does not exist in this place.
    #[error("`{{{1}}}` cannot be used in `{0}`")]
    UnknownVariable(String, String),
    /// A message without a variable that it must contain.
    #[error("`{{{1}}}` must be used in `{0}`")]
    MissingVariable(String, &'static str),
    /// A brace without its partner.
    #[error("`{0}` has a brace without its partner")]
    Brace(String),
    /// A way of counting that the language needs is missing.
    #[error("`party.{0}` is missing: the language counts some parties so")]
    MissingPlural(&'static str),
    /// A way of counting that is never used for 1 to 99 people.
    #[error("`party.{0}` is never used by this language for 1 to 99 people")]
    UnknownPlural(String),
    /// A list of hours has neither 12 nor 24 words.
    #[error(
        "each list of `time.hours` must have 12 or 24 words, beginning with that for 0 o'clock, or name a `rule` and a `clock` of 12 or 24 hours"
    )]
    Hours,
    /// A rule for spelling numbers that the language does not have.
    #[error(
        "there is no rule `{0}` for the numbers of this language: see src/speech/numerals.json"
    )]
    NumberRule(String),
    /// A script that Unicode does not know.
    #[error("there is no script `{0}`")]
    Script(String),
    /// A key of `time` or `hello` that is not understood.
    #[error("`{0}` is no hour and no time of day")]
    TimeKey(String),
    /// A moment of the day that cannot be said.
    #[error("`time` does not say how {0} is said")]
    TimeGap(String),
    /// Twilio does not listen to this language.
    #[error(
        "Twilio does not listen to `{0}`; its codes for listening differ from those for speaking"
    )]
    TranscriptCoverage(String),
    /// A list of words that are listened for is empty, or too long for Twilio.
    #[error(
        "`speech.{0}` must have between 1 and 40 phrases of at most 100 characters, without commas"
    )]
    Phrases(&'static str),
    /// A phrase has two meanings.
    #[error("`{0}` stands in two lists of `speech`")]
    TwoMeanings(String),
    /// A pause that is not written as `300ms`, or longer than a listener waits.
    #[error("`{0}` is not a pause such as 300ms, of at most 2000ms")]
    Pause(String),
    /// Words that stand in a document instead of in the language files.
    #[error("has words of its own: `{0}`")]
    WordsInDocument(String),
    /// A document that is needed is not there.
    #[error("this document is missing")]
    MissingDocument,
    /// The document for Twilio would break a rule of TwiML.
    #[error("as said in {0}: {1}")]
    Document(String, TwimlFault),
}
