//! Twilio's refusals and their classes.

use super::*;

fn refusal(status: u16, code: impl Into<Option<u32>>, message: &str) -> TwilioRefusal {
    TwilioRefusal::new(
        status,
        ErrorBody {
            code: code.into(),
            error: serde_json::Value::Null,
            message: Some(message.into()),
        },
    )
}

#[test]
fn the_catalogue_is_read_whole() {
    assert_eq!(CODES.len(), 311);
    assert_eq!(title(11_200), Some("HTTP retrieval failure"));
    assert!(ACCOUNT.iter().all(|code| CODES.contains_key(code)));
}

#[test]
fn only_a_code_that_there_is_can_be_looked_up() {
    let advice = |code: Option<u32>| refusal(400, code, "").advice();
    assert!(advice(Some(99_999)).contains("Look the code up"));
    for none in [None, Some(0)] {
        assert!(!advice(none).contains("code"), "{none:?}");
    }
}

#[test]
fn codes_decide_whose_move_it_is() {
    for (status, code, class) in [
        (401, Some(20_003), Class::FixAccount),
        (400, Some(21_210), Class::FixAccount),
        (400, Some(21_215), Class::FixAccount),
        (400, Some(21_211), Class::FixRequest),
        (400, Some(21_216), Class::FixRequest),
        (404, Some(20_404), Class::FixRequest),
        (400, Some(10_004), Class::TryLater),
        (400, Some(22_005), Class::TryLater),
        (400, Some(99_999), Class::Unknown),
        (400, None, Class::Unknown),
        (401, None, Class::FixAccount),
    ] {
        assert_eq!(refusal(status, code, "").class, class, "{status} {code:?}");
    }
}

/// The errors of `POST Calls.json` about a number (docs/twilio.md, *Errors of a create*); SIP and
/// access tokens apart.
const OF_CREATE: [(u32, Class, Scope); 34] = [
    (10_001, Class::FixAccount, Scope::Account),
    (10_002, Class::FixAccount, Scope::Request),
    (10_004, Class::TryLater, Scope::Request),
    (10_005, Class::FixAccount, Scope::Account),
    (20_001, Class::FixRequest, Scope::Request),
    (20_003, Class::FixAccount, Scope::Account),
    (20_005, Class::FixAccount, Scope::Account),
    (20_006, Class::FixAccount, Scope::Account),
    (20_008, Class::FixAccount, Scope::Account),
    (20_010, Class::FixAccount, Scope::Account),
    (20_403, Class::FixAccount, Scope::Account),
    (20_404, Class::FixRequest, Scope::Request),
    (20_429, Class::TryLater, Scope::Request),
    (20_503, Class::TryLater, Scope::Request),
    (21_200, Class::FixRequest, Scope::Request),
    (21_201, Class::FixRequest, Scope::Request),
    (21_202, Class::FixAccount, Scope::Request),
    (21_203, Class::FixAccount, Scope::Request),
    (21_205, Class::FixRequest, Scope::Request),
    (21_206, Class::FixRequest, Scope::Request),
    (21_208, Class::FixRequest, Scope::Request),
    (21_210, Class::FixAccount, Scope::CallerId),
    (21_211, Class::FixRequest, Scope::Request),
    (21_212, Class::FixAccount, Scope::CallerId),
    (21_213, Class::FixAccount, Scope::CallerId),
    (21_214, Class::FixRequest, Scope::Request),
    (21_215, Class::FixAccount, Scope::Request),
    (21_216, Class::FixRequest, Scope::Request),
    (21_217, Class::FixRequest, Scope::Request),
    (21_219, Class::FixAccount, Scope::Request),
    (21_263, Class::FixRequest, Scope::Request),
    (21_470, Class::FixAccount, Scope::Account),
    (21_626, Class::FixRequest, Scope::Request),
    (22_005, Class::TryLater, Scope::Request),
];

#[test]
fn each_refusal_of_a_create_is_classed_and_says_what_to_do() {
    for (code, class, scope) in OF_CREATE {
        let refusal = TwilioRefusal::of_code(code);
        assert_eq!((refusal.class, refusal.scope()), (class, scope), "{code}");
        assert!(
            advice_for(code).is_some_and(|advice| advice.ends_with('.')),
            "{code}"
        );
    }
    assert_eq!(refusal(401, None, "").scope(), Scope::Account);
    let counted = crate::telemetry::metrics::labels::TWILIO_CODES;
    assert_eq!(
        OF_CREATE.map(|(code, ..)| code),
        counted,
        "each has a place of its own in the metrics"
    );
}

#[test]
fn a_refusal_in_a_log_shows_no_number() {
    let refusal = refusal(
        400,
        21_211,
        "The 'To' number +15557654321 is not a valid phone number.",
    );
    let error = TwilioError::Refused(refusal.clone());
    assert_eq!(
        refusal.to_string(),
        "status 400, code 21211, Invalid 'To' Phone Number"
    );
    assert!(!format!("{error:?} {error}").contains("5557654321"));
    assert!(refusal.message.contains("5557654321"));
}

#[test]
fn a_trial_accounts_limits_are_recognised() {
    let words = "Invalid or disallowed parameters provided - trial accounts have limited parameter access, \
                 upgrade your account to unlock full functionality";
    assert!(refusal(400, 0, words).is_trial_limit());
    assert!(refusal(400, None, words).is_trial_limit());
    assert!(refusal(422, 572_002, "No Twilio trial phone number").is_trial_limit());
    let unverified =
        "The number +1 is unverified. Trial accounts may only make calls to verified numbers.";
    assert!(!refusal(400, 21_219, unverified).is_trial_limit());
    assert!(!refusal(400, None, "Bad request").is_trial_limit());
}
