//! A fortnight of a hospital that never was: 400 assets of eight classes in six wards, always the
//! same for the same end, written straight into the tables. It keeps what it wrote, so that a
//! number of a dashboard can be worked out a second time by other means.

use super::golden::{self, Span, Truth};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::HashMap;
use tokio_postgres::Client;

pub(crate) const HOUR_MS: i64 = 3_600_000;
const WARDS: [(&str, i16); 6] = [("A1", 0), ("B1", 0), ("A2", 1), ("B2", 1), ("ED", 0), ("ICU", 2)];
const CLASSES: [(&str, f64); 8] = [
    ("bed", 0.75),
    ("bladder-scanner", 0.2),
    ("ecg", 0.3),
    ("infusion-pump", 0.5),
    ("monitor", 0.6),
    ("syringe-pump", 0.45),
    ("ventilator", 0.35),
    ("wheelchair", 0.15),
];
const ROOMS: [(&str, &str); 6] = [
    ("patient-1", "patient"),
    ("patient-2", "patient"),
    ("patient-3", "patient"),
    ("storage", "storage"),
    ("soiled", "soiled_utility"),
    ("clean", "clean_utility"),
];

/// A stretch of time in which an asset did one thing.
pub(crate) struct Stretch {
    pub(crate) asset: usize,
    pub(crate) status: &'static str,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// A stretch of time in which an asset was in one room.
pub(crate) struct Stay {
    pub(crate) asset: usize,
    pub(crate) ward: usize,
    pub(crate) room: usize,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// What was written.
pub(crate) struct Fortnight {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) statuses: Vec<Stretch>,
    pub(crate) stays: Vec<Stay>,
}

/// How many assets there are.
pub(crate) const ASSETS: usize = 400;

/// The class of an asset.
pub(crate) fn class(asset: usize) -> &'static str {
    CLASSES[asset % CLASSES.len()].0
}

/// The ward that owns an asset; none: the pool.
pub(crate) fn owner(asset: usize) -> Option<usize> {
    let ward = asset / CLASSES.len() % (WARDS.len() + 1);
    (ward < WARDS.len()).then_some(ward)
}

/// The name of a ward.
pub(crate) fn ward(ward: usize) -> &'static str {
    WARDS[ward].0
}

impl Fortnight {
    /// The same, for whoever works key figures out.
    pub(crate) fn truth(&self) -> Truth {
        let (wards, target, critical) = PAR;
        let par = CLASSES.iter().flat_map(|(class, _)| {
            wards.iter().map(move |ward| ((*class).into(), (*ward).into(), target, critical))
        });
        let assets = (0..ASSETS).map(|a| (class(a).into(), owner(a).map_or("pool", ward).into()));
        let span = |s: &Stretch| {
            let Stretch { asset, status, from_ms, to_ms } = *s;
            Span { asset, status, from_ms, to_ms }
        };
        let stay = |s: &Stay| golden::Stay {
            asset: s.asset,
            ward: Some(ward(s.ward).into()),
            room_kind: ROOMS[s.room].1.into(),
            from_ms: s.from_ms,
            to_ms: s.to_ms,
        };
        Truth {
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            assets: assets.collect(),
            statuses: self.statuses.iter().map(span).collect(),
            stays: self.stays.iter().map(stay).collect(),
            par: par.collect(),
        }
    }

    /// A fortnight that ends at `to_ms`.
    pub(crate) fn until(to_ms: i64) -> Self {
        let from_ms = to_ms - 14 * 24 * HOUR_MS;
        let mut fortnight = Self { from_ms, to_ms, statuses: Vec::new(), stays: Vec::new() };
        let mut rng = StdRng::seed_from_u64(7);
        for asset in 0..ASSETS {
            fortnight.live(asset, &mut rng);
        }
        fortnight
    }

    fn live(&mut self, asset: usize, rng: &mut StdRng) {
        let home = owner(asset).unwrap_or(asset % WARDS.len());
        let busy = CLASSES[asset % CLASSES.len()].1;
        // Some are kept in a ward that doesn't own them.
        let kept_at = (home + usize::from(asset.is_multiple_of(11))) % WARDS.len();
        let idle_from_ms = asset.is_multiple_of(9).then_some(self.from_ms + 4 * 24 * HOUR_MS);
        let mut now_ms = self.from_ms + rng.random_range(0..2 * HOUR_MS);
        while now_ms < self.to_ms {
            let used_h = rng.random_range(1.0..12.0);
            let free_h = used_h * (1.0 - busy) / busy * rng.random_range(0.3..1.7);
            self.spend(asset, "available", free_h, kept_at, 3, &mut now_ms);
            if idle_from_ms.is_some_and(|idle_ms| now_ms > idle_ms) {
                self.spend(asset, "available", 15.0 * 24.0, home, 3, &mut now_ms);
            }
            if rng.random_bool(0.04) {
                self.spend(asset, "unknown", rng.random_range(1.0..10.0), home, 3, &mut now_ms);
            }
            let at = if rng.random_bool(0.2) { rng.random_range(0..WARDS.len()) } else { home };
            let moved = rng.random_range(0.1..0.9);
            self.use_in_two_rooms(asset, used_h, moved, at, rng.random_range(0..3), &mut now_ms);
            self.spend(asset, "dirty", rng.random_range(0.2..3.0), at, 4, &mut now_ms);
            self.spend(asset, "cleaning", rng.random_range(0.2..1.0), home, 5, &mut now_ms);
            if rng.random_bool(0.01) {
                self.spend(asset, "maintenance", rng.random_range(4.0..48.0), home, 5, &mut now_ms);
            }
        }
    }

    /// One status in two rooms of a ward: visits and statuses have their own borders.
    fn use_in_two_rooms(
        &mut self,
        asset: usize,
        hours: f64,
        moved: f64,
        ward: usize,
        room: usize,
        now_ms: &mut i64,
    ) {
        let from_ms = *now_ms;
        self.spend(asset, "in_use", hours * moved, ward, room, now_ms);
        let parts = self.statuses.len();
        self.spend(asset, "in_use", hours * (1.0 - moved), (ward + 1) % WARDS.len(), room, now_ms);
        if self.statuses.len() > parts {
            self.statuses.pop();
            let whole = self.statuses.last_mut().expect("its first part");
            (whole.from_ms, whole.to_ms) = (from_ms, *now_ms);
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "hours of a fortnight")]
    fn spend(
        &mut self,
        asset: usize,
        status: &'static str,
        hours: f64,
        ward: usize,
        room: usize,
        now_ms: &mut i64,
    ) {
        let from_ms = *now_ms;
        let to_ms = (from_ms + (hours * 3600.0) as i64 * 1000).min(self.to_ms);
        if to_ms > from_ms {
            self.statuses.push(Stretch { asset, status, from_ms, to_ms });
            self.stays.push(Stay { asset, ward, room, from_ms, to_ms });
            *now_ms = to_ms;
        }
    }

    /// Writes it into an empty database. What reaches to the end stays open.
    pub(crate) async fn store(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let zones = self.store_rooms(client).await?;
        self.store_assets(client).await?;
        let open = |to_ms: i64| (to_ms < self.to_ms).then_some(to_ms);
        let key = |asset: usize| i32::try_from(asset).unwrap_or_default() + 1;
        let (mut tags, mut rooms, mut from, mut to) = (vec![], vec![], vec![], vec![]);
        for stay in &self.stays {
            tags.push(key(stay.asset));
            rooms.push(zones[&(stay.ward, stay.room)]);
            from.push(stay.from_ms);
            to.push(open(stay.to_ms));
        }
        client
            .execute(
                "insert into visit (tag, zone, entered_at, left_at)
                 select t, z, to_timestamp(f / 1000.0), to_timestamp(u / 1000.0)
                 from unnest($1::int4[], $2::int4[], $3::int8[], $4::int8[]) as v(t, z, f, u)",
                &[&tags, &rooms, &from, &to],
            )
            .await?;
        client
            .batch_execute(
                "insert into position (time, until, tag, x_m, y_m, floor, accuracy_m, zone)
                 select v.entered_at, coalesce(v.left_at, now()), v.tag, 1, 1, z.floor, 0.8, v.zone
                 from visit v join zone z on z.key = v.zone",
            )
            .await?;
        let (mut assets, mut names, mut from, mut to) = (vec![], vec![], vec![], vec![]);
        for stretch in &self.statuses {
            assets.push(format!("asset-{}", stretch.asset));
            names.push(stretch.status);
            from.push(stretch.from_ms);
            to.push(open(stretch.to_ms));
        }
        client
            .execute(
                "insert into asset_status (asset, status, from_at, to_at, basis, rule)
                 select a, s, to_timestamp(f / 1000.0), to_timestamp(u / 1000.0), 'inferred', 'test'
                 from unnest($1::text[], $2::text[], $3::int8[], $4::int8[]) as v(a, s, f, u)",
                &[&assets, &names, &from, &to],
            )
            .await?;
        self.store_people(client).await?;
        store_things_to_look_after(client).await?;
        client.batch_execute("analyze").await
    }

    async fn store_rooms(
        &self,
        client: &Client,
    ) -> Result<HashMap<(usize, usize), i32>, tokio_postgres::Error> {
        let mut zones = HashMap::new();
        for (w, (ward, floor)) in WARDS.iter().enumerate() {
            for (r, (room, kind)) in ROOMS.iter().enumerate() {
                let id = format!("{ward}-{room}");
                let row = client
                    .query_one(
                        "insert into zone (id, site_version, floor, floor_label, is_room, kind, name, ward)
                         values ($1, 'v1', $2, ($2::int2)::text, true, $3, $1, $4) returning key",
                        &[&id, floor, kind, ward],
                    )
                    .await?;
                zones.insert((w, r), row.get(0));
            }
        }
        Ok(zones)
    }

    async fn store_assets(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let ids: Vec<String> = (0..ASSETS).map(|a| format!("asset-{a}")).collect();
        let classes: Vec<&str> = (0..ASSETS).map(class).collect();
        let owners: Vec<Option<&str>> = (0..ASSETS).map(|a| owner(a).map(ward)).collect();
        client
            .batch_execute(
                "do $$ begin
                     if not exists (select from pg_inherits where inhparent = 'position'::regclass) then
                         create table position_rest partition of position default;
                     end if;
                 end $$",
            )
            .await?;
        client
            .execute(
                "with new_asset as (
                     insert into asset (id, label, class, home_ward, created_at)
                     select a, 'No. ' || a, c, w, to_timestamp($4::int8 / 1000.0)
                     from unnest($1::text[], $2::text[], $3::text[]) as v(a, c, w) returning id
                 ), new_tag as (
                     insert into tag (id, name, battery_pct, reported_at, battery_since) overriding system value
                     select n, 'tag-' || n, 40 + n % 60, now(), now() - interval '30 days' from generate_series(1, $5::int4) n
                     returning id
                 )
                 insert into tag_binding (tag, asset, bound_at)
                 select t.id, 'asset-' || t.id - 1, to_timestamp($4::int8 / 1000.0) from new_tag t
                 where exists (select from new_asset)",
                &[
                    &ids,
                    &classes,
                    &owners,
                    &self.from_ms,
                    &i32::try_from(ASSETS).unwrap_or_default(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Badges with every trace that could give a person away, and presence, some of it in small groups.
    async fn store_people(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client
            .batch_execute(
                "insert into person (id, role) values ('person-1', 'porter');
                 insert into tag (id, name) overriding system value values (900100001, 'badge-1');
                 insert into tag_binding (tag, person, bound_at) values (900100001, 'person-1', now());
                 insert into position (time, until, tag, x_m, y_m, floor, accuracy_m, zone)
                     values (now(), now(), 900100001, 1, 1, 0, 1, 1);
                 insert into visit (tag, zone, entered_at) values (900100001, 1, now());
                 insert into presence (role, zone, quarter, persons)
                     select r, z.key, q, 1 + (extract(epoch from q)::int8 / 900 + z.key)
                                              % case r when 'nurse' then 30 else 4 end
                     from unnest(array['nurse', 'porter']) r, zone z, generate_series(
                         date_trunc('hour', now()) - interval '14 days', now(), '15 minutes') q;
                 insert into person_lookup (at, actor, purpose, filter, found)
                     select d, 'desk-1', 'nearest_porter', 'role=porter', 3
                     from generate_series(now() - interval '13 days', now(), '7 hours') d",
            )
            .await
    }
}

/// How many of each class should stand ready in each of these wards, and how many at the least.
const PAR: (&[&str], i32, i32) = (&["A1", "B2", "ED"], 4, 2);

/// PAR levels, a reader that is off, tags that have gone silent.
async fn store_things_to_look_after(client: &Client) -> Result<(), tokio_postgres::Error> {
    let (wards, target, critical) = PAR;
    let levels = "insert into par_level (class, ward, target, critical)
                  select c, w, $3, $4 from unnest($1::text[]) c, unnest($2::text[]) w";
    let classes: Vec<&str> = CLASSES.iter().map(|(class, _)| *class).collect();
    client.execute(levels, &[&classes, &wards, &target, &critical]).await?;
    client
        .batch_execute(
            "insert into reader (id, floor, zone, portal, online, changed_at)
                 values ('reader-1', 0, 'A1-storage', false, true, now() - interval '9 days'),
                        ('reader-2', 0, 'B1-storage', true, false, now() - interval '3 hours'),
                        ('reader-3', 1, 'A2-storage', false, null, null);
             insert into reader_change (reader, changed_at, online)
                 select 'reader-2', now() - n * interval '7 hours' + interval '4 hours', n % 2 = 0
                 from generate_series(1, 48) n
                 union all select 'reader-1', now() - interval '9 days', true;
             insert into tag_battery (tag, day, battery_pct)
                 select id, date_trunc('day', now(), 'UTC') - d * interval '2 days', battery_pct + d / 2
                 from tag cross join generate_series(1, 9) d where battery_pct is not null and id % 3 > 0;
             insert into by_hand (asset, from_at, until_at, status, by_whom)
                 select asset, from_at, from_at + interval '10 minutes', 'reserved', 'token-1'
                 from asset_status where status = 'available' and asset like 'asset-1%';
             insert into alert (id, kind, subject, severity, ward, class, reason, opened_at,
                                acknowledged_at, acknowledged_by, resolved_at, resolved_by, ended_at)
                 select 'alert-' || n, k, n::text, case n % 3 when 0 then 'critical' else 'low' end,
                        case k when 'reader' then null else 'A1' end,
                        case k when 'reader' then null else 'bed' end, 'test', o,
                        case when n % 4 > 0 then o + n * interval '1 minute' end,
                        case when n % 4 > 0 then 'token-1' end,
                        case when n % 5 > 0 then o + n * interval '10 minutes' end,
                        case when n % 5 = 4 then 'token-1' end,
                        case when n % 5 > 0 then o + n * interval '10 minutes' end
                 from generate_series(1, 39) n
                 cross join lateral (select (array['par', 'battery', 'reader'])[1 + n % 3],
                                            now() - n * interval '8 hours') a (k, o);
             update tag set reported_at = now() - interval '5 hours' where id % 13 = 0;
             update position p set until = \"time\"
             where p.tag % 13 = 0
               and p.\"time\" = (select max(l.\"time\") from position l where l.tag = p.tag)",
        )
        .await
}
