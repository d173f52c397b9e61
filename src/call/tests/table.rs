//! The table of states and events that the documentation of `call` shows.

use super::*;

/// One of each kind, as they would speak of the first attempt.
pub(super) fn every_event() -> Vec<Event> {
    vec![
        Event::Dial { from: from() },
        Event::Hold {
            waiting_for: WaitingFor::CallHours,
            until: after(600),
        },
        Event::Block(Outcome::OptedOut),
        Event::TierLowered {
            attempt: 1,
            tier: AccountTier::Silent,
        },
        Event::Accepted(ON),
        Event::TryLater {
            attempt: 1,
            until: after(30),
        },
        Event::Refused {
            attempt: 1,
            code: Some(21_215),
        },
        Event::Unanswered { attempt: 1 },
        Event::Reached(ON, CarrierStatus::Ringing),
        Event::Reached(ON, CarrierStatus::InProgress),
        fetched(),
        key(first(), "1"),
        Event::Keyed {
            on: ON,
            position: first(),
            input: Input::Silence,
            sealed_at: start(),
        },
        Event::Resumed {
            on: ON,
            position: None,
            sealed_at: start(),
        },
        Event::Detected(ON, Machine::Beep),
        Event::Detected(ON, Machine::Voice),
        Event::Message {
            attempt: 1,
            left: true,
        },
        Event::Message {
            attempt: 1,
            left: false,
        },
        Event::CalledBack {
            attempt: 1,
            position: ringing_back(),
            input: Input::digits("1"),
            sealed_at: start(),
        },
        Event::RingNow,
        Event::OfferAccepted {
            by: CallId::from_bytes([8; 16]),
        },
        Event::OptedOut,
        closed(FinalStatus::Completed),
        closed(FinalStatus::Busy),
        closed(FinalStatus::NoAnswer),
        closed(FinalStatus::Failed),
        closed(FinalStatus::Canceled),
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Live(ON, CarrierStatus::Ringing),
        },
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Nothing,
        },
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Unreachable,
        },
        Event::EventsRead {
            attempt: 1,
            keys: None,
        },
        Event::Cancel,
        Event::Wake,
        Event::Shutdown,
    ]
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are named by their variant"
)]
fn name(event: &Event) -> String {
    match event {
        Event::Reached(_, line) => format!("Reached {line:?}"),
        Event::Closed(_, closing) => format!("Closed {:?}", closing.how),
        Event::LookedUp {
            found: LookupResult::Live(_, line),
            ..
        } => format!("LookedUp Live({line:?})"),
        Event::LookedUp { found, .. } => format!("LookedUp {found:?}"),
        Event::Keyed { input, .. } => format!("Keyed {input:?}"),
        Event::Detected(_, machine) => format!("Detected {machine:?}"),
        Event::Message { left, .. } => format!("Message left: {left}"),
        other => format!("{other:?}")
            .split([' ', '('])
            .next()
            .unwrap()
            .to_owned(),
    }
}

fn state_name(call: &Call) -> String {
    match call.state {
        State::Queued { waiting_for, .. } => waiting_for.map_or("Queued".to_owned(), |reason| {
            format!("Queued ({})", reason.word())
        }),
        State::Dialing { .. } => "Dialing".to_owned(),
        State::Ringing { .. } => "Ringing".to_owned(),
        State::InProgress { .. } => "InProgress".to_owned(),
        State::Settling {
            from: Evidence::Keypad,
            ..
        } => "Settling".to_owned(),
        State::Settling { .. } => "Settling (events)".to_owned(),
        State::Finished { outcome } => format!("Finished ({})", outcome.word()),
    }
}

#[test]
fn the_table_is_the_machine() {
    let overtaken = run(&in_progress(), &[closed(FinalStatus::Completed)]);
    let unseen = queued().taken_over(Attempt::new(1, from(), start()), 3, after(1));
    let states = [
        ("Queued", queued()),
        ("Dialing", dialing()),
        (
            "Ringing",
            run(
                &dialing(),
                &[
                    Event::Accepted(ON),
                    Event::Reached(ON, CarrierStatus::Ringing),
                ],
            ),
        ),
        ("InProgress", in_progress()),
        ("Settling", overtaken.clone()),
        (
            "Settling, unseen",
            run(&unseen, &[closed(FinalStatus::Completed)]),
        ),
        ("Queued again", settle(overtaken)),
        ("Finished", run(&queued(), &[Event::Cancel])),
    ];
    let mut table = String::from("| event |");
    states
        .iter()
        .for_each(|(name, _)| write!(table, " `{name}` |").unwrap());
    table.push_str("\n|---|");
    states.iter().for_each(|_| table.push_str("---|"));
    table.push('\n');
    for event in every_event() {
        write!(table, "| `{}` |", name(&event)).unwrap();
        for (_, call) in &states {
            let at = if event == Event::Wake {
                call.wake_at().unwrap_or(after(2))
            } else {
                after(2)
            };
            let next = step(call, event.clone(), at);
            let to = if state_name(&next.call) == state_name(call) {
                "·".to_owned()
            } else {
                format!("`{}`", state_name(&next.call))
            };
            let wants: Vec<_> = next
                .effects
                .iter()
                .map(|effect| format!("{effect:?}"))
                .collect();
            let wants: Vec<_> = wants
                .iter()
                .filter_map(|text| text.split(' ').next())
                .collect();
            let wants = if wants.is_empty() {
                String::new()
            } else {
                format!(" → *`{}`*", wants.join(", "))
            };
            write!(table, " {to}{wants} |").unwrap();
        }
        table.push('\n');
    }
    table.push_str("\n`·` stays; in italics what is to be done. `Wake` comes when the state's own time has run out.\n");
    expect_file!["../table.md"].assert_eq(&table);
}
