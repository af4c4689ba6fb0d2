//! Assets, persons, and who carries which tag, with its history.

use super::{
    Storage, StorageError,
    connection::Ms,
    writer::{PERSON_LOCK, forget},
};
use crate::model::{Asset, AssetId, Carrier, CarrierId, Person, PersonId, Registry, TagId, WardId};
use deadpool_postgres::Transaction;
use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, atomic::Ordering},
};

/// Another number after each change of the registry, by whomever.
const VERSION: &str = "select version from registry_version";

/// A tag on an asset for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The tag.
    pub tag: TagId,
    /// Since when, milliseconds.
    pub bound_ms: i64,
    /// Until when, milliseconds; none: it still is.
    pub unbound_ms: Option<i64>,
}

impl Storage {
    /// The registry as it stands now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn registry(&self) -> Result<Registry, StorageError> {
        let _unchanged = self.inner.binding.lock().await;
        let client = self.client().await?;
        // Before the rest: what changes meanwhile is another version.
        let version: i64 = client.query_one(VERSION, &[]).await?.get(0);
        let mut registry = Registry::default();
        let assets = "select id, label, class, home_ward from asset where retired_at is null";
        for row in client.query(assets, &[]).await? {
            if let Some(asset) = asset_of(&row) {
                registry.assets.insert(asset.id.clone(), Arc::new(asset));
            }
        }
        for row in client.query("select id, role from person", &[]).await? {
            if let (Ok(id), Ok(role)) = (PersonId::new(row.get(0)), row.get::<_, &str>(1).parse()) {
                registry.persons.insert(id.clone(), Arc::new(Person { id, role }));
            }
        }
        let bindings =
            "select t.name, b.asset, b.person from tag_binding b join tag t on t.id = b.tag
                        where b.unbound_at is null";
        for row in client.query(bindings, &[]).await? {
            add_binding(&mut registry, &row);
        }
        let worn: HashSet<TagId> =
            registry.carriers.keys().filter(|tag| registry.is_worn(tag)).cloned().collect();
        *self.inner.worn.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(worn);
        self.inner.registry_version.store(version, Ordering::Relaxed);
        Ok(registry)
    }

    /// True while nobody has changed the registry since it was read last.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn knows_registry(&self) -> Result<bool, StorageError> {
        let version: i64 = self.client().await?.query_one(VERSION, &[]).await?.get(0);
        Ok(version == self.inner.registry_version.load(Ordering::Relaxed))
    }

    /// Adds assets, or changes those that exist; a retired one is back in service.
    ///
    /// # Errors
    /// When the database is away or refuses a value.
    pub async fn put_assets(&self, assets: &[Asset]) -> Result<(), StorageError> {
        // A file may name an asset twice: its last line counts.
        let last: std::collections::BTreeMap<_, _> =
            assets.iter().map(|asset| (asset.id.as_str(), asset)).collect();
        let ids: Vec<&str> = last.keys().copied().collect();
        let labels: Vec<&str> = last.values().map(|asset| asset.label.as_str()).collect();
        let classes: Vec<&str> = last.values().map(|asset| asset.class.as_str()).collect();
        let wards: Vec<Option<&str>> =
            last.values().map(|asset| asset.home_ward.as_ref().map(WardId::as_str)).collect();
        self.client()
            .await?
            .execute(
                "insert into asset (id, label, class, home_ward)
                 select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
                 on conflict (id) do update set label = excluded.label, class = excluded.class,
                     home_ward = excluded.home_ward, retired_at = null",
                &[&ids, &labels, &classes, &wards],
            )
            .await?;
        Ok(())
    }

    /// Takes an asset out of service: its tag is free, its status ends.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when it isn't in service; else when the database is away.
    pub async fn retire_asset(&self, id: &AssetId, at_ms: i64) -> Result<(), StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let (id_text, at) = (id.as_str(), Ms(at_ms));
        let sql = "update asset set retired_at = $2 where id = $1 and retired_at is null";
        if transaction.execute(sql, &[&id_text, &at]).await? == 0 {
            return Err(StorageError::NotFound { what: "asset", id: id.to_string() });
        }
        for sql in [
            "update tag_binding set unbound_at = greatest(bound_at, $2) where asset = $1 and unbound_at is null",
            "update asset_status set to_at = greatest(from_at, $2) where asset = $1 and to_at is null",
        ] {
            transaction.execute(sql, &[&id_text, &at]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Adds persons, or changes their roles.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn put_persons(&self, persons: &[Person]) -> Result<(), StorageError> {
        let last: std::collections::BTreeMap<_, _> =
            persons.iter().map(|person| (person.id.as_str(), person.role.as_str())).collect();
        let ids: Vec<&str> = last.keys().copied().collect();
        let roles: Vec<&str> = last.values().copied().collect();
        self.client()
            .await?
            .execute(
                "insert into person (id, role) select * from unnest($1::text[], $2::text[])
                 on conflict (id) do update set role = excluded.role",
                &[&ids, &roles],
            )
            .await?;
        Ok(())
    }

    /// Deletes a person with all bindings; who wore which badge is then nowhere. False when there
    /// was nobody of that pseudonym.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_person(&self, id: &PersonId) -> Result<bool, StorageError> {
        let _alone = self.inner.binding.lock().await;
        let sql = "delete from person where id = $1";
        Ok(self.client().await?.execute(sql, &[&id.as_str()]).await? > 0)
    }

    /// Binds a tag from `at_ms` on; whatever it was bound to, and whatever tag the carrier had, ends
    /// then. A tag that a person takes loses its earlier positions, visits and events.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when the carrier isn't in the registry; else when the database is away.
    pub async fn bind(
        &self,
        tag: &TagId,
        carrier: &CarrierId,
        at_ms: i64,
    ) -> Result<(), StorageError> {
        let _alone = self.inner.binding.lock().await;
        let person = matches!(carrier, CarrierId::Person(_));
        let was_worn =
            if person { !self.change_worn(|worn| worn.insert(tag.clone())) } else { false };
        let result = self.bind_in_transaction(tag, carrier, at_ms).await;
        match (&result, person) {
            (Ok(()), false) => {
                self.change_worn(|worn| worn.remove(tag));
            }
            // Away may mean bound without an answer: better nothing is kept until it is known.
            (Err(StorageError::NotFound { .. } | StorageError::Invalid(_)), true) if !was_worn => {
                self.change_worn(|worn| worn.remove(tag));
            }
            _ => {}
        }
        result
    }

    async fn bind_in_transaction(
        &self,
        tag: &TagId,
        carrier: &CarrierId,
        at_ms: i64,
    ) -> Result<(), StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let (asset, person) = match carrier {
            CarrierId::Asset(id) => (Some(id.as_str()), None),
            CarrierId::Person(id) => (None, Some(id.as_str())),
        };
        if person.is_some() {
            // First of all: the writer must not wait for a row of ours while we wait for it.
            transaction.execute("select pg_advisory_xact_lock($1)", &[&PERSON_LOCK]).await?;
        }
        must_exist(&transaction, carrier).await?;
        let key = tag_key(&transaction, tag).await?;
        let at = Ms(at_ms);
        let same = "select 1 from tag_binding where tag = $1 and unbound_at is null
                    and asset is not distinct from $2 and person is not distinct from $3";
        if transaction.query_opt(same, &[&key, &asset, &person]).await?.is_some() {
            return Ok(());
        }
        transaction
            .execute(
                "update tag_binding set unbound_at = greatest(bound_at, $4)
                 where unbound_at is null and (tag = $1 or asset = $2 or person = $3)",
                &[&key, &asset, &person, &at],
            )
            .await?;
        // Of two bindings in the same millisecond the later one counts.
        transaction
            .execute(
                "insert into tag_binding (tag, asset, person, bound_at) values ($1, $2, $3, $4)
                 on conflict (tag, bound_at) do update
                     set asset = excluded.asset, person = excluded.person, unbound_at = null",
                &[&key, &asset, &person, &at],
            )
            .await?;
        if person.is_some() {
            forget(&transaction, &[key]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Frees a tag from `at_ms` on; false when nobody had bound it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unbind(&self, tag: &TagId, at_ms: i64) -> Result<bool, StorageError> {
        let _alone = self.inner.binding.lock().await;
        let changed = self
            .client()
            .await?
            .execute(
                "update tag_binding b set unbound_at = greatest(b.bound_at, $2)
                 from tag t where t.id = b.tag and t.name = $1 and b.unbound_at is null",
                &[&tag.as_str(), &Ms(at_ms)],
            )
            .await?;
        self.change_worn(|worn| worn.remove(tag));
        Ok(changed > 0)
    }

    /// The tags that an asset carried, the oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn binding_history(&self, asset: &AssetId) -> Result<Vec<Binding>, StorageError> {
        let rows = self
            .client()
            .await?
            .query(
                "select t.name, b.bound_at, b.unbound_at from tag_binding b join tag t on t.id = b.tag
                 where b.asset = $1 order by b.bound_at",
                &[&asset.as_str()],
            )
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(Binding {
                    tag: TagId::new(row.get(0)).ok()?,
                    bound_ms: row.get::<_, Ms>(1).0,
                    unbound_ms: row.get::<_, Option<Ms>>(2).map(|at| at.0),
                })
            })
            .collect())
    }

    /// Another set is made where somebody holds the present one: who holds it sees that it is no
    /// longer that one.
    fn change_worn<T>(&self, change: impl FnOnce(&mut HashSet<TagId>) -> T) -> T {
        let mut worn = self.inner.worn.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut worn))
    }
}

fn asset_of(row: &tokio_postgres::Row) -> Option<Asset> {
    Some(Asset {
        id: AssetId::new(row.get(0)).ok()?,
        label: row.get(1),
        class: row.get::<_, &str>(2).parse().ok()?,
        home_ward: row.get::<_, Option<&str>>(3).and_then(|ward| ward.parse().ok()),
    })
}

fn add_binding(registry: &mut Registry, row: &tokio_postgres::Row) {
    let Ok(tag) = TagId::new(row.get(0)) else { return };
    if let Some(asset) = row.get::<_, Option<&str>>(1).and_then(|id| registry.assets.get(id)) {
        registry.tag_of_asset.insert(asset.id.clone(), tag.clone());
        registry.carriers.insert(tag, Carrier::Asset(Arc::clone(asset)));
    } else if let Some(person) =
        row.get::<_, Option<&str>>(2).and_then(|id| registry.persons.get(id))
    {
        registry.carriers.insert(tag, Carrier::Person(Arc::clone(person)));
    }
}

async fn must_exist(
    transaction: &Transaction<'_>,
    carrier: &CarrierId,
) -> Result<(), StorageError> {
    let (what, sql, id) = match carrier {
        CarrierId::Asset(id) => {
            ("asset", "select 1 from asset where id = $1 and retired_at is null", id.as_str())
        }
        CarrierId::Person(id) => ("person", "select 1 from person where id = $1", id.as_str()),
    };
    match transaction.query_opt(sql, &[&id]).await? {
        Some(_) => Ok(()),
        None => Err(StorageError::NotFound { what, id: id.to_owned() }),
    }
}

/// The key of `tag`, which becomes known when it wasn't.
async fn tag_key(transaction: &Transaction<'_>, tag: &TagId) -> Result<i32, StorageError> {
    let sql = "insert into tag (name) values ($1)
               on conflict (name) do update set name = excluded.name returning id";
    Ok(transaction.query_one(sql, &[&tag.as_str()]).await?.get(0))
}
