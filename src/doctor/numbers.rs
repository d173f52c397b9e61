//! Findings about the features of this build, and about the settings for the numbers that are
//! called.

use super::{Finding, Level};
use crate::config::{Config, Features};
use crate::domain::phone::LineKind;
use crate::domain::versions;
use crate::policy::{KindRule, NumberKinds};
use crate::service::do_not_call_file;

/// Checks the settings about numbers, and lists the features built in and the versions of the data.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let features = Features::BUILT_IN.summary();
    let mut found = vec![
        finding(Level::Good, "program", format!("{features}.")),
        finding(Level::Good, "data", versions::summary().join("; ")),
    ];
    found.extend(number_kinds(&config.number_kinds));
    if let Some(path) = &config.do_not_call_file {
        found.push(match do_not_call_file::check(path) {
            Ok(()) => finding(
                Level::Good,
                "do not call",
                format!("{} can be read and appended to.", path.display()),
            ),
            Err(error) => finding(
                Level::Bad,
                "do not call",
                format!(
                    "TABLECALL_DO_NOT_CALL_FILE: {error}. The server does not start without it."
                ),
            ),
        });
    }
    for warning in &config.warnings {
        let text = format!("{warning}.");
        found.push(finding(Level::Note, "settings", text));
    }
    found
}

const fn finding(level: Level, subject: &'static str, text: String) -> Finding {
    Finding {
        level,
        subject,
        text,
    }
}

/// The kinds of numbers that are called, and a warning if some of them cost extra.
fn number_kinds(kinds: &NumberKinds) -> Vec<Finding> {
    let called = |rule| {
        let called = LineKind::ALL
            .into_iter()
            .filter(|kind| kinds.rule(*kind) == rule);
        let words: Vec<&str> = called.map(LineKind::word).collect();
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    };
    let text = format!(
        "Kinds of numbers that are called: {}; from a from-number of the same country: {}.",
        called(KindRule::Always),
        called(KindRule::FromItsCountry)
    );
    let mut found = vec![finding(Level::Good, "number kinds", text)];
    let dear = [LineKind::Premium, LineKind::Surcharged];
    if dear
        .iter()
        .any(|kind| kinds.rule(*kind) == KindRule::Always)
    {
        let text = "TABLECALL_NUMBER_KINDS opens numbers that cost extra: whoever has an API key can make calls to them. Close \
                    them unless restaurants of yours have such numbers."
            .to_owned();
        found.push(finding(Level::Note, "number kinds", text));
    }
    found
}
