//! Reads and checks the files of `twiml/`.
//!
//! They are in the program, so a start reads no more than it needs and checks all of them while it
//! serves already; a test checks them too.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::time;

use super::files::File;
use super::languages::{Claims, Languages};
use super::number::Numbers;
use super::places::Places;
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::sources::{Sources, one};
use super::{InputMode, RenderContext, Speech, files};
use crate::call::talk::{Apology, Goodbye, Opening, Reply, RepromptReason};
use crate::call::{Decision, TalkPosition};
use crate::domain::{
    Alternatives, Country, Language, Name, Notes, PartySize, Phone, Reservation, TableTime,
    VoicemailAction,
};

impl Speech {
    /// Reads what a start needs: en-US, and of every other language who speaks it.
    ///
    /// # Errors
    /// Everything that is wrong with what was read. [`Speech::check`] finds all else.
    pub fn open(input: InputMode) -> Result<Self, Vec<LanguageProblem>> {
        Ok(Self {
            languages: Languages::open(input)?,
            numbers: Numbers::default(),
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
                    numbers: Numbers::default(),
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
