//! The understanding of spoken words, in every language.

use super::*;
use crate::call::position::TalkStage;

fn listening() -> Speech {
    Speech::check(InputMode::KeysAndSpeech).unwrap();
    Speech::open(InputMode::KeysAndSpeech).unwrap()
}

#[test]
fn every_document_that_listens_to_words_keeps_the_rules_of_twiml() {
    let speech = listening();
    for language in speech.languages() {
        let reservation = full(reservation(language, "Ana María", "2026-12-04T20:15", 4));
        for (file, reply) in replies() {
            let document = speech.render(&reply, &render_context(&reservation), action);
            assert_eq!(
                schema().check(&document),
                Ok(()),
                "{language} {file}: {document}"
            );
            // A time is typed, and a decision changed by a key: "yes" could mean either there.
            let by_key = matches!(file, "ask_time.xml" | "decided.xml") || reply.listen().is_none();
            let gather = match language.as_str() {
                "cmn-CN" => "cmn-Hans-CN",
                "yue-HK" => "yue-Hant-HK",
                same => same,
            };
            let listens = document.contains(&format!(
                "input=\"dtmf speech\" language=\"{gather}\" hints=\""
            ));
            assert_eq!(listens, !by_key, "{language} {file}: {document}");
            assert_eq!(
                document.contains("speechTimeout=\"auto\""),
                !by_key,
                "{language} {file}"
            );
            assert!(
                !document.contains("speechModel"),
                "`auto` needs that no model is named"
            );
        }
    }
}

#[test]
fn every_language_understands_its_four_answers_however_they_are_written() {
    let speech = speech();
    for (language, yes, no, again, other) in [
        (
            "en-US",
            "YES.",
            "No, sorry.",
            "Pardon?",
            "Another time, please",
        ),
        (
            "en-GB",
            "Of course",
            "We're full",
            "Once more",
            "A different time",
        ),
        (
            "es-ES",
            "¡Sí, claro!",
            "No, gracias",
            "¿Cómo?",
            "Otra hora, por favor",
        ),
        (
            "es-MX",
            "Claro que sí",
            "No se puede",
            "¿Mande?",
            "Otro horario",
        ),
        (
            "fr-FR",
            "Oui, d’accord",
            "Non, désolé",
            "Pardon ?",
            "Une autre heure",
        ),
        (
            "fr-CA",
            "Oui, c’est correct",
            "Non, désolé",
            "Pardon ?",
            "Une autre heure",
        ),
        ("yue-HK", "好呀", "唔好意思唔得", "再講一次", "其他時間"),
        (
            "de-DE",
            "Ja, gerne!",
            "Leider nein",
            "Wie bitte?",
            "Andere Uhrzeit, bitte",
        ),
        (
            "it-IT",
            "Sì, va bene",
            "No, mi dispiace",
            "Come?",
            "Un altro orario",
        ),
        (
            "pt-BR",
            "Sim, pode ser",
            "Não dá",
            "Pode repetir?",
            "Outro horário",
        ),
        (
            "pt-PT",
            "Está bem",
            "Não é possível",
            "Outra vez",
            "Outra hora",
        ),
        (
            "nl-NL",
            "Ja hoor",
            "Nee, helaas niet",
            "Nog een keer",
            "Een andere tijd",
        ),
        (
            "sv-SE",
            "Ja, tack",
            "Nej, tyvärr",
            "En gång till",
            "En annan tid",
        ),
        (
            "pl-PL",
            "Nie ma problemu",
            "Niestety nie",
            "Jeszcze raz",
            "Inna godzina",
        ),
        (
            "ja-JP",
            "はい、大丈夫です。",
            "申し訳ありません、満席です。",
            "もう一度お願いします",
            "別の時間でお願いします",
        ),
        (
            "ko-KR",
            "네, 가능합니다.",
            "죄송합니다, 만석입니다.",
            "다시 한번",
            "다른 시간이요",
        ),
        (
            "cmn-CN",
            "好的，没问题。",
            "不好意思，满了。",
            "请再说一遍",
            "换个时间",
        ),
    ] {
        let language: Language = language.parse().unwrap();
        assert!(speech.has(language));
        for (text, said) in [
            (yes, SpokenIntent::Yes),
            (no, SpokenIntent::No),
            (again, SpokenIntent::Again),
            (other, SpokenIntent::OtherTime),
        ] {
            for confidence in [Some(0.5), Some(1.0), None] {
                assert_eq!(
                    speech.understand(language, text, confidence),
                    said,
                    "{language}: {text}"
                );
            }
            assert_eq!(
                speech.understand(language, text, Some(0.49)),
                SpokenIntent::Unclear,
                "{language}: {text}"
            );
        }
        let both = format!("{yes} {no}");
        assert_eq!(
            speech.understand(language, &both, Some(1.0)),
            SpokenIntent::Unclear,
            "{language}: {both}"
        );
        for odd in [
            "",
            "…",
            "Pizza Margherita",
            &format!("{yes} Pizza"),
            &format!("x{no}"),
        ] {
            assert_eq!(
                speech.understand(language, odd, Some(1.0)),
                SpokenIntent::Unclear,
                "{language}: {odd}"
            );
        }
    }
    assert_eq!(
        speech.languages().count(),
        17,
        "a new language is to be understood, too"
    );
}

#[test]
fn a_decision_is_read_back_half_a_second_after_the_key() {
    for language in speech().languages() {
        let reservation = reservation(language, "Ana", "2026-12-04T19:30", 4);
        for (file, reply) in replies()
            .into_iter()
            .filter(|(file, _)| file.starts_with("decided"))
        {
            let document = speech().render(&reply, &render_context(&reservation), action);
            let said = document
                .split_once("<Say ")
                .and_then(|(_, rest)| rest.split_once('>'))
                .unwrap()
                .1;
            assert!(
                said.starts_with("<break time=\"500ms\"/>"),
                "{language} {file}: {document}"
            );
        }
    }
}

#[test]
fn who_calls_back_hears_two_keys_in_every_language() {
    for language in speech().languages() {
        let (star, _) = words_of(language);
        let reservation = reservation(language, "Ana", "2026-08-06T08:08", 4);
        for (place, wanted) in [(TalkStage::Called, "12"), (TalkStage::Offer, "1")] {
            let listen = TalkPosition::called_back(place);
            let reply = if place == TalkStage::Called {
                Reply::Called { listen }
            } else {
                Reply::Offer { listen }
            };
            let text = heard(&speech().render(&reply, &render_context(&reservation), action));
            assert_eq!(keys(&text, star), wanted, "{language}: {text}");
            assert_eq!(
                text.contains("Ana"),
                place == TalkStage::Called,
                "{language}: {text}"
            );
        }
    }
}

#[test]
fn whoever_greets_agrees_to_nothing() {
    let speech = listening();
    for (language, texts) in [
        (
            "en-US",
            &["Hello? Yes?", "Yes, hello?", "Okay hello", "Hello yes"][..],
        ),
        (
            "de-DE",
            &["Hallo? Ja?", "Ja bitte?", "Ja, bitte", "Guten Tag, ja"],
        ),
        ("it-IT", &["Pronto? Sì?", "Buonasera, sì"]),
        ("es-ES", &["¿Hola? ¿Sí?", "¿Sí?"]),
        ("es-MX", &["¿Bueno? ¿Sí?", "Bueno, sí"]),
        ("pt-BR", &["Alô? Sim?", "Olá, sim"]),
        ("pt-PT", &["Estou? Sim?", "Estou sim"]),
        ("sv-SE", &["Hallå? Ja?", "Hej, ja"]),
        ("pl-PL", &["Halo? Tak?", "Tak, proszę", "Dzień dobry, tak"]),
        ("nl-NL", &["Hallo, ja"]),
        ("fr-FR", &["Oui bonjour"]),
        ("fr-CA", &["Bonjour oui"]),
        ("ja-JP", &["もしもし、はい", "大丈夫です"]),
        ("cmn-CN", &["喂，是的", "你好，是的"]),
        ("yue-HK", &["喂？係"]),
        ("ko-KR", &["여보세요? 네?", "여보세요 네", "괜찮습니다"]),
    ] {
        for text in texts {
            let said = speech.understand(language.parse().unwrap(), text, Some(0.9));
            assert_eq!(said, SpokenIntent::Unclear, "{language}: {text}");
        }
    }
}
