//! The linter for speech: every language, every reply, and a table of hard reservations.

use jiff::civil::{date, time};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::load::replies;
use super::schema::Schema;
use super::*;
use crate::call::position::TalkPosition;
use crate::call::talk::Opening;
use crate::domain::{Alternatives, Name, PartySize, TableTime};

mod files;
mod message;
mod speech_matcher;
mod words;

const ACTION: &str = "https://tablecall.example/twiml/1-0-0-0-k-o/abc?x=1&y=2";

fn action(_: TalkPosition) -> String {
    ACTION.to_owned()
}

fn speech() -> &'static Speech {
    static SPEECH: std::sync::LazyLock<Speech> = std::sync::LazyLock::new(|| {
        if let Err(problems) = Speech::check(InputMode::Keys) {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        }
        Speech::open(InputMode::Keys).unwrap()
    });
    &SPEECH
}

fn schema() -> &'static Schema {
    static SCHEMA: std::sync::LazyLock<Schema> =
        std::sync::LazyLock::new(|| Schema::load().unwrap());
    &SCHEMA
}

fn reservation(language: Language, name: &str, time: &str, party: i64) -> Reservation {
    Reservation {
        language,
        country: Some(Country::US),
        attempts: 3,
        language_guessed: true,
        ..Reservation::new(
            Name::parse(name).unwrap(),
            Phone::from_e164("+14155550101").unwrap(),
            time.parse::<TableTime>().unwrap(),
            PartySize::try_from(party).unwrap(),
        )
    }
}

/// With everything that a guest can add.
fn full(plain: Reservation) -> Reservation {
    let evening = Alternatives {
        earliest: time(18, 0, 0, 0),
        latest: time(21, 0, 0, 0),
    };
    Reservation {
        restaurant: Some(Name::parse("Trattoria Roma").unwrap()),
        guest_phone: Phone::from_e164("+14155550199"),
        notes: Some(Notes::parse("window table, one high chair").unwrap()),
        alternatives: Some(evening),
        ..plain
    }
}

/// Hard reservations: parties of 1, 2, 5 and 21, the turn of the day, noon, and names that are no
/// plain words.
fn hard(language: Language) -> Vec<Reservation> {
    let of = |name, time, party| reservation(language, name, time, party);
    vec![
        of("Ana María", "2026-12-04T20:50", 2),
        of("Jean-Luc O’Neill", "2026-12-01T00:15", 1),
        of("<b>Zoë</b> & Söhne", "2027-02-28T12:00", 5),
        of("Chloé 🍕👩‍👩‍👧", "2026-12-31T20:15", 21),
        of("דנה כהן", "2027-08-03T08:05", 3),
        full(of("Łukasz Żółć", "2026-12-04T19:30", 4)),
    ]
}

fn render_context(reservation: &Reservation) -> RenderContext<'_> {
    RenderContext {
        reservation,
        service_name: "Tablecall",
        contact_phone: Phone::from_e164("+14155550123"),
        local_time: Some(date(2026, 11, 27).at(19, 0, 0, 0)),
    }
}

fn ask(slowly: bool) -> Reply {
    Reply::Ask {
        opening: if slowly {
            Opening::Again
        } else {
            Opening::First
        },
        slowly,
        listen: TalkPosition::first(0),
    }
}

/// Every document of a reservation, by its file.
fn documents(reservation: &Reservation) -> Vec<(&'static str, String)> {
    let render_context = render_context(reservation);
    let speech = speech();
    let replies = replies()
        .into_iter()
        .map(|(file, reply)| (file, speech.render(&reply, &render_context, action)));
    let (service, contact, language) = (
        render_context.service_name,
        render_context.contact_phone,
        reservation.language,
    );
    let others = [
        ("voicemail.xml", speech.voicemail(&render_context)),
        (
            "voicemail.xml",
            speech.voicemail(&RenderContext {
                contact_phone: None,
                ..render_context
            }),
        ),
        (
            "inbound.xml",
            speech.inbound(language, service, contact, render_context.local_time),
        ),
    ];
    replies.chain(others).collect()
}

/// The words of a document, read from its XML, each pause as a line's end.
fn heard(document: &str) -> String {
    let (mut reader, mut words) = (Reader::from_str(document), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Text(text) => words.push_str(&text.into_inner()),
            Event::GeneralRef(name) => words.push_str(match &*name.into_inner() {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                other => panic!("&{other};"),
            }),
            Event::Empty(tag) if tag.name().as_ref() == "break" => words.push('\n'),
            Event::Eof => break,
            Event::Start(_) | Event::End(_) | Event::Empty(_) => {}
            other @ (Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)) => {
                panic!("{other:?}")
            }
        }
    }
    let lines: Vec<&str> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

/// The keys that a text names, in their order.
fn keys(text: &str, star: &str) -> String {
    let mut found = Vec::new();
    for key in ["1", "2", "3", "9"] {
        found.extend(text.match_indices(key).map(|(at, _)| (at, key)));
    }
    found.extend(text.match_indices(star).map(|(at, _)| (at, "*")));
    found.sort_unstable();
    found.into_iter().map(|(_, key)| key).collect()
}

/// The name of the star key in each language, and the word that says that no person is speaking.
fn words_of(language: Language) -> (&'static str, &'static str) {
    match language.as_str() {
        "en-US" | "en-GB" => ("star", "automated"),
        "es-ES" | "es-MX" | "pt-BR" | "pt-PT" => ("asterisco", "automática"),
        "fr-FR" => ("étoile", "automatique"),
        "fr-CA" => ("étoile", "automatisé"),
        "de-DE" => ("Stern", "automatischer"),
        "it-IT" => ("asterisco", "automatica"),
        "nl-NL" => ("sterretje", "automatisch"),
        "sv-SE" => ("stjärna", "automatiskt"),
        "pl-PL" => ("gwiazdkę", "automatyczne"),
        "ja-JP" => ("こめじるし", "自動"),
        "ko-KR" => ("별표", "자동"),
        "cmn-CN" => ("星号", "自动"),
        "yue-HK" => ("星號", "自動"),
        other => panic!("tell the linter the words of {other}"),
    }
}

#[test]
fn everything_said_keeps_the_rules_of_twiml() {
    assert_eq!(schema().check(LAST_RESORT), Ok(()));
    for language in speech().languages() {
        assert_eq!(schema().check(&speech().apology(language)), Ok(()));
        for reservation in hard(language) {
            for (file, document) in documents(&reservation) {
                assert_eq!(
                    schema().check(&document),
                    Ok(()),
                    "{language} {file}: {document}"
                );
                assert!(
                    !document.contains(['{', '}', '|']),
                    "{language} {file}: {document}"
                );
                let invisible =
                    |c: char| c != ' ' && !c.is_ascii() && !super::spoken::is_sayable(c);
                assert!(
                    !document.contains(invisible),
                    "{language} {file}: {document}"
                );
                assert!(
                    !document.contains(['\u{202F}', '\u{A0}', '\u{2068}', '\u{2069}']),
                    "{language} {file}"
                );
            }
        }
    }
}

#[test]
fn whoever_listens_can_press_a_key_from_the_first_word_on() {
    for language in speech().languages() {
        let reservation = reservation(language, "Ana", "2026-12-04T19:30", 4);
        for (file, reply) in replies() {
            let document = speech().render(&reply, &render_context(&reservation), action);
            if reply.listen().is_some() {
                let (digits, end) = if file == "ask_time.xml" {
                    (4, "#")
                } else {
                    (1, "")
                };
                let gather = format!(
                    "<Response><Gather input=\"dtmf\" numDigits=\"{digits}\" finishOnKey=\"{end}\" "
                );
                assert!(document.starts_with(&gather), "{document}");
                assert!(
                    document.contains("actionOnEmptyResult=\"true\"")
                        && !document.contains("bargeIn"),
                    "{document}"
                );
                assert!(
                    document.contains(&format!("action=\"{}\"", ACTION.replace('&', "&amp;"))),
                    "{document}"
                );
                assert!(
                    document.ends_with("</Say></Gather></Response>"),
                    "{document}"
                );
            } else {
                assert!(
                    document.ends_with("<Hangup/></Response>") && !document.contains("Gather"),
                    "{document}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_of_a_guest_breaks_out_of_its_place(
        name in "[\\PC<>&\"'{}|]{0,40}[a-zא-תあ-ん]", notes in any::<String>(), restaurant in any::<String>(),
        service in any::<String>(), language in 0..15_usize, slowly in any::<bool>()
    ) {
        let language = speech().languages().nth(language).unwrap();
        let mut reservation = reservation(language, "Ana", "2026-12-04T19:30", 4);
        if let Ok(name) = Name::parse(&name) {
            reservation.name = name;
        }
        reservation.notes = Notes::parse(&notes).ok();
        reservation.restaurant = Name::parse(&restaurant).ok();
        let render_context = RenderContext { service_name: &service, ..render_context(&reservation) };
        let document = speech().render(&ask(slowly), &render_context, action);
        prop_assert_eq!(schema().check(&document), Ok(()));
        let heard = heard(&document);
        let texts = [reservation.name.as_str(), reservation.notes.as_ref().map_or("", |notes| notes.as_str())];
        for text in texts {
            let mut said = Out::transcript();
            said.say(text);
            prop_assert!(heard.contains(&said.text), "{} in {}", said.text, document);
        }
    }
}

#[test]
fn all_calls_can_share_what_was_prepared() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(speech());
}

#[test]
fn no_point_is_written_twice() {
    let mexican = "es-MX".parse().unwrap();
    let reservation = full(reservation(mexican, "Ana Ruiz Jr.", "2026-12-04T20:15", 4));
    let text = speech().script(&render_context(&reservation)).text;
    assert!(text.contains("Ruiz Jr. Tel"), "{text}");
}
