//! Names that the outside uses. Each is checked once, when it is made; inside Spor they are trusted.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// Longest id, in bytes.
pub const MAX_ID_LENGTH: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid id: 1 to 64 of A-Z a-z 0-9 : . _ -")]
pub struct InvalidId {
    /// The text, cut to 80 characters.
    pub text: String,
}

/// True when `text` is 1 to 64 of `A-Z a-z 0-9 : . _ -`.
#[must_use]
pub fn is_valid_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'.' | b'_' | b'-'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 64 of `A-Z a-z 0-9 : . _ -`, case-sensitive; cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and takes it as an id.
            ///
            /// # Errors
            /// [`InvalidId`] when it doesn't match the pattern.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if is_valid_id(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { text: text.chars().take(80).collect() })
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                Self::new(d.str()?).map_err(|_| minicbor::decode::Error::message("invalid id"))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9:._-]{1,64}$" })
            }
        }
    };
}

id!(
    /// A tag's external name, as it is sent.
    TagId
);
id!(
    /// A reader that hears tags.
    ReaderId
);
id!(
    /// An RTLS engine that computes positions for many tags.
    EngineId
);
id!(
    /// A trackable thing in the registry.
    AssetId
);
id!(
    /// The pseudonym of a person in the registry; never a name.
    PersonId
);
id!(
    /// A room or a zone of the site file.
    ZoneId
);
id!(
    /// A class of assets that do the same work, e.g. `infusion-pump`.
    ClassId
);
id!(
    /// What a person does, e.g. `porter`.
    StaffRole
);
id!(
    /// A ward: the attribute by which rooms belong together.
    WardId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_to_their_pattern() {
        for good in ["a", "Pump-7", "AA:bb.c_d-9", &"x".repeat(64)] {
            assert_eq!(TagId::new(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a/b", "a+", "#", "é", &"x".repeat(65)] {
            assert!(TagId::new(bad).is_err(), "{bad:?} was taken");
        }
    }
}
