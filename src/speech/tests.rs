//! The linter for speech: every language, every reply, and a table of hard reservations.

use jiff::Timestamp;
use jiff::civil::time;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::load::replies;
use super::schema::Schema;
use super::*;
use crate::call::position::TalkPosition;
use crate::call::talk::Opening;
use crate::domain::{Alternatives, Name, PartySize, TableTime, VoicemailAction};

mod speech_matcher;
mod files;

const ACTION: &str = "https://tablecall.example/twiml/1-0-0-0-k-o/abc?x=1&y=2";

fn speech() -> &'static Speech {
    static SPEECH: std::sync::LazyLock<Speech> = std::sync::LazyLock::new(|| {
        Speech::load(InputMode::Keys).unwrap_or_else(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        })
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
        name: Name::parse(name).unwrap(),
        phone: Phone::from_e164("+14155550101").unwrap(),
        time: time.parse::<TableTime>().unwrap(),
        party_size: PartySize::try_from(party).unwrap(),
        restaurant: None,
        guest_phone: None,
        notes: None,
        language,
        country: Some(Country::US),
        timezone: None,
        extension: None,
        alternatives: None,
        not_before: None,
        give_up_at: Timestamp::MAX,
        attempts: 3,
        voicemail: VoicemailAction::HangUp,
        callback_url: None,
        guest_extension: None,
        language_guessed: true,
        opening_hours: None,
        accepts_offer_of: None,
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
        hour: Some(19),
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
        .map(|(file, reply)| (file, speech.render(&reply, &render_context, ACTION)));
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
        ("inbound.xml", speech.inbound(language, service, contact)),
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
            let document = speech().render(&reply, &render_context(&reservation), ACTION);
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

#[test]
fn staff_hear_at_once_who_calls_and_that_no_person_is_speaking() {
    for language in speech().languages() {
        for reservation in hard(language) {
            for slowly in [false, true] {
                let text =
                    heard(&speech().render(&ask(slowly), &render_context(&reservation), ACTION));
                let first = text.lines().next().unwrap();
                let (_, automated) = words_of(language);
                assert!(
                    first.contains("Tablecall") && first.contains(automated),
                    "{language}: {first}"
                );
                assert!(
                    reservation.restaurant.is_none() || first.contains("Trattoria Roma"),
                    "{language}: {first}"
                );
            }
        }
    }
}

#[test]
fn keys_are_named_once_each_and_in_their_order() {
    for language in speech().languages() {
        let (star, _) = words_of(language);
        // No digit but those of keys in the facts themselves.
        let plain = reservation(language, "Ana", "2026-08-06T08:08", 4);
        let alternatives = Some(Alternatives {
            earliest: time(8, 0, 0, 0),
            latest: time(8, 8, 0, 0),
        });
        let more = Reservation {
            alternatives,
            ..plain.clone()
        };
        for (file, reply) in replies()
            .into_iter()
            .filter(|(file, _)| file.starts_with("ask") || *file == "keys.xml")
        {
            let spoken = |reservation: &Reservation| {
                keys(
                    &heard(&speech().render(&reply, &render_context(reservation), ACTION)),
                    star,
                )
            };
            let wanted = match file {
                "ask_time.xml" => ["*", "*"],
                "ask_no_more_calls.xml" => ["12", "12"],
                _ => ["12*9", "123*9"],
            };
            let found = [spoken(&plain), spoken(&more)];
            if file == "ask_time.xml" {
                assert!(
                    found.iter().all(|keys| keys.ends_with('*')),
                    "{language} {file}: {found:?}"
                );
            } else {
                assert_eq!(found, wanted, "{language} {file}");
            }
        }
    }
}

#[test]
fn facts_come_in_the_order_in_which_they_are_written_down() {
    for language in speech().languages() {
        let reservation = full(reservation(language, "Ana María", "2026-12-04T19:30", 4));
        let text = speech().script(&render_context(&reservation)).text;
        let at = |fact: &str| {
            text.find(fact)
                .unwrap_or_else(|| panic!("{language} lacks {fact}: {text}"))
        };
        let half_past_seven = |form| {
            let mut out = Out::transcript();
            let half_past_seven = time(19, 30, 0, 0);
            speech()
                .language_pack(language)
                .time
                .write(form, half_past_seven, &mut out);
            text.to_lowercase().find(&out.text.to_lowercase())
        };
        let facts = [
            half_past_seven(time_saying::Form::Words)
                .or(half_past_seven(time_saying::Form::At))
                .unwrap_or_else(|| panic!("{language} lacks the time: {text}")),
            at("Ana María"),
            at("4 1 5, 5 5 5, 0 1 9 9"),
            at("window table, one high chair"),
        ];
        assert!(facts.is_sorted(), "{language}: {text}");
        assert!(
            !text.contains("2026"),
            "{language}: the year is not said: {text}"
        );
    }
}

#[test]
fn the_core_takes_no_more_than_25_seconds_and_each_addition_10() {
    let mut long = Vec::new();
    for language in speech().languages() {
        let seconds =
            |reservation: &Reservation| speech().script(&render_context(reservation)).seconds;
        let cores = hard(language)
            .into_iter()
            .filter(|hard| hard.notes.is_none());
        let places = [None, Name::parse("Trattoria Roma").ok()];
        for (core, restaurant) in
            cores.flat_map(|core| places.clone().map(|place| (core.clone(), place)))
        {
            let core = Reservation { restaurant, ..core };
            let script = speech().script(&render_context(&core));
            if script.seconds > 25 {
                long.push(format!("{language}: {} s: {}", script.seconds, script.text));
            }
            let all = full(core.clone());
            let notes = Reservation {
                notes: all.notes.clone(),
                ..core.clone()
            };
            let phone = Reservation {
                guest_phone: all.guest_phone,
                ..core.clone()
            };
            let times = Reservation {
                alternatives: all.alternatives,
                ..core.clone()
            };
            for more in [notes, phone, times] {
                if seconds(&more) > seconds(&core) + 10 {
                    let text = speech().script(&render_context(&more)).text;
                    long.push(format!(
                        "{language}: more than 10 s beside the core: {text}"
                    ));
                }
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_script_is_what_is_heard_at_pick_up() {
    for language in speech().languages() {
        for reservation in hard(language) {
            let script = speech().script(&render_context(&reservation));
            let document =
                heard(&speech().render(&ask(false), &render_context(&reservation), ACTION));
            assert_eq!(script.text, document.replace('\n', " "));
            assert_eq!(script.language, language);
        }
    }
}

#[test]
fn a_machine_is_told_neither_the_name_nor_the_number_of_the_guest() {
    for language in speech().languages() {
        let reservation = full(reservation(language, "Ana María", "2026-12-04T19:30", 4));
        let text = heard(&speech().voicemail(&render_context(&reservation)));
        assert!(
            text.contains("4 1 5, 5 5 5, 0 1 2 3") && text.contains("Tablecall"),
            "{language}: {text}"
        );
        assert!(
            !text.contains("Ana") && !text.contains("0 1 9 9"),
            "{language}: {text}"
        );
        let called = heard(&speech().render(
            &Reply::Called {
                listen: TalkPosition::first(0),
            },
            &render_context(&reservation),
            ACTION,
        ));
        assert!(
            called.contains("Ana María") && !called.contains("0 1 9 9"),
            "{language}: {called}"
        );
    }
}

/// Whether a voice could make a number of something: "20:15" is heard as 25.
fn has_clock(text: &str) -> bool {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.match_indices(':')
        .any(|(at, _)| at > 0 && digit(at - 1) && digit(at + 1))
}

#[test]
fn every_minute_is_said_in_words_in_every_form() {
    use time_saying::Form;
    for language in speech().languages() {
        let language_pack = speech().language_pack(language);
        let mut all = std::collections::BTreeMap::new();
        for minute in 0..24 * 60_i16 {
            let hour = i8::try_from(minute / 60).unwrap();
            let time = time(hour, i8::try_from(minute % 60).unwrap(), 0, 0);
            let said = |form: Form| {
                let mut out = Out::transcript();
                language_pack.time.write(form, time, &mut out);
                out.text
            };
            let mut twice = Out::transcript();
            language_pack.time.write_twice(time, &mut twice);
            let forms = [
                said(Form::Words),
                said(Form::At),
                said(Form::Between),
                twice.text,
            ];
            for text in &forms {
                assert!(
                    !text.trim().is_empty() && text.trim() == text,
                    "{language} {time}: {text}"
                );
                assert!(
                    !text.contains("  ") && !has_clock(text),
                    "{language} {time}: {text}"
                );
            }
            let [said, ..] = forms;
            assert_eq!(
                all.insert(said.clone(), time),
                None,
                "{language}: {said} is two times"
            );
        }
    }
}

#[test]
fn no_document_leaves_a_time_to_the_voice() {
    for language in speech().languages() {
        for reservation in hard(language) {
            for (file, document) in documents(&reservation) {
                let heard = heard(&document);
                assert!(!has_clock(&heard), "{language} {file}: {heard}");
            }
        }
    }
}

#[test]
fn a_table_after_midnight_says_which_night() {
    let nights = [
        ("en-US", "In the night from Wednesday to Thursday, July 15."),
        (
            "de-DE",
            "In der Nacht von Mittwoch auf Donnerstag, den fünfzehnten Juli.",
        ),
        ("pl-PL", "W nocy ze środy na czwartek, piętnastego lipca."),
        ("ja-JP", "水曜日の夜、日付は7月15日木曜日。"),
    ];
    for language in speech().languages() {
        let said = |clock: &str| {
            let time = format!("2027-07-15T{clock}");
            speech()
                .script(&render_context(&reservation(language, "Ana", &time, 4)))
                .text
        };
        // The day before is named after midnight, and not at a quarter past five.
        let mut evening = Out::transcript();
        let day = "2027-07-15".parse().unwrap();
        speech()
            .language_pack(language)
            .calendar
            .write_day(day, true, &mut evening);
        let begun = |text: &str| text.to_lowercase().contains(&evening.text.to_lowercase());
        assert!(
            begun(&said("00:15")) && begun(&said("04:59")),
            "{language}: {}",
            said("00:15")
        );
        assert!(
            !begun(&said("05:15")) && !begun(&said("23:45")),
            "{language}"
        );
        for (_, night) in nights.iter().filter(|(tag, _)| *tag == language.as_str()) {
            assert!(said("00:15").contains(night), "{}", said("00:15"));
        }
    }
}

#[test]
fn a_language_that_is_not_shipped_is_said_in_english() {
    let reservation = reservation("xx-XX".parse().unwrap(), "Ana", "2026-12-04T19:30", 4);
    assert!(
        speech()
            .render(&ask(false), &render_context(&reservation), ACTION)
            .contains("language=\"en-US\"")
    );
}

#[test]
fn a_name_is_spelled_after_the_star_and_said_as_it_sounds() {
    let name = |text: &str| Name::parse(text).unwrap();
    let slowly = |language: &str, name: Name| {
        let plain = reservation(language.parse().unwrap(), "Ana", "2026-12-04T19:30", 4);
        let reservation = Reservation { name, ..plain };
        let first = speech().script(&render_context(&reservation)).text;
        let slowly = speech().render(&ask(true), &render_context(&reservation), ACTION);
        (first, heard(&slowly))
    };
    let (first, again) = slowly("en-US", name("Nguyễn").with_sound(Some(&name("Win")), None));
    assert!(
        first.contains("Name: Win.") && !first.contains("Spelled"),
        "{first}"
    );
    assert!(
        again.contains("Name: Win.\nSpelled: N as in November, G as in Golf, U as in"),
        "{again}"
    );
    assert!(
        again.contains("E as in Echo with a circumflex with a"),
        "{again}"
    );
    let (_, again) = slowly("de-DE", name("Müller"));
    assert!(
        again.contains("Buchstabiert: M wie Martha, Ü wie Übermut, L wie Ludwig"),
        "{again}"
    );
    let (_, again) = slowly("fr-FR", name("Lefèvre"));
    assert!(
        again.contains("F comme François, E comme Eugène accent grave, V"),
        "{again}"
    );
    let (_, again) = slowly(
        "ja-JP",
        name("山田").with_sound(None, Some(&name("やまだ"))),
    );
    assert!(
        again.contains("お名前は、山田様。\nお名前の読みは、や、ま、だ。"),
        "{again}"
    );
    let (_, again) = slowly("ja-JP", name("山田"));
    assert!(!again.contains("読み"), "{again}");
    let (_, again) = slowly("ko-KR", name("김민수"));
    assert!(again.contains("김, 민, 수"), "{again}");
}

#[test]
fn notes_in_another_language_are_said_by_its_voice() {
    let plain = reservation(Language::EN_US, "Ana", "2026-12-04T19:30", 4);
    let notes = Notes::parse("alergia a las nueces").unwrap();
    let notes = Some(notes.in_language("es-ES".parse().unwrap()));
    let reservation = Reservation { notes, ..plain };
    for slowly in [false, true] {
        let document = speech().render(&ask(slowly), &render_context(&reservation), ACTION);
        assert_eq!(schema().check(&document), Ok(()), "{document}");
        let (open, close) = if slowly {
            (r#"<prosody rate="slow">"#, "</prosody>")
        } else {
            ("", "")
        };
        let said = format!(
            r#"Note: {close}</Say><Say voice="Polly.Lucia-Neural" language="es-ES">{open}alergia a las nueces{close}</Say><Say voice="Polly.Joanna-Neural" language="en-US">{open}<break"#
        );
        assert!(document.contains(&said), "{document}");
    }
    let script = speech().script(&render_context(&reservation)).text;
    assert!(
        script.contains("Note: alergia a las nueces. To accept"),
        "{script}"
    );
}

#[test]
fn every_voice_says_the_names_of_its_own_script() {
    for language in speech().languages() {
        let foreign = |text| speech().foreign_script(language, text);
        assert_eq!(foreign("Łukasz O’Neill-Ünal"), None, "{language}");
        assert_eq!(foreign("דנה"), Some("Hebrew"), "{language}");
        let spelling = &speech().language_pack(language).spelling;
        let spelled = spelling.spell("José-Łukasz Müller");
        assert!(
            spelled.contains(&spelling.spell("M")),
            "{language}: {spelled}"
        );
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
        let document = speech().render(&ask(slowly), &render_context, ACTION);
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
