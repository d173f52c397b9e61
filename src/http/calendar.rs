//! The confirmed reservation as an iCalendar file (RFC 5545), for the guest's own calendar.

use std::fmt::Write;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::call::{Call, Decision, Outcome};

/// How long a table is taken for granted to be.
const STAY: SignedDuration = SignedDuration::from_hours(2);
/// The longest line in octets, without its end.
const LINE: usize = 75;

/// The entry; `None` unless the reservation is confirmed.
#[must_use]
pub fn entry(call: &Call) -> Option<String> {
    if call.outcome() != Some(Outcome::Confirmed) {
        return None;
    }
    let reservation = &call.reservation;
    let table = match call.decision()? {
        Decision::OtherTime(time) => reservation.time.at(time),
        Decision::Accepted | Decision::Declined | Decision::OptedOut => reservation.time,
    };
    let place = reservation
        .restaurant
        .as_ref()
        .map_or_else(|| reservation.phone.to_string(), ToString::to_string);
    // With its zone known the entry is an instant; without it, it floats with the reader's clock,
    // like the table's.
    let (start, end) = match &reservation.timezone {
        Some(zone) => {
            let start = table.instant(zone.as_str());
            let utc = |at: jiff::Timestamp| {
                at.to_zoned(TimeZone::UTC)
                    .strftime("%Y%m%dT%H%M%SZ")
                    .to_string()
            };
            (utc(start), utc(start.checked_add(STAY).ok()?))
        }
        None => {
            let local = |at: jiff::civil::DateTime| at.strftime("%Y%m%dT%H%M%S").to_string();
            (
                local(table.get()),
                local(table.get().checked_add(STAY).ok()?),
            )
        }
    };
    let stamp = call
        .updated_at
        .to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ");
    let mut out = String::new();
    let mut line = |text: &str| fold(&mut out, text);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line("PRODID:-//Tablecall//Tablecall//EN");
    line("BEGIN:VEVENT");
    line(&format!("UID:{}@tablecall", call.id));
    line(&format!("DTSTAMP:{stamp}"));
    line(&format!("DTSTART:{start}"));
    line(&format!("DTEND:{end}"));
    line(&format!(
        "SUMMARY:{}",
        escape(&format!("{place} ({})", reservation.party_size))
    ));
    line(&format!("LOCATION:{}", escape(&place)));
    line(&format!(
        "DESCRIPTION:{}",
        escape(&format!("{}\n{}", reservation.name, reservation.phone))
    ));
    line("END:VEVENT");
    line("END:VCALENDAR");
    Some(out)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            ',' | ';' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Writes a line, folded so that no part has more than 75 octets and no character is torn.
fn fold(out: &mut String, text: &str) {
    let mut room = LINE;
    for c in text.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = LINE - 1;
        }
        room -= c.len_utf8();
        // Writing into a string cannot fail.
        let _written = out.write_char(c);
    }
    out.push_str("\r\n");
}
