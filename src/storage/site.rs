//! The site's rooms, zones and readers as the database knows them, by version of the site file.

use super::{Inner, Storage, StorageError, connection};
use crate::model::{ById, ReaderId, ReaderRecord, WardId, ZoneId, ZoneRecord};
use std::sync::{Arc, PoisonError};

impl Storage {
    /// Makes the site's rooms and zones known; what is stored from now on refers to this version.
    /// The same version again changes nothing.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn register_site(
        &self,
        version: &str,
        zones: &[ZoneRecord],
        readers: &[ReaderRecord],
    ) -> Result<(), StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        insert_zones(&transaction, version, zones).await?;
        upsert_readers(&transaction, readers).await?;
        transaction.commit().await?;
        // Other versions may lend their rooms, which a version that comes back doesn't know yet.
        self.forget_zones();
        self.inner.zones_of(version).await?;
        Ok(())
    }

    /// The keys of rooms are asked for again.
    pub(super) fn forget_zones(&self) {
        self.inner.zones.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Storage {
    /// Readers that said that they are offline, and since when, milliseconds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn offline_readers(&self) -> Result<Vec<(ReaderId, i64)>, StorageError> {
        let query = "select id, (extract(epoch from changed_at) * 1000)::int8 from reader
                     where not online and changed_at is not null";
        let rows = self.client().await?.query(query, &[]).await?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((ReaderId::new(row.get(0)).ok()?, row.get(1))))
            .collect())
    }
}

/// The keys of one version; a room that it lacks has the newest key that it had in another, for
/// visits that began there.
const KEYS: &str = "select distinct on (id) id, key from zone
                    order by id, (site_version = $1) desc, key desc";

impl Inner {
    /// The keys of rooms and zones of that version of the site file.
    pub(super) async fn zones_of(
        &self,
        version: &str,
    ) -> Result<Arc<ById<ZoneId, i32>>, StorageError> {
        if let Some(keys) = self.known_zones_of(version) {
            return Ok(keys);
        }
        let rows = connection::client(&self.pool).await?.query(KEYS, &[&version]).await?;
        let keys: ById<ZoneId, i32> = rows
            .iter()
            .filter_map(|row| Some((ZoneId::new(row.get(0)).ok()?, row.get(1))))
            .collect();
        let keys = Arc::new(keys);
        let mut zones = self.zones.write().unwrap_or_else(PoisonError::into_inner);
        zones.insert(version.to_owned(), Arc::clone(&keys));
        Ok(keys)
    }

    /// The same, where it was asked for before.
    pub(super) fn known_zones_of(&self, version: &str) -> Option<Arc<ById<ZoneId, i32>>> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner).get(version).cloned()
    }
}

async fn insert_zones(
    transaction: &deadpool_postgres::Transaction<'_>,
    version: &str,
    zones: &[ZoneRecord],
) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<&str> = zones.iter().map(|zone| zone.id.as_str()).collect();
    let floors: Vec<i16> = zones.iter().map(|zone| zone.floor).collect();
    let labels: Vec<&str> = zones.iter().map(|zone| zone.floor_label.as_str()).collect();
    let are_rooms: Vec<bool> = zones.iter().map(|zone| zone.kind.is_some()).collect();
    let kind_of_zone = |zone: &ZoneRecord| if zone.is_exit { "exit" } else { "zone" };
    let kinds: Vec<&str> = zones
        .iter()
        .map(|zone| zone.kind.map_or_else(|| kind_of_zone(zone), |kind| kind.as_str()))
        .collect();
    let names: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
    let wards: Vec<Option<&str>> =
        zones.iter().map(|zone| zone.ward.as_ref().map(WardId::as_str)).collect();
    transaction
        .execute(
            "insert into zone (id, site_version, floor, floor_label, is_room, kind, name, ward)
             select n.id, $1, n.floor, n.label, n.is_room, n.kind, n.name, n.ward
             from unnest($2::text[], $3::int2[], $4::text[], $5::bool[], $6::text[], $7::text[], $8::text[])
                 as n (id, floor, label, is_room, kind, name, ward)
             on conflict (id, site_version) do nothing",
            &[&version, &ids, &floors, &labels, &are_rooms, &kinds, &names, &wards],
        )
        .await?;
    Ok(())
}

/// Readers are one list for all versions: the newest place counts, what they reported stays.
async fn upsert_readers(
    transaction: &deadpool_postgres::Transaction<'_>,
    readers: &[ReaderRecord],
) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<&str> = readers.iter().map(|reader| reader.id.as_str()).collect();
    let floors: Vec<i16> = readers.iter().map(|reader| reader.floor).collect();
    let zones: Vec<Option<&str>> =
        readers.iter().map(|reader| reader.zone.as_ref().map(ZoneId::as_str)).collect();
    let portals: Vec<bool> = readers.iter().map(|reader| reader.portal).collect();
    transaction
        .execute(
            "insert into reader (id, floor, zone, portal)
             select * from unnest($1::text[], $2::int2[], $3::text[], $4::bool[])
             on conflict (id) do update
                 set floor = excluded.floor, zone = excluded.zone, portal = excluded.portal",
            &[&ids, &floors, &zones, &portals],
        )
        .await?;
    Ok(())
}
