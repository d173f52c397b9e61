//! Reads and checks the files of `twiml/`.
//!
//! They are in the program, so a start reads no more than it needs and checks all of them while it
//! serves already; a test checks them too.

mod examples;

use std::sync::OnceLock;

pub(super) use examples::replies;

use super::files::File;
use super::languages::{Claims, Languages};
use super::number::SpokenNumbers;
use super::places::Places;
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::sources::{Sources, one};
use super::{InputMode, RenderContext, Speech, files};
use crate::domain::{Language, Reservation};
use examples::longest;

impl Speech {
    /// Reads what a start needs: en-US, and of every other language who speaks it.
    ///
    /// # Errors
    /// Everything that is wrong with what was read. [`Speech::check`] finds all else.
    pub fn open(input: InputMode) -> Result<Self, Vec<LanguageProblem>> {
        Ok(Self {
            languages: Languages::open(input)?,
            numbers: SpokenNumbers::default(),
            input,
        })
    }

    /// Reads every language, and says everything there is to say in it. The files are a part of the
    /// program, so this is done once in a process.
    ///
    /// # Errors
    /// Everything that is wrong with the files, in every file.
    pub fn check(input: InputMode) -> Result<(), Vec<LanguageProblem>> {
        static KEYS: OnceLock<Vec<LanguageProblem>> = OnceLock::new();
        static KEYS_AND_SPEECH: OnceLock<Vec<LanguageProblem>> = OnceLock::new();
        let checked = match input {
            InputMode::Keys => &KEYS,
            InputMode::KeysAndSpeech => &KEYS_AND_SPEECH,
        };
        let problems = checked.get_or_init(|| problems(files::LANGUAGES, files::DOCUMENTS, input));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.clone())
        }
    }

    /// Says everything once, with the longest texts there can be, and holds it against the rules of
    /// TwiML.
    fn rehearse_in(&self, language: Language, schema: &Schema) -> Vec<LanguageProblem> {
        let Some(longest) = longest(language) else {
            return one(
                "../src/speech",
                Wrong::Unreadable("the longest reservation".to_owned()),
            );
        };
        // The numbering plan is not asked: reading it takes longer than all of this.
        for country in [longest.country, None] {
            if let Some(phone) = longest.guest_phone {
                self.numbers.remember(phone, country, &LONGEST_NUMBER);
            }
        }
        let documents = self.everything(&longest).into_iter();
        documents
            .filter_map(|(name, document)| Some((name, schema.check(&document).err()?)))
            .flat_map(|(name, fault)| one(name, Wrong::Document(language.to_string(), fault)))
            .collect()
    }

    /// Every document there is, by the name of its file.
    pub(super) fn everything(&self, reservation: &Reservation) -> Vec<(&'static str, String)> {
        let (service, contact) = ("S".repeat(80), reservation.guest_phone);
        // A short one: the 3,000 characters that a URL can have are far from the limit of a
        // document.
        let action =
            |_| "https://tablecall.example/twiml/1-0-0-0-k-o/ticket#rc=2&rp=all".to_owned();
        let render_context = RenderContext {
            reservation,
            service_name: &service,
            contact_phone: contact,
            local_time: None,
        };
        let replies = replies()
            .into_iter()
            .map(|(name, reply)| (name, self.render(&reply, &render_context, action)));
        let language = reservation.language;
        let others = [
            ("apology.xml", self.apology(language)),
            ("voicemail.xml", self.voicemail(&render_context)),
            (
                "voicemail.xml",
                self.voicemail(&RenderContext {
                    contact_phone: None,
                    ..render_context
                }),
            ),
            (
                "inbound.xml",
                self.inbound(language, &service, contact, None),
            ),
        ];
        replies.chain(others).collect()
    }
}

/// Everything that is wrong with files. One language after the other is prepared and dropped again:
/// they would be several megabytes.
pub(super) fn problems(
    languages: &[File<'_>],
    documents: &[File<'_>],
    input: InputMode,
) -> Vec<LanguageProblem> {
    let sources = match Sources::load(documents, input) {
        Ok(sources) => sources,
        Err(problems) => return problems,
    };
    let (mut problems, mut claims) = (Vec::new(), Claims::default());
    for (name, text) in languages {
        let places = Places::read(text);
        match sources.prepare((name, text)) {
            Ok(pack) => {
                let language = pack.language;
                match places {
                    Ok(places) => claims.add(language, &places),
                    Err(wrong) => problems.extend(
                        wrong
                            .into_iter()
                            .map(|what| LanguageProblem::of_language(name, what)),
                    ),
                }
                let speech = Speech {
                    languages: Languages::only(pack, input),
                    numbers: SpokenNumbers::default(),
                    input,
                };
                problems.extend(speech.rehearse_in(language, &sources.schema));
            }
            Err(more) => problems.extend(more),
        }
    }
    problems.extend(claims.twice());
    problems
}

/// The groups of the longest number there can be.
const LONGEST_NUMBER: [&str; 5] = ["+99", "999", "999", "999", "9999"];
