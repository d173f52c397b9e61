//! Serialized forms of a value: as text for people (JSON), packed for stores and tickets
//! (postcard).

/// Implements `Serialize` and `Deserialize` for a type with `Display` and `FromStr`. The packed form
/// is made and read by two functions; the second says why it refuses one.
macro_rules! text_or_packed {
    ($type:ty, $packed:ty, $pack:expr, $unpack:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                let pack: fn(&Self) -> $packed = $pack;
                pack(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;

                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    return text.parse().map_err(D::Error::custom);
                }
                let unpack: fn($packed) -> Option<Self> = $unpack;
                let packed = <$packed>::deserialize(deserializer)?;
                unpack(packed).ok_or_else(|| D::Error::custom("not a value of this type"))
            }
        }
    };
}
