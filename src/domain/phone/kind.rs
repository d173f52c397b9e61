//! Kinds of numbers: who answers there, and what the caller pays.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::PhoneNumberType;

/// A kind of number. The numbering plan distinguishes most of them; for some ranges the plan's word
/// says nothing about the price, so [`PRICES`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineKind {
    /// A landline, or (as in North America) not distinguished from a mobile.
    Landline,
    /// A mobile.
    Mobile,
    /// Free for the caller.
    TollFree,
    /// A company's single number in its country, at the usual price.
    Company,
    /// Voice over IP, without a place.
    Voip,
    /// Shared cost, at a local call's price for callers in the country; as a rule not reachable
    /// from abroad.
    LocalRate,
    /// Shared cost: the caller pays a part that is not a call's usual price.
    SharedCost,
    /// A company's or a service's number for which the caller pays extra.
    Surcharged,
    /// A number that follows one person, at that person's price.
    Personal,
    /// Dearer than a call to a person should be.
    Premium,
    /// A satellite phone, or another number of no country.
    Global,
    /// A pager, on which no key can be pressed.
    Pager,
    /// A mailbox, on which no key can be pressed.
    Voicemail,
}

impl LineKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Landline,
        Self::Mobile,
        Self::TollFree,
        Self::Company,
        Self::Voip,
        Self::LocalRate,
        Self::SharedCost,
        Self::Surcharged,
        Self::Personal,
        Self::Premium,
        Self::Global,
        Self::Pager,
        Self::Voicemail,
    ];

    /// Its name in `TABLECALL_NUMBER_KINDS`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Landline => "landline",
            Self::Mobile => "mobile",
            Self::TollFree => "toll_free",
            Self::Company => "company",
            Self::Voip => "voip",
            Self::LocalRate => "local_rate",
            Self::SharedCost => "shared_cost",
            Self::Surcharged => "surcharged",
            Self::Personal => "personal",
            Self::Premium => "premium",
            Self::Global => "global",
            Self::Pager => "pager",
            Self::Voicemail => "voicemail",
        }
    }

    /// The name of this kind of number in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Landline => "a landline number",
            Self::Mobile => "a mobile number",
            Self::TollFree => "a toll-free number",
            Self::Company => "a company's national number",
            Self::Voip => "a voice-over-IP number",
            Self::LocalRate => "a local-rate number",
            Self::SharedCost => "a shared-cost number",
            Self::Surcharged => "a number with a surcharge",
            Self::Personal => "a personal number",
            Self::Premium => "a premium-rate number",
            Self::Global => "a satellite or global network number of no country",
            Self::Pager => "a pager",
            Self::Voicemail => "a mailbox",
        }
    }

    /// The kind of a number of the plan's type `kind`; `e164` writes it. `None` for a number that
    /// the plan does not know.
    pub(super) fn of(
        kind: PhoneNumberType,
        e164: impl FnOnce() -> String,
        of_no_country: bool,
    ) -> Option<Self> {
        let planned = match kind {
            PhoneNumberType::Unknown => return None,
            // +800 is free; all other numbers of no country are dearer than premium ones.
            PhoneNumberType::TollFree => Self::TollFree,
            _ if of_no_country => return Some(Self::Global),
            PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile => Self::Landline,
            PhoneNumberType::Mobile => Self::Mobile,
            PhoneNumberType::PremiumRate => Self::Premium,
            PhoneNumberType::SharedCost => Self::SharedCost,
            PhoneNumberType::VoIP => Self::Voip,
            PhoneNumberType::PersonalNumber => Self::Personal,
            PhoneNumberType::UAN => Self::Company,
            PhoneNumberType::Pager => Self::Pager,
            PhoneNumberType::VoiceMail => Self::Voicemail,
        };
        let prices_differ = matches!(planned, Self::SharedCost | Self::Company | Self::Personal);
        let priced = prices_differ.then(|| {
            let written = e164();
            let digits = written.trim_start_matches('+');
            let known = PRICES.iter().find(|(prefix, _)| digits.starts_with(prefix));
            known.map(|(_, kind)| *kind)
        });
        Some(priced.flatten().unwrap_or(planned))
    }
}

/// Ranges whose price is not what the plan's type suggests, by the tariffs of their regulators.
const PRICES: &[(&str, LineKind)] = &[
    // A local call's price for callers in the country.
    ("27860", LineKind::LocalRate),
    ("27861", LineKind::LocalRate),
    ("30801", LineKind::LocalRate),
    ("351808", LineKind::LocalRate),
    ("359700", LineKind::LocalRate),
    ("3984", LineKind::LocalRate),
    ("40801", LineKind::LocalRate),
    ("4184", LineKind::LocalRate),
    ("42081", LineKind::LocalRate),
    ("42083", LineKind::LocalRate),
    ("42084", LineKind::LocalRate),
    ("421850", LineKind::LocalRate),
    ("4677", LineKind::LocalRate),
    ("48801", LineKind::LocalRate),
    ("51801", LineKind::LocalRate),
    ("55300", LineKind::LocalRate),
    ("55303", LineKind::LocalRate),
    ("55400", LineKind::LocalRate),
    ("55402", LineKind::LocalRate),
    ("56600", LineKind::LocalRate),
    ("6113", LineKind::LocalRate),
    ("62804", LineKind::LocalRate),
    ("86400", LineKind::LocalRate),
    ("911860", LineKind::LocalRate),
    ("966920", LineKind::LocalRate),
    ("9701700", LineKind::LocalRate),
    ("9721700", LineKind::LocalRate),
    // The caller pays extra.
    ("35170", LineKind::Surcharged),
    ("35860", LineKind::Surcharged),
    ("39178", LineKind::Surcharged),
    ("39199", LineKind::Surcharged),
    ("49180", LineKind::SharedCost),
    ("4918", LineKind::Surcharged),
    ("54810", LineKind::Surcharged),
    ("81570", LineKind::Surcharged),
    ("9721599", LineKind::Surcharged),
    // The magic numbers of Twilio's test credentials, which never ring: Twilio answers for them.
    ("1500555000", LineKind::Company),
];

/// The text names no kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for LineKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == text);
        known.ok_or(UnknownKind)
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
