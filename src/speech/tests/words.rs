//! Words: times, names and notes as they are said.

use super::super::calendar::SaidDay;
use super::*;

/// Returns whether a voice could make a number of something: "20:15" is heard as 25.
fn has_clock(text: &str) -> bool {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.match_indices(':')
        .any(|(at, _)| at > 0 && digit(at - 1) && digit(at + 1))
}

#[test]
fn every_minute_is_said_in_words_in_every_form() {
    use time_saying::TimeForm;
    for language in speech().languages() {
        let language_pack = speech().language_pack(language);
        let mut all = std::collections::BTreeMap::new();
        for minute in 0..24 * 60_i16 {
            let hour = i8::try_from(minute / 60).unwrap();
            let time = time(hour, i8::try_from(minute % 60).unwrap(), 0, 0);
            let said = |form: TimeForm| {
                let mut out = Out::transcript();
                language_pack.time.write(form, time, &mut out);
                out.text
            };
            let mut twice = Out::transcript();
            language_pack.time.write_twice(time, &mut twice);
            let forms = [
                said(TimeForm::Words),
                said(TimeForm::At),
                said(TimeForm::Between),
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
fn a_day_that_comes_sooner_in_another_year_is_said_with_its_year() {
    for language in speech().languages() {
        let said = |time: &str| {
            let reservation = reservation(language, "Ana María", time, 4);
            speech().script(&render_context(&reservation)).text
        };
        assert!(!said("2027-10-26T19:30").contains("2027"), "{language}");

        for far in ["2027-10-27T19:30", "2027-12-01T00:15", "2028-01-01T19:30"] {
            let text = said(far);
            let year = &far[..4];
            assert_eq!(text.matches(year).count(), 1, "{language}: {text}");
        }
    }
}

#[test]
fn a_table_after_midnight_says_which_night() {
    let nights = [
        ("en-US", "Wednesday night, going into Thursday, July 15."),
        ("fr-FR", "Dans la nuit du mercredi au jeudi quinze juillet."),
        (
            "de-DE",
            "In der Nacht von Mittwoch auf Donnerstag, den fünfzehnten Juli.",
        ),
        ("pl-PL", "W nocy ze środy na czwartek, piętnastego lipca."),
        ("ja-JP", "水曜日の深夜、7月15日木曜日。"),
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
        let day = SaidDay {
            date: date(2027, 7, 15),
            after_midnight: true,
            with_year: false,
        };
        speech()
            .language_pack(language)
            .calendar
            .write_day(day, &mut evening);
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
fn the_part_of_the_night_is_said_once() {
    for (language, part) in [("cmn-CN", "凌晨"), ("yue-HK", "凌晨"), ("ja-JP", "午前")] {
        for clock in ["00:50", "01:30", "04:59"] {
            let time = format!("2026-12-05T{clock}");
            let reservation = reservation(language.parse().unwrap(), "Ana", &time, 4);
            let reply = Reply::BeSure {
                time: None,
                listen: TalkPosition::first(0),
            };
            let said = heard(&speech().render(&reply, &render_context(&reservation), action));
            assert!(said.matches(part).count() <= 1, "{language}: {said}");
        }
    }
}

#[test]
fn french_elides_before_a_vowel() {
    for language in ["fr-FR", "fr-CA"] {
        let reservation = reservation(language.parse().unwrap(), "Ana", "2026-12-04T19:30", 4);
        let render_context = RenderContext {
            service_name: "Allô Table",
            ..render_context(&reservation)
        };
        let text = speech().script(&render_context).text;
        assert!(text.contains(" d’Allô Table : "), "{text}");
        assert!(text.contains("Le client s’appelle Ana."), "{text}");
    }
}

#[test]
fn a_language_that_is_not_shipped_is_said_in_english() {
    let reservation = reservation("xx-XX".parse().unwrap(), "Ana", "2026-12-04T19:30", 4);
    assert!(
        speech()
            .render(&ask(false), &render_context(&reservation), action)
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
        let slowly = speech().render(&ask(true), &render_context(&reservation), action);
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
        let document = speech().render(&ask(slowly), &render_context(&reservation), action);
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
