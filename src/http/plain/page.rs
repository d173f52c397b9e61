//! The page of the form and of a call, as HTML.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Typed;
use crate::call::{Call, Decision, Outcome};
use crate::domain::TableTime;
use crate::http::assets::Assets;
use crate::http::problem::Failure;
use crate::service::intake::FieldError;

pub(super) const CALL: &str = include_str!("call.html");
/// Seconds after which a browser looks again whether a call has changed.
pub(super) const REFRESH: u8 = 3;
/// Fields of the form that are fields of the API with the same name.
const SAME: [&str; 10] = [
    "name",
    "phone",
    "restaurant",
    "guest_phone",
    "notes",
    "language",
    "country",
    "timezone",
    "opening_hours",
    "extension",
];
/// The labels of the form's fields, which errors begin with.
const LABELS: [(&str, &str); 12] = [
    ("name", "Your name"),
    ("phone", "The restaurant's phone"),
    ("date", "The date"),
    ("time", "The time"),
    ("timezone", "The time zone"),
    ("party_size", "The party size"),
    ("restaurant", "The name of the restaurant"),
    ("guest_phone", "Your phone"),
    ("notes", "The notes"),
    ("alternatives", "The other times"),
    ("opening_hours", "The opening hours"),
    ("extension", "The extension"),
];

/// Fields of the form that are folded away at first.
const FOLDED: [&str; 6] = [
    "restaurant",
    "guest_phone",
    "notes",
    "alternatives",
    "opening_hours",
    "extension",
];

/// The form as the body of a create.
pub(super) fn fields(typed: &Typed) -> Map<String, Value> {
    let text = |name: &str| {
        typed
            .get(name)
            .map(|value| value.trim())
            .unwrap_or_default()
    };
    let mut fields: Map<String, Value> = SAME
        .into_iter()
        .filter(|name| !text(name).is_empty())
        .map(|name| (name.to_owned(), json!(text(name))))
        .collect();
    if !text("date").is_empty() && !text("time").is_empty() {
        fields.insert(
            "time".to_owned(),
            json!(format!("{}T{}", text("date"), text("time"))),
        );
    }
    if !text("party_size").is_empty() {
        let size = text("party_size");
        let number = size
            .parse::<u32>()
            .map_or_else(|_| json!(size), Value::from);
        fields.insert("party_size".to_owned(), number);
    }
    if typed.contains_key("flexible") {
        let window = json!({"earliest": text("earliest"), "latest": text("latest")});
        fields.insert("alternatives".to_owned(), window);
    }
    fields
}

/// The page of the form with what was typed and what is wrong with it. `one_restaurant`: `phone` is
/// the guest's own number.
pub(super) fn form(typed: &Typed, failure: &Failure, one_restaurant: bool) -> String {
    let pages = Assets::all().for_one_restaurant(one_restaurant);
    let mut text = pages.text("/").unwrap_or_default().to_owned();
    for (name, value) in typed {
        fill(&mut text, name, value);
    }
    let errors = failure.errors();
    let shown = errors
        .iter()
        .filter(|error| show_error(&mut text, error, one_restaurant))
        .count();
    let is_folded = |error: &FieldError| FOLDED.iter().any(|name| error.field.starts_with(name));
    if errors.iter().any(is_folded) {
        text = text.replacen(
            "<details class=\"fold\" id=\"fold\">",
            "<details class=\"fold\" id=\"fold\" open>",
            1,
        );
    }
    if errors.iter().any(|error| error.field == "timezone") {
        // Without scripts there is no list to choose from.
        let list = "<select id=\"timezone\" name=\"timezone\" aria-describedby=\"timezone-error\"></select>";
        let typed = "<input id=\"timezone\" name=\"timezone\" aria-describedby=\"timezone-error\">";
        text = text
            .replacen(
                "id=\"zone\" data-field=\"timezone\" hidden>",
                "id=\"zone\" data-field=\"timezone\">",
                1,
            )
            .replacen(list, typed, 1);
    }
    if shown == 0 || shown < errors.len() {
        let line = "<p class=\"note bad\" id=\"problem\" role=\"alert\" hidden>";
        let problem = format!(
            "<p class=\"note bad\" id=\"problem\" role=\"alert\">{}",
            escape(&failure.detail)
        );
        text = text.replacen(line, &problem, 1);
    }
    text
}

/// Writes an error below its field; `false`: the page has no such field.
fn show_error(page: &mut String, error: &FieldError, one_restaurant: bool) -> bool {
    let field = error.field.split('.').next().unwrap_or_default();
    let labelled = match field {
        "phone" if one_restaurant => "guest_phone",
        field => field,
    };
    let label = LABELS.iter().find(|(known, _)| *known == labelled);
    let line = format!("<p class=\"error\" id=\"{field}-error\">");
    let Some((_, label)) = label.filter(|_| page.contains(&line)) else {
        return false;
    };
    let mut sentence = format!("{line}{label} {}.", escape(&error.message));
    // A fault of both times of a window is shown once.
    if !page.contains(&sentence) {
        if !page.contains(&format!("{line}</p>")) {
            sentence.push(' ');
        }
        *page = page.replacen(&line, &sentence, 1);
    }
    true
}

/// Puts what was typed into the field `name` of the page.
fn fill(page: &mut String, name: &str, value: &str) {
    let value = escape(value);
    // Only names that the page itself has are looked for.
    if !SAME.contains(&name)
        && ![
            "date",
            "time",
            "party_size",
            "flexible",
            "earliest",
            "latest",
        ]
        .contains(&name)
    {
        return;
    }
    let named = format!(" name=\"{name}\"");
    let Some(at) = page.find(&named) else { return };
    let Some(end) = page
        .get(at..)
        .and_then(|rest| rest.find('>'))
        .map(|end| at + end)
    else {
        return;
    };
    if name == "notes" {
        page.insert_str(end + 1, &value);
    } else if name == "flexible" {
        page.insert_str(end, " checked");
    } else {
        let attribute = " value=\"2\"";
        if name == "party_size"
            && let Some(old) = page.get(at..end).and_then(|tag| tag.find(attribute))
        {
            page.replace_range(
                at + old..at + old + attribute.len(),
                &format!(" value=\"{value}\""),
            );
            return;
        }
        page.insert_str(end, &format!(" value=\"{value}\""));
    }
}

/// The state of a call, in a few words.
pub(super) fn headline(call: &Call) -> &'static str {
    match call.outcome() {
        Some(Outcome::Confirmed) => "Your table is booked",
        Some(Outcome::Rejected) => "They cannot take you",
        Some(Outcome::Countered) => "They offer another time",
        Some(Outcome::OptedOut) => "They do not want such calls",
        Some(Outcome::NoResponse) => "Nobody pressed a key",
        Some(Outcome::NoAnswer) => "Nobody answered",
        Some(Outcome::Busy) => "The line was busy",
        Some(Outcome::Machine) => "A machine answered",
        Some(Outcome::Failed) => "The call failed",
        Some(Outcome::Canceled) => "The call was cancelled",
        Some(Outcome::Expired) => "There was no time left to call",
        Some(Outcome::Unknown) => "Nobody knows what they answered",
        None => match call.state.status() {
            "queued" => "The call is waiting",
            "in_progress" => "They are listening",
            _ => "The phone is ringing",
        },
    }
}

fn date_and_time(time: TableTime) -> String {
    time.to_string().replace('T', ", ")
}

/// The call as a list of facts, and what can be done next.
pub(super) fn standing(call: &Call) -> String {
    let reservation = &call.reservation;
    let phone = reservation.phone.groups(None).join(" ");
    let mut out = String::from("  <dl>\n");
    let mut fact = |term: &str, value: &str| {
        // Writing into a string cannot fail.
        let _written = writeln!(out, "    <dt>{term}</dt><dd>{}</dd>", escape(value));
    };
    if let Some(restaurant) = &reservation.restaurant {
        fact("Restaurant", restaurant.as_str());
    }
    fact("Phone", &phone);
    fact("Table", &date_and_time(reservation.time));
    if let Some(Decision::OtherTime(time)) = call.decision() {
        let told = if time.is_same_day() {
            time.time.strftime("%H:%M").to_string()
        } else {
            date_and_time(reservation.time.at(time))
        };
        fact("Their time", &told);
    }
    fact(
        "For",
        &format!("{} ({})", reservation.name, reservation.party_size),
    );
    out.push_str("  </dl>\n  <p class=\"row\">");
    if call.outcome() == Some(Outcome::Confirmed) {
        let _written = write!(
            out,
            "<a class=\"button primary\" href=\"/api/call/{}/calendar.ics\">Add to calendar</a> ",
            call.id
        );
    }
    out.push_str("<a class=\"button\" href=\"/\">Another table</a></p>");
    if call.outcome().is_none() && !call.is_finished() {
        let _written = write!(
            out,
            "\n  <form method=\"post\" action=\"/call/{}/cancel\"><button>Cancel the call</button></form>\n  \
             <p class=\"help\">This page looks again every {REFRESH} seconds.</p>",
            call.id
        );
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
