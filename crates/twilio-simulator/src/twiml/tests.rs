//! Documents that the reader of TwiML understands, and those it warns about.

use proptest::prelude::*;

use super::*;

fn only(text: &str) -> Verb {
    let document = parse(&format!("<Response>{text}</Response>")).unwrap();
    assert_eq!(document.warnings, []);
    document.verbs.into_iter().next().unwrap()
}

fn warnings(text: &str) -> Vec<u32> {
    let document = parse(&format!("<Response>{text}</Response>")).unwrap();
    document
        .warnings
        .iter()
        .map(|warning| warning.code)
        .collect()
}

#[test]
fn a_gather_has_twilios_defaults() {
    let Verb::Gather(gather) = only("<Gather><Say>Hello</Say></Gather>") else {
        panic!("no Gather")
    };
    assert_eq!(
        (
            gather.timeout.as_secs(),
            gather.finish_on_key,
            gather.num_digits
        ),
        (5, Some('#'), None)
    );
    assert!(gather.barge_in && gather.dtmf && !gather.speech && !gather.action_on_empty_result);
    assert_eq!(gather.action, DocumentTarget::default());
}

#[test]
fn an_empty_finish_on_key_means_that_no_key_finishes() {
    let Verb::Gather(gather) = only("<Gather finishOnKey='' numDigits='1' input='dtmf speech'/>")
    else {
        panic!()
    };
    assert_eq!(
        (gather.finish_on_key, gather.num_digits, gather.speech),
        (None, Some(1), true)
    );
}

#[test]
fn ssml_is_heard_as_text_and_pauses() {
    let say = "<Say voice='Polly.Joanna-Neural' language='en-US'><prosody rate='90%'>Party of\n <say-as \
               interpret-as='cardinal'>4</say-as></prosody><break time='700ms'/><sub alias='street'>St</sub></Say>";
    let Verb::GatherPrompt(GatherPrompt::Say(say)) = only(say) else {
        panic!("no Say")
    };
    assert_eq!(
        (say.text.as_str(), say.breaks.as_millis()),
        ("Party of 4 street", 700)
    );
}

#[test]
fn a_voice_that_twilio_does_not_know_is_not_spoken() {
    assert_eq!(warnings("<Say voice='Polly.Nobody'>x</Say>"), [13_511]);
    assert_eq!(
        warnings("<Say voice='Google.de-DE-Standard-A' language='fr-FR'>x</Say>"),
        [13_512]
    );
    assert_eq!(warnings("<Say language='xx-XX'>x</Say>"), [13_512]);
    assert_eq!(warnings("<Say> </Say>"), [13_520]);
    assert_eq!(
        warnings(&format!(
            "<Say voice='Polly.Joanna'>{}</Say>",
            "a".repeat(3_001)
        )),
        [13_521]
    );
}

#[test]
fn unknown_verbs_attributes_and_nesting_are_skipped_with_a_warning() {
    assert_eq!(warnings("<Bogus/><Say>x</Say>"), [12_200]);
    assert_eq!(warnings("<say>x</say>"), [12_200]);
    assert_eq!(warnings("<Say vioce='man'>x</Say>"), [12_200]);
    assert_eq!(
        warnings("<Gather><Redirect>/x</Redirect></Gather>"),
        [13_320]
    );
    assert_eq!(warnings("<Gather timeout='soon'/>"), [13_313]);
}

#[test]
fn each_wrong_attribute_has_the_code_of_its_verb() {
    for (verb, codes) in [
        (
            "<Record timeout='soon' maxLength='0'/>",
            &[13_611, 13_612][..],
        ),
        (
            "<Record method='PUT' playBeep='yes' finishOnKey='x'/>",
            &[13_610, 13_616, 13_613],
        ),
        (
            "<Record transcribe='1' trim='all' recordingStatusCallbackEvent='x'/>",
            &[13_614, 13_699, 13_621],
        ),
        (
            "<Gather method='PUT' input='voice' bargeIn='1'/>",
            &[13_312, 13_326, 13_332],
        ),
        (
            "<Gather actionOnEmptyResult='yes' numDigits='-1' timeout='1.5'/>",
            &[13_338, 13_314, 13_313],
        ),
        (
            "<Gather language='xx' profanityFilter='x' speechTimeout='x' speechModel='x'/>",
            &[13_331, 13_333, 13_327, 13_334],
        ),
        (
            "<Gather finishOnKey='12' partialResultCallbackMethod='x' maxSpeechTime='0'/>",
            &[13_310, 13_329, 13_328],
        ),
        (
            "<Gather><Say voice='x'>a</Say><Say loop='x'>a</Say></Gather>",
            &[13_321, 13_322],
        ),
        ("<Redirect method='PUT'>/x</Redirect>", &[13_710]),
        ("<Play digits='x'/>", &[13_430]),
        ("<Play loop='x'>/x</Play>", &[13_410]),
        ("<Say loop='-1'>x</Say>", &[13_510]),
        ("<Pause length='0'/>", &[13_910]),
        ("<Reject reason='tired'/>", &[13_810]),
        (
            "<Dial timeout='601' timeLimit='0' hangupOnStar='1' record='x' method='x'>+14155550101</Dial>",
            &[13_212, 13_216, 13_213, 13_217, 13_210],
        ),
        (
            "<Dial sequential='x' answerOnBridge='x' ringTone='xx' callerId='?'>+14155550101</Dial>",
            &[13_218, 13_219, 13_220, 13_214],
        ),
        (
            "<Dial><Number method='x' sendDigits='x'>+14155550101</Number></Dial>",
            &[13_221, 13_222],
        ),
        ("<Dial>12</Dial>", &[13_223]),
        ("<Dial><Say>x</Say></Dial>", &[13_215]),
        ("<Dial><Sip>nobody</Sip></Dial>", &[13_243]),
        (
            "<Dial><Conference muted='x' beep='x' startConferenceOnEnter='x' endConferenceOnExit='x' waitMethod='x' trim='x'>R</Conference></Dial>",
            &[13_230, 13_235, 13_232, 13_231, 13_234, 13_239],
        ),
    ] {
        assert_eq!(warnings(verb), codes, "{verb}");
    }
    for known in [
        "<Record recordingConfigurationId='x'/>",
        "<Dial recordingConfigurationId='x'>+14155550101</Dial>",
        "<Gather speechModel='deepgram_nova-3' input='speech'/>",
    ] {
        assert!(warnings(known).is_empty(), "{known}");
    }
}

#[test]
fn basic_voices_take_short_language_codes() {
    for voice in ["", "voice='man'", "voice='woman'", "voice='alice'"] {
        for language in ["en", "en-gb", "es", "fr", "de", "it"] {
            let say = format!("<Say {voice} language='{language}'>x</Say>");
            assert!(warnings(&say).is_empty(), "{say}");
        }
    }
    assert_eq!(
        warnings("<Say voice='Polly.Amy' language='en-gb'>x</Say>"),
        [13_512]
    );
}

#[test]
fn what_cannot_be_run_has_twilios_code() {
    assert_eq!(parse("<Response>").unwrap_err().code(), 12_100);
    assert_eq!(
        parse("<Response>\u{1b}</Response>").unwrap_err().code(),
        12_100
    );
    assert_eq!(parse("<html/>").unwrap_err().code(), 12_102);
    assert_eq!(
        parse("<?xml version='1.1'?><Response/>")
            .unwrap_err()
            .code(),
        12_101
    );
    assert_eq!(
        parse(&format!(
            "<Response>{}</Response>",
            " ".repeat(MAX_DOCUMENT)
        ))
        .unwrap_err()
        .code(),
        11_750
    );
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(
        parts in proptest::collection::vec("<(Say|Gather|Play|Record|Redirect)( timeout='[0-9e.+-]{0,4}'| loop='[0-9-]{0,12}')?/?>|</(Say|Gather)>|.{0,3}", 0..12),
    ) {
        let text = format!("<Response>{}</Response>", parts.concat());
        drop(parse(&text));
        drop(parse(&parts.concat()));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&String::from_utf8_lossy(&bytes)));
    }
}
