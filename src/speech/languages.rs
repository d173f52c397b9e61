//! The languages that are shipped. Each is read when it is first spoken: one deployment speaks one
//! or two of them.

use std::sync::OnceLock;

use super::files::File;
use super::language_pack::LanguagePack;
use super::places::Places;
use super::problem::{LanguageProblem, Wrong};
use super::sources::Sources;
use super::{InputMode, files};
use crate::domain::{Country, Language, Phone};

/// All languages of a [`super::Speech`].
#[derive(Debug)]
pub(super) struct Languages {
    known: Box<[Known]>,
    /// en-US, which is always read.
    usual: Box<LanguagePack>,
    /// Codes of countries and their languages, sorted.
    countries: Box<[([u8; 2], Language)]>,
    /// First digits of numbers and their languages, sorted.
    prefixes: Box<[(u64, Language)]>,
    /// Ways in which staff may answer: documents differ by them.
    input: InputMode,
}

/// A language, and what was read of it: `None` inside where its file has a fault.
#[derive(Debug)]
struct Known {
    language: Language,
    file: File<'static>,
    pack: OnceLock<Option<Box<LanguagePack>>>,
}

impl Languages {
    /// Reads en-US, and of all others who speaks them.
    ///
    /// # Errors
    /// Every fault that was found in what was read.
    pub(super) fn open(input: InputMode) -> Result<Self, Vec<LanguageProblem>> {
        let (mut known, mut claims) = (Vec::new(), Claims::default());
        for file in files::LANGUAGES {
            let told = |what| vec![LanguageProblem::of_language(file.0, what)];
            let language = file.0.parse().map_err(|_| told(Wrong::Tag))?;
            let places = Places::read(file.1).map_err(|wrong| {
                let told = |what| LanguageProblem::of_language(file.0, what);
                wrong.into_iter().map(told).collect::<Vec<_>>()
            })?;
            claims.add(language, &places);
            known.push(Known {
                language,
                file: *file,
                pack: OnceLock::new(),
            });
        }
        let usual = files::LANGUAGES
            .iter()
            .find(|(name, _)| *name == Language::EN_US.as_str())
            .ok_or_else(|| vec![LanguageProblem::of_language("en-US", Wrong::Tag)])?;
        let usual = Sources::load(files::DOCUMENTS, input)?.prepare(*usual)?;
        let Claims {
            countries,
            prefixes,
        } = claims.sorted();
        Ok(Self {
            known: known.into(),
            usual: Box::new(usual),
            countries: countries.into(),
            prefixes: prefixes.into(),
            input,
        })
    }

    /// One language alone.
    pub(super) fn only(pack: LanguagePack, input: InputMode) -> Self {
        let known = Known {
            language: pack.language,
            file: ("", ""),
            pack: OnceLock::from(None),
        };
        Self {
            known: [known].into(),
            usual: Box::new(pack),
            countries: Box::default(),
            prefixes: Box::default(),
            input,
        }
    }

    /// The tags of all languages.
    pub(super) fn tags(&self) -> impl Iterator<Item = Language> {
        self.known.iter().map(|known| known.language)
    }

    /// A language, read now if nobody has spoken it yet, which takes some milliseconds; en-US if it
    /// is not shipped.
    pub(super) fn pack(&self, language: Language) -> &LanguagePack {
        if language == self.usual.language {
            return &self.usual;
        }
        let known = self.known.iter().find(|known| known.language == language);
        known
            .and_then(|known| known.pack.get_or_init(|| known.read(self.input)).as_deref())
            .unwrap_or(&self.usual)
    }

    /// The language of the longest prefix of a number that a language file names, else of the
    /// country; en-US where no file names the country.
    pub(super) fn default_for(&self, phone: Option<Phone>, country: Option<Country>) -> Language {
        let by_prefix = || {
            let prefixes = std::iter::successors(phone.map(Phone::digits), |prefix| {
                Some(prefix / 10).filter(|shorter| *shorter > 0)
            });
            prefixes.into_iter().find_map(|prefix| {
                let at = self
                    .prefixes
                    .binary_search_by_key(&prefix, |(known, _)| *known);
                self.prefixes.get(at.ok()?).map(|(_, language)| *language)
            })
        };
        let by_country = || {
            let code = country?;
            let at = self
                .countries
                .binary_search_by(|(known, _)| known[..].cmp(code.as_str().as_bytes()));
            self.countries.get(at.ok()?).map(|(_, language)| *language)
        };
        by_prefix().or_else(by_country).unwrap_or(Language::EN_US)
    }
}

impl Known {
    /// Every start checks all files and ends at a fault, so this finds one only in the moment before.
    fn read(&self, input: InputMode) -> Option<Box<LanguagePack>> {
        let read =
            Sources::load(files::DOCUMENTS, input).and_then(|sources| sources.prepare(self.file));
        read.map(Box::new)
            .map_err(|problems| {
                for problem in problems {
                    tracing::error!(%problem, "a language cannot be spoken");
                }
            })
            .ok()
    }
}

/// Countries and prefixes that languages claim. Each may be claimed once.
#[derive(Debug, Default)]
pub(super) struct Claims {
    countries: Vec<([u8; 2], Language)>,
    prefixes: Vec<(u64, Language)>,
}

impl Claims {
    pub(super) fn add(&mut self, language: Language, places: &Places) {
        let countries = places.countries.iter();
        self.countries
            .extend(countries.map(|code| (*code, language)));
        let prefixes = places.prefixes.iter();
        self.prefixes
            .extend(prefixes.map(|first| (*first, language)));
    }

    fn sorted(mut self) -> Self {
        self.countries.sort_unstable();
        self.prefixes.sort_unstable();
        self
    }

    /// The claims of two languages on the same.
    pub(super) fn twice(self) -> Vec<LanguageProblem> {
        let claims = self.sorted();
        let mut problems = twice(&claims.countries, |code, other| {
            Wrong::CountryTwice(String::from_utf8_lossy(&code).into_owned(), other)
        });
        problems.extend(twice(&claims.prefixes, |prefix, other| {
            Wrong::PrefixTwice(prefix.to_string(), other)
        }));
        problems
    }
}

fn twice<T: Copy + PartialEq>(
    claims: &[(T, Language)],
    told: impl Fn(T, String) -> Wrong,
) -> Vec<LanguageProblem> {
    let same = claims.windows(2).filter_map(|pair| match pair {
        [(claim, first), (same, second)] if claim == same => {
            let what = told(*claim, first.to_string());
            Some(LanguageProblem::of_language(second.as_str(), what))
        }
        _ => None,
    });
    same.collect()
}
