//! The kinds of numbers that may be rung.

use std::fmt;
use std::str::FromStr;

use crate::domain::phone::LineKind;

/// The rule for each kind of number, as changed by `TABLECALL_NUMBER_KINDS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberKinds {
    opened: Vec<LineKind>,
    closed: Vec<LineKind>,
}

/// The rule for a kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindRule {
    /// It may be called from every number of ours.
    Always,
    /// It may be called from a number of ours in the same country.
    FromItsCountry,
    /// Never.
    Never,
}

impl NumberKinds {
    /// The rule for a kind of number.
    #[must_use]
    pub fn rule(&self, kind: LineKind) -> KindRule {
        if self.closed.contains(&kind) {
            KindRule::Never
        } else if self.opened.contains(&kind) {
            KindRule::Always
        } else {
            default_rule(kind)
        }
    }
}

const fn default_rule(kind: LineKind) -> KindRule {
    match kind {
        LineKind::Landline
        | LineKind::Mobile
        | LineKind::TollFree
        | LineKind::Company
        | LineKind::Voip => KindRule::Always,
        LineKind::LocalRate => KindRule::FromItsCountry,
        LineKind::SharedCost
        | LineKind::Surcharged
        | LineKind::Personal
        | LineKind::Premium
        | LineKind::Global
        | LineKind::Pager
        | LineKind::Voicemail => KindRule::Never,
    }
}

/// Returns whether an operator may open a kind: never satellites, whose price has no bound, and no
/// line on which no key can be pressed.
const fn can_be_opened(kind: LineKind) -> bool {
    !matches!(
        kind,
        LineKind::Global | LineKind::Pager | LineKind::Voicemail
    )
}

/// The text is no list of opened and closed kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be kinds to open or close such as +shared_cost,-toll_free; the kinds are {}",
    words()
)]
pub struct BadKinds;

fn words() -> String {
    let kinds = LineKind::ALL
        .into_iter()
        .filter(|kind| can_be_opened(*kind));
    kinds.map(LineKind::word).collect::<Vec<_>>().join(", ")
}

impl FromStr for NumberKinds {
    type Err = BadKinds;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut kinds = Self::default();
        for part in text.split([',', '\n']).map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let (sign, word) = part.split_at_checked(1).ok_or(BadKinds)?;
            let kind: LineKind = word.trim().parse().map_err(|_| BadKinds)?;
            let (add, other) = match sign {
                "+" if can_be_opened(kind) => (&mut kinds.opened, &kinds.closed),
                "-" => (&mut kinds.closed, &kinds.opened),
                _ => return Err(BadKinds),
            };
            if other.contains(&kind) {
                return Err(BadKinds);
            }
            if !add.contains(&kind) {
                add.push(kind);
            }
        }
        Ok(kinds)
    }
}

impl fmt::Display for NumberKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opened = self.opened.iter().map(|kind| format!("+{kind}"));
        let closed = self.closed.iter().map(|kind| format!("-{kind}"));
        f.write_str(&opened.chain(closed).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_opened_and_closed_by_name() {
        let kinds: NumberKinds = "+shared_cost, -personal,-toll_free".parse().unwrap();
        assert_eq!(kinds.rule(LineKind::SharedCost), KindRule::Always);
        assert_eq!(kinds.rule(LineKind::TollFree), KindRule::Never);
        assert_eq!(kinds.rule(LineKind::LocalRate), KindRule::FromItsCountry);
        assert_eq!(kinds.rule(LineKind::Landline), KindRule::Always);
        assert_eq!(kinds.to_string(), "+shared_cost,-personal,-toll_free");
        assert_eq!(kinds.to_string().parse(), Ok(kinds));
        assert_eq!("".parse(), Ok(NumberKinds::default()));
    }

    #[test]
    fn what_must_not_be_opened_or_is_no_kind_is_refused() {
        for wrong in [
            "shared_cost",
            "+satellite",
            "+global",
            "+pager",
            "+voicemail",
            "+",
            "é",
            "+premium,-premium",
        ] {
            assert_eq!(wrong.parse::<NumberKinds>(), Err(BadKinds), "{wrong}");
        }
        assert!(
            BadKinds
                .to_string()
                .ends_with("surcharged, personal, premium")
        );
    }
}
