//! Reasons to refuse a text as a phone number.

/// Reasons to refuse a text as a phone number that can be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Neither E.164 nor a national form.
    #[error("must be a phone number, best with country code as in +14155550101")]
    NotANumber,
    /// More text than any way of writing a number needs.
    #[error("is longer than a phone number is written: give the number alone, as in +14155550101")]
    LongText,
    /// Letters that are neither keys nor announce an extension.
    #[error(
        "holds letters that are no part of a number: give its digits alone, and an extension as in +14155550101 x12 or \
         in the field `extension`"
    )]
    Letters,
    /// A link or an address that holds no telephone number, or not for certain.
    #[error(
        "is a link or an address, not a telephone number: give the number alone, best with country code as in \
         +14155550101 (of links, tel:, callto: and wa.me are read)"
    )]
    Address,
    /// Keys that a telephone itself understands, such as `*67` before a number.
    #[error(
        "holds keys (* or #) that are no part of a number: give the number alone, and keys to press after pick-up in \
         the field `extension`"
    )]
    Code,
    /// A plus with a country calling code that does not exist.
    #[error(
        "has a country calling code that does not exist: write + and the code of the country at once, without zeros \
         before it, as in +14155550101"
    )]
    UnknownCountryCode,
    /// A national form, and no country to read it in.
    #[error("is in national form: add the country code (+…) or the field `country`")]
    CountryNeeded,
    /// More than one number, as in `030 901820 / 21`.
    #[error("holds more than one number: give one, without a second one or digits after a slash")]
    TwoNumbers,
    /// An extension where none can be used.
    #[error("must not have an extension: leave out what follows the number")]
    Extension,
    /// An extension that is longer than a telephone keypad's tones can be sent.
    #[error("has an extension of more than 32 keys: give at most 32")]
    LongExtension,
    /// As short as the numbers that a country has for emergencies and services.
    #[error(
        "is a short number, such as emergency and service numbers, which cannot be dialled from outside its country: \
         give the full number that stands for it, with its area code"
    )]
    Short,
    /// A number as it is dialled within its area.
    #[error("lacks its area code: give the whole number, best with country code")]
    LacksAreaCode,
    /// Fewer digits than any number of its country.
    #[error(
        "has too few digits for a number of its country: give the whole number with its area code, best with country \
         code"
    )]
    TooShort,
    /// More digits than any number of its country.
    #[error("has too many digits for a number of its country: check them, and the country code")]
    TooLong,
    /// Digits of a possible length that begin as no number of the country does.
    #[error(
        "is not a number that exists in its country's numbering plan, whose data is of {plan}: check its first digits; if its area code is newer than that, give another number of the restaurant",
        plan = crate::domain::versions::numbering_plan().published
    )]
    NotAssigned,
}

impl PhoneError {
    /// The stable code of this error in the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotANumber | Self::LongText | Self::Letters | Self::Address | Self::Code => {
                "not_a_phone_number"
            }
            Self::UnknownCountryCode => "unknown_country_code",
            Self::CountryNeeded => "country_needed",
            Self::TwoNumbers => "two_numbers",
            Self::Extension | Self::LongExtension => "invalid_extension",
            Self::Short => "short_number",
            Self::LacksAreaCode | Self::TooShort | Self::TooLong | Self::NotAssigned => {
                "invalid_phone_number"
            }
        }
    }
}
