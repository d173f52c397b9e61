//! Pauses, tests of a refused account, and the choice of our number.

use super::*;

/// What a refusal of the account advises.
const ADVICE: &str = "Twilio gives no token: check the client.";

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn phone(text: &str) -> Phone {
    Phone::from_e164(text).unwrap()
}

#[test]
fn pauses_double_up_to_a_bound_and_twilios_own_word_counts_more() {
    let carrier = CarrierHealth::new(&[]);
    let (mut at, mut before) = (now(), SignedDuration::ZERO);
    for _ in 0..12 {
        let until = carrier.busy(None, at);
        let pause = until.duration_since(at);
        assert!(pause <= LONGEST_PAUSE + LONGEST_PAUSE / 4);
        assert!(
            pause > before * 3 / 2 || pause >= LONGEST_PAUSE,
            "{pause:?} after {before:?}"
        );
        assert_eq!(
            carrier.busy(None, at),
            until,
            "failing together is failing once"
        );
        assert_eq!(carrier.closed_until(at), Some(until));
        (at, before) = (until, pause);
    }
    assert_eq!(carrier.closed_until(at), None);
    let told = carrier
        .busy(Some(Duration::from_secs(40)), at)
        .duration_since(at);
    assert!((40..51).contains(&told.as_secs()));
    carrier.accepted();
    for asked in [0, 1] {
        let mut at = at;
        for _ in 0..12 {
            at = carrier.busy(Some(Duration::from_secs(asked)), at);
        }
        let next = carrier.busy(Some(Duration::from_secs(asked)), at);
        assert!(next.duration_since(at) >= PATIENCE, "told {asked} seconds");
        carrier.accepted();
    }
    assert!(carrier.busy(None, at).duration_since(at) < FIRST_PAUSE * 2);
}

#[test]
fn a_clock_that_is_set_back_makes_no_pause_longer() {
    let carrier = CarrierHealth::new(&[]);
    carrier.busy(Some(Duration::from_secs(60)), now());
    assert!(carrier.closed_until(now()).is_some());
    assert_eq!(
        carrier.closed_until(now() - SignedDuration::from_hours(1)),
        None
    );
}

#[test]
fn a_refused_account_is_dialled_for_only_after_a_test() {
    let carrier = CarrierHealth::new(&[]);
    carrier.shut(20_003, ADVICE, now());
    let test_at = carrier.test_at().unwrap();
    assert!(
        carrier
            .closed_until(test_at + SignedDuration::from_hours(5))
            .is_some(),
        "no test, no call"
    );
    let health_issues = carrier.health_issues(now());
    assert!(
        health_issues[0].grave
            && health_issues[0].detail.contains("20003")
            && health_issues[0].detail.contains(ADVICE),
        "{health_issues:?}"
    );
    carrier.reopen();
    assert_eq!(
        (carrier.closed_until(now()), carrier.test_at()),
        (None, None)
    );
    carrier.shut(20_003, ADVICE, test_at);
    assert!(
        carrier.test_at().unwrap().duration_since(test_at) >= FIRST_TEST * 2,
        "the next pause is longer"
    );
}

#[test]
fn what_is_not_twilio_is_dialled_through_no_more_whatever_follows() {
    let carrier = CarrierHealth::new(&[]);
    carrier.mark_foreign();
    carrier.reopen();
    carrier.accepted();
    carrier.shut(20_003, ADVICE, now());
    carrier.busy(None, now());
    let later = now() + SignedDuration::from_hours(5);
    assert!(carrier.closed_until(later).is_some());
    let health_issues = carrier.health_issues(later);
    assert!(
        health_issues[0].grave && health_issues[0].detail.contains("TWILIO_API_URL"),
        "{health_issues:?}"
    );
}

#[test]
fn the_number_of_the_restaurants_country_is_preferred_and_a_refused_one_set_aside() {
    let (us, de, gb) = (
        phone("+14155550199"),
        phone("+493012345678"),
        phone("+442079460000"),
    );
    let carrier = CarrierHealth::new(&[us, de, gb]);
    let pick = |country: &str, at| carrier.caller_id(country.parse().ok(), at);
    assert_eq!(
        (pick("DE", now()), pick("FR", now()), pick("US", now())),
        (Some(de), Some(us), Some(us))
    );
    assert!(carrier.set_aside(de, 21_210, now()));
    assert_eq!(pick("DE", now()), Some(us));
    let health_issues = carrier.health_issues(now());
    assert!(
        !health_issues[0].grave && health_issues[0].detail.contains("1 of 3"),
        "{health_issues:?}"
    );
    assert_eq!(
        pick("DE", now() + SET_ASIDE),
        Some(de),
        "it is tried again later"
    );
    assert!(carrier.set_aside(de, 21_210, now()) && carrier.set_aside(gb, 21_210, now()));
    assert!(!carrier.set_aside(us, 21_210, now()));
    assert_eq!(
        pick("DE", now()),
        Some(us),
        "the first, when there is none: its refusal is told"
    );
    assert!(carrier.health_issues(now())[0].grave);
}

#[test]
fn what_a_trial_account_may_ask_for_only_shrinks() {
    let carrier = CarrierHealth::new(&[]);
    carrier.lower_tier(AccountTier::Silent);
    carrier.lower_tier(AccountTier::Trial);
    assert_eq!(carrier.tier(), AccountTier::Silent);
}
