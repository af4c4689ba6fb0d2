//! What changed between two pictures of the registry: as the journal keeps it, so that whoever folds
//! the journal again knows at each record who carried which tag.

use super::{Asset, Carrier, CarrierId, Person, Registry};
use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, PersonId, TagId};
use std::sync::Arc;

/// A change of the registry; each list is in the order of its ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryChange {
    /// Assets that are new or differ.
    pub assets: Vec<Asset>,
    /// Assets that are no longer in service.
    pub retired: Vec<AssetId>,
    /// Persons that are new or differ.
    pub persons: Vec<Person>,
    /// Persons that are gone.
    pub gone: Vec<PersonId>,
    /// Tags that are on something now, or on something else.
    pub bound: Vec<(TagId, CarrierId)>,
    /// Tags that are on nothing any more.
    pub unbound: Vec<TagId>,
}

/// A [`RegistryChange`] that holds nothing itself; the same fields in the same order.
#[derive(Serialize)]
struct Whole<'a> {
    assets: Vec<&'a Asset>,
    retired: &'a [AssetId],
    persons: Vec<&'a Person>,
    gone: &'a [PersonId],
    bound: Vec<(&'a TagId, CarrierId)>,
    unbound: &'a [TagId],
}

impl RegistryChange {
    /// True when nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Registry {
    /// What makes `self` into `next`.
    #[must_use]
    pub fn changes_to(&self, next: &Self) -> RegistryChange {
        let mut change = RegistryChange {
            assets: differing(next.assets.values(), |a| self.assets.get(&a.id)),
            retired: missing(self.assets.keys(), |id| next.assets.contains_key(id)),
            persons: differing(next.persons.values(), |p| self.persons.get(&p.id)),
            gone: missing(self.persons.keys(), |id| next.persons.contains_key(id)),
            unbound: missing(self.carriers.keys(), |tag| next.carriers.contains_key(tag)),
            bound: Vec::new(),
        };
        for (tag, carrier) in &next.carriers {
            let carrier = CarrierId::from(carrier);
            if self.carriers.get(tag).map(CarrierId::from).as_ref() != Some(&carrier) {
                change.bound.push((tag.clone(), carrier));
            }
        }
        change.assets.sort_by(|a, b| a.id.cmp(&b.id));
        change.persons.sort_by(|a, b| a.id.cmp(&b.id));
        change.bound.sort();
        change
    }

    /// What makes an empty registry into this one, as a [`RegistryChange`] is written, without a copy
    /// of it.
    #[must_use]
    pub fn whole(&self) -> impl Serialize {
        let mut assets: Vec<&Asset> = self.assets.values().map(AsRef::as_ref).collect();
        assets.sort_unstable_by_key(|asset| &asset.id);
        let mut persons: Vec<&Person> = self.persons.values().map(AsRef::as_ref).collect();
        persons.sort_unstable_by_key(|person| &person.id);
        let bound = self.carriers.iter().map(|(tag, carrier)| (tag, CarrierId::from(carrier)));
        let mut bound: Vec<_> = bound.collect();
        bound.sort_unstable();
        Whole { assets, retired: &[], persons, gone: &[], bound, unbound: &[] }
    }

    /// Carries the change out. A binding to what the registry doesn't know is left out.
    pub fn apply(&mut self, change: &RegistryChange) {
        for tag in &change.unbound {
            self.unbind(tag);
        }
        for id in &change.retired {
            if let Some(tag) = self.tag_of_asset.get(id).cloned() {
                self.unbind(&tag);
            }
            self.assets.remove(id);
        }
        for id in &change.gone {
            self.persons.remove(id);
            self.carriers.retain(|_, c| !matches!(c, Carrier::Person(p) if p.id == *id));
        }
        for asset in &change.assets {
            let asset = Arc::new(asset.clone());
            self.assets.insert(asset.id.clone(), Arc::clone(&asset));
            if let Some(tag) = self.tag_of_asset.get(&asset.id) {
                self.carriers.insert(tag.clone(), Carrier::Asset(asset));
            }
        }
        for person in &change.persons {
            let person = Arc::new(person.clone());
            self.persons.insert(person.id.clone(), Arc::clone(&person));
            for carrier in self.carriers.values_mut() {
                if matches!(carrier, Carrier::Person(worn) if worn.id == person.id) {
                    *carrier = Carrier::Person(Arc::clone(&person));
                }
            }
        }
        for (tag, carrier) in &change.bound {
            self.bind(tag, carrier);
        }
    }

    fn bind(&mut self, tag: &TagId, carrier: &CarrierId) {
        self.unbind(tag);
        let carrier = match carrier {
            CarrierId::Asset(id) => {
                let Some(asset) = self.assets.get(id).cloned() else { return };
                if let Some(before) = self.tag_of_asset.insert(id.clone(), tag.clone()) {
                    self.carriers.remove(&before);
                }
                Carrier::Asset(asset)
            }
            CarrierId::Person(id) => {
                let Some(person) = self.persons.get(id).cloned() else { return };
                Carrier::Person(person)
            }
        };
        self.carriers.insert(tag.clone(), carrier);
    }

    fn unbind(&mut self, tag: &TagId) {
        if let Some(Carrier::Asset(asset)) = self.carriers.remove(tag)
            && self.tag_of_asset.get(&asset.id) == Some(tag)
        {
            self.tag_of_asset.remove(&asset.id);
        }
    }
}

fn differing<'a, T: Clone + PartialEq + 'a>(
    next: impl Iterator<Item = &'a Arc<T>>,
    before: impl Fn(&T) -> Option<&'a Arc<T>>,
) -> Vec<T> {
    next.filter(|item| before(item) != Some(*item)).map(|item| (**item).clone()).collect()
}

fn missing<'a, T: Clone + Ord + 'a>(
    before: impl Iterator<Item = &'a T>,
    is_there: impl Fn(&T) -> bool,
) -> Vec<T> {
    let mut gone: Vec<T> = before.filter(|id| !is_there(id)).cloned().collect();
    gone.sort();
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asset(n: u8, label: u8) -> Asset {
        Asset {
            id: AssetId::new(&format!("A{n}")).expect("valid"),
            label: format!("label {label}"),
            class: "bed".parse().expect("valid"),
            home_ward: None,
        }
    }

    fn person(n: u8) -> Person {
        Person {
            id: PersonId::new(&format!("P{n}")).expect("valid"),
            role: "nurse".parse().expect("valid"),
        }
    }

    /// Some assets and persons, and tags that are each on one of them, or on none.
    fn registry(assets: &[u8], persons: &[u8], tags: &[u8]) -> Registry {
        let change = RegistryChange {
            assets: assets.iter().map(|n| asset(n % 4, n / 4)).collect(),
            persons: persons.iter().map(|n| person(n % 4)).collect(),
            bound: tags
                .iter()
                .zip(0u8..)
                .map(|(n, tag)| {
                    let carrier = if n % 2 == 0 {
                        CarrierId::Asset(asset(n / 2 % 4, 0).id)
                    } else {
                        CarrierId::Person(person(n / 2 % 4).id)
                    };
                    (TagId::new(&format!("t{}", tag % 6)).expect("valid"), carrier)
                })
                .collect(),
            ..RegistryChange::default()
        };
        let mut registry = Registry::default();
        registry.apply(&change);
        registry
    }

    fn some() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0u8..32, 0..8)
    }

    proptest! {
        #[test]
        fn a_change_that_is_carried_out_leaves_nothing_to_change(
            before in (some(), some(), some()), next in (some(), some(), some())
        ) {
            let mut registry_now = registry(&before.0, &before.1, &before.2);
            let next = registry(&next.0, &next.1, &next.2);
            let change = registry_now.changes_to(&next);
            registry_now.apply(&change);
            prop_assert!(registry_now.changes_to(&next).is_empty());
            prop_assert!(next.changes_to(&registry_now).is_empty());
            prop_assert_eq!(&registry_now.tag_of_asset, &next.tag_of_asset);
            let whole = postcard::to_stdvec(&next.whole()).expect("bytes");
            let change = Registry::default().changes_to(&next);
            prop_assert_eq!(whole, postcard::to_stdvec(&change).expect("bytes"));
            for (tag, carrier) in &registry_now.carriers {
                if let Carrier::Asset(asset) = carrier {
                    prop_assert_eq!(registry_now.assets.get(&asset.id), Some(asset));
                    prop_assert_eq!(registry_now.tag_of_asset.get(&asset.id), Some(tag));
                }
            }
        }
    }
}
