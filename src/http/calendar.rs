//! The confirmed reservation as an iCalendar file (RFC 5545), for the guest's own calendar.
//!
//! The entry stands on the restaurant's clock: with its time zone where that is known, else
//! floating, which calendars read on their own clock.

use std::fmt::Write;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::call::{Call, Decision, Outcome};
use crate::domain::{Reservation, TableTime, Zone};

/// Assumed length of a stay at a table.
const STAY: SignedDuration = SignedDuration::from_hours(2);
/// The longest line in octets, without its end.
const LINE: usize = 75;

/// The entry; `None` unless the reservation is confirmed. `page` is the URL of the call's page.
#[must_use]
pub fn entry(call: &Call, page: &str) -> Option<String> {
    if call.outcome() != Some(Outcome::Confirmed) {
        return None;
    }
    let reservation = &call.reservation;
    let table = match call.decision()? {
        Decision::OtherTime(time) => reservation.time.at(time),
        Decision::Accepted | Decision::Declined | Decision::OptedOut | Decision::Withdrawn => {
            reservation.time
        }
    };
    let mut out = IcsLines::default();
    out.line("BEGIN:VCALENDAR");
    out.line("VERSION:2.0");
    out.line("PRODID:-//Tablecall//Tablecall//EN");
    out.line("CALSCALE:GREGORIAN");
    out.line("METHOD:PUBLISH");
    if let Some(zone) = &reservation.timezone {
        time_zone(&mut out, zone, table);
    }
    out.line("BEGIN:VEVENT");
    out.line(&format!("UID:{}@tablecall", call.id));
    // The version grows with each change, so a later file of the same call replaces an earlier one.
    out.line(&format!("SEQUENCE:{}", call.version));
    out.line(&format!("DTSTAMP:{}", utc(call.updated_at)));
    out.line(&format!("CREATED:{}", utc(call.created_at)));
    out.line(&format!("LAST-MODIFIED:{}", utc(call.updated_at)));
    let zone = reservation.timezone.as_ref();
    let named = zone.map_or_else(String::new, |zone| format!(";TZID={}", zone.as_str()));
    out.line(&format!("DTSTART{named}:{}", local(table.get())));
    out.line(&end(table, zone, &named)?);
    out.line("STATUS:CONFIRMED");
    out.line("TRANSP:OPAQUE");
    describe(&mut out, reservation);
    out.line(&format!("URL:{page}"));
    out.line("END:VEVENT");
    out.line("END:VCALENDAR");
    Some(out.0)
}

/// The line of the entry's end. In a night in which the clock is set, it stands on the clock that
/// the restaurant shows by then; a time that this clock shows twice is read as the first of both
/// (RFC 5545, 3.3.5), so the second is written in UTC.
fn end(table: TableTime, zone: Option<&Zone>, named: &str) -> Option<String> {
    let Some(zone) = zone else {
        let end = table.get().checked_add(STAY).ok()?;
        return Some(format!("DTEND:{}", local(end)));
    };
    let end = table.instant(zone.as_str()).checked_add(STAY).ok()?;
    let shown = zone.rules().to_datetime(end);
    let is_first = TableTime::from(shown).instant(zone.as_str()) == end;
    Some(if is_first {
        format!("DTEND{named}:{}", local(shown))
    } else {
        format!("DTEND:{}", utc(end))
    })
}

/// Writes the entry's text: restaurant, guest, party size and notes.
fn describe(out: &mut IcsLines, reservation: &Reservation) {
    let phone = phone(reservation);
    let people = reservation.party_size;
    let (title, place) = reservation.restaurant.as_ref().map_or_else(
        || (format!("Table for {people}, {phone}"), phone.clone()),
        |name| {
            (
                format!("{name}: table for {people}"),
                format!("{name}, {phone}"),
            )
        },
    );
    let mut about = format!(
        "Reserved for {} ({people})\nRestaurant: {phone}",
        reservation.name
    );
    if let Some(guest) = &reservation.guest_phone {
        about.push_str(&format!("\nGuest: {guest}"));
    }
    if let Some(notes) = &reservation.notes {
        about.push_str(&format!("\nNotes: {notes}"));
    }
    out.line(&format!("SUMMARY:{}", escape(&title)));
    out.line(&format!("LOCATION:{}", escape(&place)));
    out.line(&format!("CONTACT:{}", escape(&phone)));
    out.line(&format!("DESCRIPTION:{}", escape(&about)));
}

/// The restaurant's number as people abroad write it.
fn phone(reservation: &Reservation) -> String {
    reservation.phone.groups(None).join(" ")
}

/// The rules of `zone` that hold at the table's time, and those that follow them: a calendar that
/// does not know the name reads them, and none needs the rules of other years.
fn time_zone(out: &mut IcsLines, zone: &Zone, table: TableTime) {
    let rules = zone.rules();
    let at = table.instant(zone.as_str());
    out.line("BEGIN:VTIMEZONE");
    out.line(&format!("TZID:{}", zone.as_str()));
    // A change at the table's very time holds for it.
    let before = rules.preceding(clock::later(at, SignedDuration::from_secs(1)));
    let before = before.into_iter().next();
    if before.is_none() {
        let offset = rules.to_offset(at);
        let name = rules.to_offset_info(at).abbreviation().to_owned();
        observance(
            out,
            false,
            DateTime::constant(1970, 1, 1, 0, 0, 0, 0),
            (offset, offset),
            &name,
        );
    }
    for change in before.into_iter().chain(rules.following(at).take(1)) {
        let from = offset_before(&rules, change.timestamp());
        observance(
            out,
            change.dst().is_dst(),
            from.to_datetime(change.timestamp()),
            (from, change.offset()),
            change.abbreviation(),
        );
    }
    out.line("END:VTIMEZONE");
}

/// One rule of a zone: from `onset`, on the clock that is about to be changed, an offset holds.
fn observance(
    out: &mut IcsLines,
    is_summer: bool,
    onset: DateTime,
    (from, to): (Offset, Offset),
    name: &str,
) {
    let kind = if is_summer { "DAYLIGHT" } else { "STANDARD" };
    out.line(&format!("BEGIN:{kind}"));
    out.line(&format!("DTSTART:{}", local(onset)));
    out.line(&format!("TZOFFSETFROM:{}", offset(from)));
    out.line(&format!("TZOFFSETTO:{}", offset(to)));
    out.line(&format!("TZNAME:{name}"));
    out.line(&format!("END:{kind}"));
}

fn offset_before(rules: &TimeZone, change: Timestamp) -> Offset {
    let before = change.checked_sub(SignedDuration::from_secs(1));
    rules.to_offset(before.unwrap_or(change))
}

/// An offset such as `-0800`.
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (minutes, rest) = (seconds.abs() / 60, seconds.abs() % 60);
    let text = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
    if rest == 0 {
        text
    } else {
        format!("{text}{rest:02}")
    }
}

fn local(at: DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
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

/// The lines of a file.
#[derive(Default)]
struct IcsLines(String);

impl IcsLines {
    /// Writes a line, folded so that no part has more than 75 octets and no character is torn.
    fn line(&mut self, text: &str) {
        let mut room = LINE;
        for c in text.chars() {
            if c.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE - 1;
            }
            room -= c.len_utf8();
            // Writing into a string cannot fail.
            let _written = self.0.write_char(c);
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Name, Notes};

    fn entry_of(change: impl FnOnce(&mut Reservation)) -> String {
        let mut call = crate::call::example::decided();
        change(Arc::make_mut(&mut call.reservation));
        entry(&call, "https://a.example/#/call/1")
            .unwrap()
            .replace("\r\n ", "")
    }

    #[test]
    fn it_stands_on_the_restaurants_clock() {
        let zone =
            |zone: &str| entry_of(|reservation| reservation.timezone = Some(zone.parse().unwrap()));
        let summer_and_winter = zone("America/Los_Angeles");
        for line in [
            "DTSTART;TZID=America/Los_Angeles:20261204T193000",
            "DTEND;TZID=America/Los_Angeles:20261204T213000",
            // The change before the table, on the clock that still showed summer time.
            "BEGIN:STANDARD\r\nDTSTART:20261101T020000\r\nTZOFFSETFROM:-0700\r\nTZOFFSETTO:-0800\r\nTZNAME:PST",
            "BEGIN:DAYLIGHT\r\nDTSTART:20270314T020000\r\nTZOFFSETFROM:-0800\r\nTZOFFSETTO:-0700\r\nTZNAME:PDT",
        ] {
            assert!(
                summer_and_winter.contains(line),
                "{line}\n{summer_and_winter}"
            );
        }
        for steady in ["Asia/Tokyo", "Asia/Kathmandu", "UTC"] {
            let entry = zone(steady);
            assert!(entry.contains("BEGIN:STANDARD"), "{entry}");
        }
        assert!(zone("Asia/Kathmandu").contains("TZOFFSETTO:+0545"));
        let floating = entry_of(|_| {});
        assert!(
            floating.contains("DTSTART:20261204T193000\r\n"),
            "{floating}"
        );
        assert!(!floating.contains("VTIMEZONE"), "{floating}");
    }

    /// The end of a table of two hours, on nights in which the clock of Los Angeles is set.
    #[test]
    fn the_end_is_right_in_a_night_in_which_the_clock_is_set() {
        for (time, start, end) in [
            (
                "2027-03-14T00:30",
                "20270314T003000",
                "DTEND;TZID=America/Los_Angeles:20270314T033000",
            ),
            (
                "2027-03-14T03:00",
                "20270314T030000",
                "DTEND;TZID=America/Los_Angeles:20270314T050000",
            ),
            (
                "2027-11-06T23:00",
                "20271106T230000",
                "DTEND;TZID=America/Los_Angeles:20271107T010000",
            ),
            (
                "2027-11-06T23:30",
                "20271106T233000",
                "DTEND;TZID=America/Los_Angeles:20271107T013000",
            ),
            // The second half past one: 09:30 in UTC.
            (
                "2027-11-07T00:30",
                "20271107T003000",
                "DTEND:20271107T093000Z",
            ),
            (
                "2027-11-07T01:30",
                "20271107T013000",
                "DTEND;TZID=America/Los_Angeles:20271107T023000",
            ),
        ] {
            let entry = entry_of(|reservation| {
                reservation.time = time.parse().unwrap();
                reservation.timezone = "America/Los_Angeles".parse().ok();
            });
            let start = format!("DTSTART;TZID=America/Los_Angeles:{start}\r\n");
            assert!(entry.contains(&start), "{start}\n{entry}");
            assert!(entry.contains(&format!("{end}\r\n")), "{end}\n{entry}");
            let change = if time < "2027-06" {
                "20270314T020000"
            } else {
                "20271107T020000"
            };
            let change = format!("DTSTART:{change}\r\nTZOFFSETFROM");
            assert!(entry.contains(&change), "{time}: {entry}");
        }
    }

    #[test]
    fn it_names_the_place_and_never_a_bare_number() {
        let named = entry_of(|reservation| {
            reservation.restaurant = Some(Name::parse("Da Gino, Bar; Grill").unwrap());
            reservation.notes = Some(Notes::parse("window").unwrap());
        });
        for line in [
            "SUMMARY:Da Gino\\, Bar\\; Grill: table for 4",
            "LOCATION:Da Gino\\, Bar\\; Grill\\, +1 415 555 0101",
            "DESCRIPTION:Reserved for Ana (4)\\nRestaurant: +1 415 555 0101\\nNotes: window",
            "STATUS:CONFIRMED",
            "SEQUENCE:",
            "URL:https://a.example/#/call/1",
        ] {
            assert!(named.contains(line), "{line}\n{named}");
        }
        let unnamed = entry_of(|_| {});
        assert!(
            unnamed.contains("SUMMARY:Table for 4\\, +1 415 555 0101"),
            "{unnamed}"
        );
    }
}
