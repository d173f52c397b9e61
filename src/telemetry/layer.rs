//! Turns events into lines, as JSON for machines or as text for people.
//!
//! tracing-subscriber's own JSON costs five times as much per event, most of it for spans that we
//! do not use on the hot path: the fields of spans are not written here.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::request;
use super::sink::{Guard, INTERVAL, Sink};
use crate::unescaped::UnescapedSet;
use clock::Clock;

/// Form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `12:05:01.123 INFO  message key=value`, in UTC.
    Text,
    /// One object with `timestamp` (RFC 3339, UTC, milliseconds), `level`, `target`, `message`, the
    /// event's fields beside them, and `request.id` while a request is served.
    Json,
}

/// Receives events and passes their lines on; see [`layer`].
pub struct Lines {
    format: Format,
    clock: Clock,
    sink: Sink,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// A layer that writes to `sink` from a thread of its own.
///
/// It writes every 50 ms, at once for warnings and errors, from 64 KiB on, and when the guard is
/// dropped. With 1 MiB waiting, further lines are dropped and counted.
///
/// # Errors
/// When the thread cannot be started.
pub fn layer(
    format: Format,
    clock: Clock,
    sink: impl io::Write + Send + 'static,
) -> io::Result<(Lines, Guard)> {
    let report_clock = clock.clone();
    let (sink, guard) = Sink::start(sink, INTERVAL, move |lines| {
        dropped(format, report_clock.now(), lines)
    })?;
    Ok((
        Lines {
            format,
            clock,
            sink,
        },
        guard,
    ))
}

thread_local! {
    /// The buffer of the line in the making, kept for its capacity, and the text of the second it
    /// was last used in.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

#[derive(Default)]
struct Scratch {
    line: String,
    stamp: LineTime,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if !is_ours_or_rare(event.metadata()) {
            return;
        }
        // Taken, not borrowed: the Debug of a field may itself log.
        let mut scratch = SCRATCH
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_default();
        let Scratch { line, stamp } = &mut scratch;
        line.clear();
        stamp.write(self.format, self.clock.now(), line);
        let meta = event.metadata();
        match self.format {
            Format::Json => {
                head(line, *meta.level(), meta.target());
                event.record(&mut Json { line });
                request::with_id(|id| {
                    line.push_str(r#","request.id":""#);
                    let _ = Escaped(line).write_str(id);
                    line.push('"');
                });
                line.push_str("}\n");
            }
            Format::Text => {
                let _ = write!(line, " {:<5}", meta.level().as_str());
                event.record(&mut Message { line });
                event.record(&mut Text { line });
                request::with_id(|id| {
                    let _ = write!(line, " request.id={id}");
                });
                if !meta.target().starts_with("tablecall") {
                    let _ = write!(line, " target={}", meta.target());
                }
                line.push('\n');
            }
        }
        self.sink
            .push(line.as_bytes(), *meta.level() <= Level::WARN);
        line.shrink_to(16 * 1024);
        let _gone = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
    }
}

/// Whatever the filter says, libraries log warnings at most. In detail they log URLs, hosts and
/// headers, which may contain data of guests.
fn is_ours_or_rare(meta: &Metadata<'_>) -> bool {
    *meta.level() <= Level::INFO || meta.target().starts_with("tablecall")
}

/// The line that reports the number of dropped lines.
fn dropped(format: Format, now: Timestamp, lines: u64) -> Vec<u8> {
    let mut line = String::new();
    LineTime::default().write(format, now, &mut line);
    match format {
        Format::Json => {
            head(&mut line, Level::WARN, module_path!());
            let _ = writeln!(
                line,
                r#","message":"log lines were dropped","lines":{lines}}}"#
            );
        }
        Format::Text => {
            let _ = writeln!(line, " WARN  log lines were dropped lines={lines}");
        }
    }
    line.into_bytes()
}

fn head(line: &mut String, level: Level, target: &str) {
    // A word and the path of a module hold nothing to escape.
    for part in [
        r#"","level":""#,
        level.as_str(),
        r#"","target":""#,
        target,
        "\"",
    ] {
        line.push_str(part);
    }
}

/// The date and the time of the second of the last line: a calendar is not worked out for every
/// line.
struct LineTime {
    second: i64,
    text: String,
}

impl Default for LineTime {
    fn default() -> Self {
        Self {
            second: i64::MIN,
            text: String::new(),
        }
    }
}

impl LineTime {
    fn write(&mut self, format: Format, now: Timestamp, line: &mut String) {
        let since_epoch = now.as_millisecond();
        let (second, millisecond) = (since_epoch.div_euclid(1_000), since_epoch.rem_euclid(1_000));
        if second != self.second {
            self.text.clear();
            let at = now.to_zoned(TimeZone::UTC).datetime();
            let _ = write!(
                self.text,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                at.year(),
                at.month(),
                at.day(),
                at.hour(),
                at.minute(),
                at.second()
            );
            self.second = second;
        }
        match format {
            Format::Json => {
                line.push_str(r#"{"timestamp":""#);
                line.push_str(&self.text);
            }
            Format::Text => line.push_str(self.text.split_once('T').map_or("", |(_, time)| time)),
        }
        let digit = |unit: i64| {
            char::from_digit(
                u32::try_from(millisecond / unit % 10).unwrap_or_default(),
                10,
            )
        };
        line.push('.');
        line.extend([100, 10, 1].map(|unit| digit(unit).unwrap_or('0')));
        if format == Format::Json {
            line.push('Z');
        }
    }
}

/// The bytes that need no escaping in JSON: printable ASCII without quotes and backslashes.
static PLAIN: UnescapedSet<3> = UnescapedSet::new([(b' ', b'!'), (b'#', b'['), (b']', b'~')]);

/// Writes text as the inside of a JSON string (RFC 8259, 7); also the line and paragraph
/// separators, which some readers of logs take for the end of a line.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all text is plain, and to see that is many times faster than the loop.
        if PLAIN.prefix_len(text.as_bytes()) == text.len() {
            self.0.push_str(text);
            return Ok(());
        }
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let short = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => "",
                _ => continue,
            };
            self.0.push_str(&text[plain..at]);
            plain = at + character.len_utf8();
            if short.is_empty() {
                write!(self.0, "\\u{:04x}", u32::from(character))?;
            } else {
                self.0.push_str(short);
            }
        }
        self.0.push_str(&text[plain..]);
        Ok(())
    }
}

struct Json<'a> {
    line: &'a mut String,
}

impl Json<'_> {
    fn key(&mut self, field: &Field) {
        self.line.push_str(",\"");
        // An event cannot overwrite what the line itself says.
        if matches!(field.name(), "timestamp" | "level" | "target") {
            self.line.push_str("field.");
        }
        // Written in the code, as a name: there is nothing to escape.
        self.line.push_str(field.name());
        self.line.push_str("\":");
    }

    fn raw(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        let _ = write!(self.line, "{value}");
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.key(field);
        self.line.push('"');
        let _ = Escaped(self.line).write_fmt(value);
        self.line.push('"');
    }
}

impl Visit for Json<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.line.push('"');
        let _ = Escaped(self.line).write_str(value);
        self.line.push('"');
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, format_args!("{}", Chain(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.raw(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.raw(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.raw(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities.
        if value.is_finite() {
            // With a point in any case: 12.0 must not become the whole number 12.
            self.raw(field, format_args!("{value:?}"));
        } else {
            self.text(field, format_args!("{value}"));
        }
    }
}

/// An error with what caused it; by habit the text of an error leaves its source out.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// The message of a text line, which comes before the fields.
struct Message<'a> {
    line: &'a mut String,
}

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.line.push(' ');
            let _ = Escaped(self.line).write_fmt(format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// The fields of a text line.
struct Text<'a> {
    line: &'a mut String,
}

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            return;
        }
        let _ = write!(self.line, " {}=", field.name());
        let start = self.line.len();
        let _ = Escaped(self.line).write_fmt(format_args!("{value:?}"));
        // A value with spaces would look like several fields.
        if self
            .line
            .get(start..)
            .is_none_or(|value| value.is_empty() || value.contains([' ', '=']))
        {
            self.line.insert(start, '"');
            self.line.push('"');
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{}", Chain(value)));
    }
}

#[cfg(test)]
mod tests;
