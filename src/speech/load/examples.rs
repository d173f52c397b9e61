//! Every kind of reply, and the longest reservation: documents are tried with them when languages are
//! read.

use jiff::Timestamp;
use jiff::civil::time;

use crate::call::talk::{Apology, Goodbye, Opening, Reply, RepromptReason, TimePrompt};
use crate::call::{Decision, TalkPosition};
use crate::domain::{
    Alternatives, Country, Language, Name, Notes, OfferedDay, OfferedTime, PartySize, Phone,
    Reservation, TableTime, VoicemailAction,
};

/// Every kind of reply, with the file of its document.
pub(in crate::speech) fn replies() -> Vec<(&'static str, Reply)> {
    let listen = TalkPosition::first(0);
    let [inside, outside] = [time(20, 50, 0, 0), time(21, 5, 0, 0)].map(OfferedTime::same_day);
    let on_another_day = OfferedTime {
        time: time(0, 50, 0, 0),
        day: OfferedDay::After,
    };
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
                because: TimePrompt::First,
                listen,
            },
        ),
        (
            "ask_time.xml",
            Reply::AskTime {
                because: TimePrompt::NotATime,
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
        (
            "be_sure_at.xml",
            Reply::CheckTime {
                time: on_another_day,
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
        Decision::OtherTime(on_another_day),
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
pub(super) fn longest(language: Language) -> Option<Reservation> {
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
