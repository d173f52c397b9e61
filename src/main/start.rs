//! Output around a start: the greeting, or the reason for which there is none. With JSON logs each
//! line on either stream is JSON, so that a reader need not handle two forms.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clock::Clock;
use serde_json::{Value, json};
use tablecall::Format;
use tablecall::config::ConfigProblem;

use super::{USAGE, complain};

/// One line in the form of the log's.
fn line(level: &str, message: &str, fields: Value) -> String {
    let mut line = json!({
        "timestamp": format!("{:.3}", Clock::system().now()),
        "level": level,
        "target": "tablecall",
        "message": message,
    });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    line.to_string()
}

/// Says on standard output that the program listens at `address`. `made_secret`: what signs events
/// until this ends, if it was made for this start.
pub(super) fn greet(
    format: Format,
    address: SocketAddr,
    simulated: bool,
    made_secret: Option<&str>,
) {
    let text = match format {
        Format::Text => greeting(address, simulated, made_secret),
        Format::Json => {
            let url = format!("http://{address}");
            let message = format!("Tablecall is listening on {url}");
            let fields = json!({"url": url, "simulated": simulated, "webhook_secret": made_secret});
            line("INFO", &message, fields)
        }
    };
    // A closed standard output cannot be reported.
    let _greeted = writeln!(std::io::stdout(), "{text}");
}

fn greeting(address: SocketAddr, simulated: bool, made_secret: Option<&str>) -> String {
    let url = format!("http://{address}");
    if !simulated {
        return format!("Tablecall is listening on {url}; the API is described at {url}/docs");
    }
    let example = tablecall::internals::example();
    let signed = made_secret.map(|secret| {
        format!("\nEvents to a callback_url are signed with {secret} until this ends.")
    });
    let signed = signed.unwrap_or_default();
    format!(
        "Tablecall is running with a simulated carrier: no real phone rings.\n\n  \
         try it in the browser   {url}\n  \
         pick up as restaurant   {url}/simulator\n  \
         the API for programs    {url}/docs\n  \
         or in a terminal        curl -s {url}/api/call -H 'content-type: application/json' \\\n    \
         -d '{example}'\n\n\
         That number answers by itself and presses 1; …0102 presses 2, …0103 is busy, …0104 does not answer.{signed}"
    )
}

/// Says why the program ends although its log has begun.
pub(super) fn fail(format: Format, text: &str, code: u8) -> ExitCode {
    match format {
        Format::Text => complain(text, code),
        Format::Json => {
            tracing::error!("{text}");
            ExitCode::from(code)
        }
    }
}

/// Names the settings that are wrong. The log has not begun; `json`: its form was asked for.
pub(super) fn complain_of(problems: &[ConfigProblem], json: bool) -> ExitCode {
    if json {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let fields = json!({"problems": problems});
        let line = line("ERROR", "these settings are wrong", fields);
        let _told = writeln!(std::io::stderr(), "{line}");
        return ExitCode::from(USAGE);
    }
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    complain(
        &format!("these settings are wrong:\n{}", lines.join("\n")),
        USAGE,
    )
}
