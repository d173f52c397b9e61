//! Properties of every judgement.

use super::*;
use crate::domain::zones::rules_of;

fn moment() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((-3_600_i64..40 * 3_600).prop_map(later))
}

prop_compose! {
    fn input()(hour in moment(), day in moment(), key in moment(), service in moment(), taken: bool,
               carrier in moment(), slot in moment(), duplicate: bool) -> PolicyInput {
        let room = Room { number_hour: hour, number_day: day, key_minute: key, service_day: service };
        let duplicate = duplicate.then(|| CallId::from_bytes([1; 16]));
        PolicyInput { duplicate, opted_out: false, room, taken, carrier, slot }
    }
}

proptest! {
    /// Whatever is in the way: a wait leads into the hours, never beyond the end, and ends when its
    /// time has come.
    #[test]
    fn a_wait_is_bounded_and_leads_somewhere(
        input in input(), not_before in moment(), give_up in 60_i64..48 * 3_600, earliest in -60_i64..40 * 3_600,
    ) {
        let reservation = Reservation { not_before, give_up_at: later(give_up), ..reservation() };
        let purpose = DialReason::Attempt { earliest: later(earliest) };
        match rules().judge(&reservation, landline(), purpose, &input, noon()) {
            PolicyVerdict::Allowed => {
                prop_assert!(earliest <= 0 && not_before.is_none_or(|at| at <= noon()) && !input.taken);
                let room = input.room;
                let all = [room.number_hour, room.number_day, room.service_day, input.carrier, input.slot];
                prop_assert!(all.iter().flatten().all(|at| *at <= noon()));
            }
            PolicyVerdict::Waits { reason, until } => {
                prop_assert!(until > noon() && until <= reservation.give_up_at);
                if matches!(reason, WaitingFor::CallHours | WaitingFor::Limit | WaitingFor::NotBefore | WaitingFor::Retry) {
                    prop_assert!(rules().hours.contain(until, &rules_of(&["Europe/Berlin"])));
                    let nothing = PolicyInput { room: input.room, ..PolicyInput::default() };
                    prop_assert_eq!(
                        rules().judge(&reservation, landline(), purpose, &nothing, until), PolicyVerdict::Allowed
                    );
                }
            }
            PolicyVerdict::Blocked(refusal) => prop_assert_eq!(refusal, Refusal::TooLate),
        }
    }

    /// A create is allowed, or has to wait, exactly when an attempt of the same call would; only
    /// limits differ.
    #[test]
    fn a_create_and_an_attempt_are_judged_alike(input in input(), not_before in moment()) {
        let reservation = Reservation { not_before, ..reservation() };
        let create = create(&reservation, &input, noon());
        let attempt = rules().judge(
            &reservation, landline(), DialReason::Attempt { earliest: noon() }, &input, noon(),
        );
        match create {
            PolicyVerdict::Blocked(Refusal::NumberLimit { .. } | Refusal::ServiceLimit { .. }) => {
                let late = matches!(attempt, PolicyVerdict::Waits { .. } | PolicyVerdict::Blocked(Refusal::TooLate));
                prop_assert!(late, "{attempt:?}");
            }
            PolicyVerdict::Blocked(Refusal::KeyLimit { .. } | Refusal::Duplicate(_)) => {}
            PolicyVerdict::Allowed | PolicyVerdict::Waits { .. } | PolicyVerdict::Blocked(_) => prop_assert_eq!(create, attempt),
        }
    }
}
