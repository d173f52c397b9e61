//! Closed lists whose values have a word in the API.

/// Gives an enum the words by which the API knows its variants.
macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant, in the order of the API's document.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of the API.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}

pub(super) use words;
