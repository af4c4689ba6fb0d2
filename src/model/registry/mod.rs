//! Who carries which tag: an unchanging picture, replaced whole when the registry changes.

mod change;

use super::{
    asset::{Asset, Person},
    by_id::ById,
};
pub use change::RegistryChange;
use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, PersonId, TagId};
use std::sync::Arc;

/// What a tag is fastened to.
#[derive(Debug, Clone)]
pub enum Carrier {
    /// A thing.
    Asset(Arc<Asset>),
    /// Somebody: what Spor may keep and show of this tag is bounded by `privacy`.
    Person(Arc<Person>),
}

/// Whom a tag is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrierId {
    /// A thing.
    Asset(AssetId),
    /// Somebody.
    Person(PersonId),
}

impl From<&Carrier> for CarrierId {
    fn from(carrier: &Carrier) -> Self {
        match carrier {
            Carrier::Asset(asset) => Self::Asset(asset.id.clone()),
            Carrier::Person(person) => Self::Person(person.id.clone()),
        }
    }
}

/// The registry as it stands now.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Every asset that is not retired.
    pub assets: ById<AssetId, Arc<Asset>>,
    /// Every person.
    pub persons: ById<PersonId, Arc<Person>>,
    /// The present binding of each bound tag.
    pub carriers: ById<TagId, Carrier>,
    /// The present tag of each bound asset.
    pub tag_of_asset: ById<AssetId, TagId>,
}

impl Registry {
    /// What `tag` is fastened to now; none: nobody bound it.
    #[must_use]
    pub fn carrier(&self, tag: &TagId) -> Option<&Carrier> {
        self.carriers.get(tag)
    }

    /// The asset that carries `tag` now.
    #[must_use]
    pub fn asset_of(&self, tag: &TagId) -> Option<&Arc<Asset>> {
        match self.carriers.get(tag) {
            Some(Carrier::Asset(asset)) => Some(asset),
            _ => None,
        }
    }

    /// True when a person wears `tag`.
    #[must_use]
    pub fn is_worn(&self, tag: &TagId) -> bool {
        self.is_name_worn(tag.as_str())
    }

    /// True when a person wears the tag of that name.
    #[must_use]
    pub fn is_name_worn(&self, tag: &str) -> bool {
        matches!(self.carriers.get(tag), Some(Carrier::Person(_)))
    }
}
