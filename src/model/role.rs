//! What the owner of an MQTT credential may do.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The role of an MQTT credential. The credential's name is the id that *own* refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRole {
    /// A tag or reader: publishes under its own tag or reader id, hears its own commands.
    Device,
    /// An RTLS engine: publishes positions under its own engine id, hears its own commands.
    Engine,
    /// A reader: publishes under its own reader id, hears its own commands.
    Reader,
    /// Subscribes to named kinds of events, publishes nothing.
    Subscriber,
    /// May do everything; what it does is logged.
    Engineer,
}

impl ClientRole {
    /// All roles, in the order of their declaration.
    pub const ALL: [Self; 5] =
        [Self::Device, Self::Engine, Self::Reader, Self::Subscriber, Self::Engineer];

    /// The role as it stands in the credentials file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Engine => "engine",
            Self::Reader => "reader",
            Self::Subscriber => "subscriber",
            Self::Engineer => "engineer",
        }
    }
}

impl fmt::Display for ClientRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: device, engine, reader, subscriber or engineer")]
pub struct UnknownRole(pub String);

impl FromStr for ClientRole {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
