//! What carries which tag, between a registry and a manifest.

use crate::model::{Asset, Carrier, CarrierId, Person, Registry, RegistryChange};
use spor_schemas::recording::TagEntry;

/// What carried which tag when a recording began, as its manifest tells it.
#[must_use]
pub fn registry(tags: &[TagEntry]) -> Registry {
    let mut change = RegistryChange::default();
    for entry in tags.iter().cloned() {
        match entry {
            TagEntry::Asset { tag, asset, label, class, home_ward } => {
                change.assets.push(Asset { id: asset.clone(), label, class, home_ward });
                change.bound.push((tag, CarrierId::Asset(asset)));
            }
            TagEntry::Person { tag, person, role } => {
                change.persons.push(Person { id: person.clone(), role });
                change.bound.push((tag, CarrierId::Person(person)));
            }
        }
    }
    let mut registry = Registry::default();
    registry.apply(&change);
    registry
}

/// What carries which tag, as a manifest lists it.
pub(super) fn tags(registry: &Registry) -> Vec<TagEntry> {
    let mut carriers: Vec<_> = registry.carriers.iter().collect();
    carriers.sort_by(|a, b| a.0.cmp(b.0));
    carriers
        .into_iter()
        .map(|(tag, carrier)| match carrier {
            Carrier::Asset(asset) => TagEntry::Asset {
                tag: tag.clone(),
                asset: asset.id.clone(),
                label: asset.label.clone(),
                class: asset.class.clone(),
                home_ward: asset.home_ward.clone(),
            },
            Carrier::Person(person) => TagEntry::Person {
                tag: tag.clone(),
                person: person.id.clone(),
                role: person.role.clone(),
            },
        })
        .collect()
}
