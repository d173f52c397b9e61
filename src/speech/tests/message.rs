//! The first message: its parts, their order and its length.

use super::*;

#[test]
fn staff_hear_at_once_who_calls_and_that_no_person_is_speaking() {
    for language in speech().languages() {
        for reservation in hard(language) {
            for slowly in [false, true] {
                let text =
                    heard(&speech().render(&ask(slowly), &render_context(&reservation), action));
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
                    &heard(&speech().render(&reply, &render_context(reservation), action)),
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
            half_past_seven(time_saying::TimeForm::Words)
                .or(half_past_seven(time_saying::TimeForm::At))
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
                heard(&speech().render(&ask(false), &render_context(&reservation), action));
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
            action,
        ));
        assert!(
            called.contains("Ana María") && !called.contains("0 1 9 9"),
            "{language}: {called}"
        );
    }
}

/// The words of a document are counted while it is written; here its text is read again.
#[test]
fn the_length_of_a_document_is_that_of_its_words_and_breaks() {
    let speech = Speech::open(InputMode::KeysAndSpeech).unwrap();
    for language in speech.languages() {
        let pace = speech.language_pack(language).pace;
        for reservation in hard(language) {
            for slowly in [false, true] {
                let mut prompt = None;
                let document =
                    speech.render(&ask(slowly), &render_context(&reservation), |position| {
                        prompt = Some(position.prompt);
                        action(position)
                    });
                let (question, _) = document.split_once("<Gather input=\"dtmf speech").unwrap();
                let breaks = question.split("<break time=\"").skip(1);
                let silence: u32 = breaks
                    .map(|rest| rest.split_once("ms\"").unwrap().0.parse::<u32>().unwrap())
                    .sum();
                let length = pace.milliseconds(pace.quarters(&heard(question))) + silence;
                let prompt = prompt.unwrap();
                assert_eq!(prompt.question, Some(length / 5 * 4), "{document}");
                assert!(prompt.facts.is_some_and(|facts| facts < length));
            }
        }
    }
}
