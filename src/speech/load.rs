//! Reads all files at start. Every fault is reported at once, before a call can meet it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;

use jiff::Timestamp;
use jiff::civil::time;

use super::document::Document;
use super::files::File;
use super::language_pack::{LanguagePack, Templates};
use super::message::MESSAGES;
use super::number::Numbers;
use super::numerals::Numerals;
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::template::Template;
use super::{InputMode, RenderContext, Speech, files};
use crate::call::talk::{Apology, Goodbye, Opening, Reply, RepromptReason};
use crate::call::{Decision, TalkPosition};
use crate::domain::{
    Alternatives, Country, Language, Name, Notes, PartySize, Phone, Reservation, TableTime,
    VoicemailAction,
};

/// Languages are read by at most so many threads: more would cost more to start than they save.
const MOST_THREADS: usize = 4;

impl Speech {
    /// Reads and checks all files of `twiml/`.
    ///
    /// # Errors
    /// Everything that is wrong with them, in every file.
    pub fn load(input: InputMode) -> Result<Self, Vec<LanguageProblem>> {
        Self::read(files::LANGUAGES, files::DOCUMENTS, input)
    }

    pub(super) fn read(
        languages: &[File<'_>],
        documents: &[File<'_>],
        input: InputMode,
    ) -> Result<Self, Vec<LanguageProblem>> {
        let schema = Schema::load()
            .map_err(|error| one("../src/speech", Wrong::Unreadable(error.to_string())))?;
        let numerals = Numerals::load()
            .map_err(|error| one("../src/speech", Wrong::Unreadable(error.to_string())))?;
        let templates = templates(documents)?;
        let (mut language_packs, mut problems) = (Vec::new(), Vec::new());
        let loaded = in_parallel(languages, |file| {
            LanguagePack::load(*file, &templates, &schema, &numerals, input)
        });
        for language_pack in loaded {
            match language_pack {
                Ok(language_pack) => language_packs.push(language_pack),
                Err(more) => problems.extend(more),
            }
        }
        let countries = claims(
            &language_packs,
            |pack| &pack.countries,
            |code, other| Wrong::CountryTwice(String::from_utf8_lossy(&code).into_owned(), other),
            &mut problems,
        );
        let prefixes = claims(
            &language_packs,
            |pack| &pack.prefixes,
            |prefix, other| Wrong::PrefixTwice(prefix.to_string(), other),
            &mut problems,
        );
        let Some(usual) = language_packs
            .iter()
            .position(|language_pack| language_pack.language == Language::EN_US)
        else {
            if problems.is_empty() {
                problems = one("en-US.toml", Wrong::Tag);
            }
            return Err(problems);
        };
        let speech = Self {
            language_packs: language_packs.into(),
            usual,
            countries,
            prefixes,
            numbers: Numbers::default(),
            input,
        };
        problems.extend(speech.rehearse(&schema));
        if problems.is_empty() {
            Ok(speech)
        } else {
            Err(problems)
        }
    }

    /// Says everything once, with the longest texts there can be, and holds it against the rules of
    /// TwiML.
    fn rehearse(&self, schema: &Schema) -> Vec<LanguageProblem> {
        let languages: Vec<Language> = self.languages().collect();
        in_parallel(&languages, |language| self.rehearse_in(*language, schema)).concat()
    }

    fn rehearse_in(&self, language: Language, schema: &Schema) -> Vec<LanguageProblem> {
        let Some(longest) = longest(language) else {
            return one(
                "../src/speech",
                Wrong::Unreadable("the longest reservation".to_owned()),
            );
        };
        // Not asked of the numbering plan, which takes longer to read than all of this takes.
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
        let action = "https://tablecall.example/twiml/1-0-0-0-k-o/ticket#rc=2&rp=all";
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

/// Does `work` for each item, in as many threads as there are processors: languages are independent
/// of each other, and reading them is the longest part of a start. The results are in order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = items.len().div_ceil(processors.min(MOST_THREADS)).max(1);
    let done = |share: &[T]| share.iter().map(&work).collect::<Vec<R>>();
    thread::scope(|scope| {
        let mut shares = items.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|share| scope.spawn(|| done(share))).collect();
        let mut results = done(own);
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

/// The groups of the longest number there can be.
const LONGEST_NUMBER: [&str; 5] = ["+99", "999", "999", "999", "9999"];

fn one(file: &str, what: Wrong) -> Vec<LanguageProblem> {
    vec![LanguageProblem {
        file: file.to_owned(),
        what,
    }]
}

/// The file of the Gather that listens to words: a part of other documents.
const LISTENING: &str = "words";

/// Every document in the order of [`Document::ALL`].
fn templates(files: &[File<'_>]) -> Result<Templates, Vec<LanguageProblem>> {
    let (mut templates, mut problems) = (Vec::new(), Vec::new());
    for file in Document::ALL
        .map(Document::file)
        .into_iter()
        .chain([LISTENING])
    {
        let found = files
            .iter()
            .find(|(name, _)| *name == file)
            .ok_or(Wrong::MissingDocument);
        match found.and_then(|(_, text)| Template::parse(text)) {
            Ok(template) => templates.push(template),
            Err(what) => problems.push(LanguageProblem {
                file: format!("{file}.xml"),
                what,
            }),
        }
    }
    let named: BTreeSet<&str> = templates.iter().flat_map(Template::names).collect();
    if problems.is_empty() {
        let idle = MESSAGES.iter().filter(|spec| !named.contains(spec.name));
        problems
            .extend(idle.flat_map(|spec| one("*.xml", Wrong::IdleMessage(spec.name.to_owned()))));
    }
    match templates.pop() {
        Some(listening) if problems.is_empty() => Ok(Templates {
            documents: templates,
            listening,
        }),
        Some(_) | None => Err(problems),
    }
}

/// The countries or prefixes that language packs claim, with the index of the pack, sorted. Each
/// may be claimed once.
fn claims<T: Copy + Ord>(
    language_packs: &[LanguagePack],
    named: impl Fn(&LanguagePack) -> &[T],
    twice: impl Fn(T, String) -> Wrong,
    problems: &mut Vec<LanguageProblem>,
) -> Box<[(T, usize)]> {
    let packs = language_packs.iter().enumerate();
    let mut claims: Vec<(T, usize)> = packs
        .flat_map(|(place, pack)| named(pack).iter().map(move |claim| (*claim, place)))
        .collect();
    claims.sort_unstable();
    for pair in claims.windows(2) {
        let [(claim, first), (same, second)] = pair else {
            continue;
        };
        let tag = |place: &usize| {
            language_packs
                .get(*place)
                .map(|language_pack| language_pack.language.to_string())
                .unwrap_or_default()
        };
        if claim == same {
            let what = twice(*claim, tag(first));
            problems.extend(one(&format!("{}.toml", tag(second)), what));
        }
    }
    claims.into()
}

/// Every kind of reply, with the file of its document.
pub(super) fn replies() -> Vec<(&'static str, Reply)> {
    let listen = TalkPosition::first(0);
    let (inside, outside) = (time(20, 50, 0, 0), time(21, 5, 0, 0));
    let ask = |opening, slowly| Reply::Ask {
        opening,
        slowly,
        listen,
    };
    let mut replies = vec![
        ("ask.xml", ask(Opening::First, false)),
        ("ask_again.xml", ask(Opening::Again, false)),
        ("ask_slowly.xml", ask(Opening::Again, true)),
        (
            "keys.xml",
            Reply::Keys {
                because: RepromptReason::WrongKey,
                listen,
            },
        ),
        (
            "keys.xml",
            Reply::Keys {
                because: RepromptReason::NotUnderstood,
                listen,
            },
        ),
        (
            "keys.xml",
            Reply::Keys {
                because: RepromptReason::Back,
                listen,
            },
        ),
        (
            "keys.xml",
            Reply::Keys {
                because: RepromptReason::SeveralKeys,
                listen,
            },
        ),
        ("be_sure.xml", Reply::BeSure { time: None, listen }),
        (
            "be_sure_at.xml",
            Reply::BeSure {
                time: Some(inside),
                listen,
            },
        ),
        (
            "ask_time.xml",
            Reply::AskTime {
                again: false,
                listen,
            },
        ),
        (
            "ask_time.xml",
            Reply::AskTime {
                again: true,
                listen,
            },
        ),
        (
            "check_time.xml",
            Reply::CheckTime {
                time: inside,
                listen,
            },
        ),
        ("ask_no_more_calls.xml", Reply::AskOptOut { listen }),
        ("inbound_called.xml", Reply::Called { listen }),
        ("inbound_offer.xml", Reply::Offer { listen }),
        ("hang_up.xml", Reply::HangUp),
    ];
    let decisions = [
        Decision::Accepted,
        Decision::OtherTime(inside),
        Decision::OtherTime(outside),
        Decision::Declined,
        Decision::OptedOut,
    ];
    for decision in decisions {
        replies.push((
            "decided.xml",
            Reply::Decided {
                decision,
                listen: Some(listen),
            },
        ));
        replies.push((
            "decided_goodbye.xml",
            Reply::Decided {
                decision,
                listen: None,
            },
        ));
    }
    let goodbyes = [Goodbye::Decided, Goodbye::NoKey, Goodbye::OptedOut];
    replies.extend(goodbyes.map(|goodbye| ("goodbye.xml", Reply::Goodbye(goodbye))));
    let apologies = [
        Apology::Fault,
        Apology::Canceled,
        Apology::Expired,
        Apology::OptedOut,
    ];
    replies.extend(apologies.map(|apology| ("apology.xml", Reply::Apology(apology))));
    replies
}

/// A reservation with everything in it, each text as long as it can be.
fn longest(language: Language) -> Option<Reservation> {
    let name = || Name::parse(&format!("a{}", "\"".repeat(Name::MAX_CHARACTERS - 1))).ok();
    Some(Reservation {
        name: name()?,
        phone: Phone::from_e164("+14155550101")?,
        time: "2026-12-30T20:20".parse::<TableTime>().ok()?,
        party_size: PartySize::try_from(99).ok()?,
        restaurant: Some(name()?),
        guest_phone: Phone::from_e164("+999999999999999"),
        notes: Some(Notes::parse(&"&".repeat(Notes::MAX_CHARACTERS)).ok()?),
        language,
        country: Some(Country::US),
        timezone: None,
        extension: None,
        alternatives: Some(Alternatives {
            earliest: time(18, 0, 0, 0),
            latest: time(21, 0, 0, 0),
        }),
        not_before: None,
        give_up_at: Timestamp::MAX,
        attempts: 3,
        voicemail: VoicemailAction::LeaveMessage,
        callback_url: None,
        guest_extension: "12345678901234567890".parse().ok(),
        language_guessed: true,
        opening_hours: None,
        accepts_offer_of: None,
    })
}
