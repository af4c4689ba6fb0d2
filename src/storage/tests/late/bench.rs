//! The real pipeline and the real writer on a database of their own, led by a clock of the test.

use super::*;
use crate::{
    ingest::Rejections,
    model::{Act, Arrived, Asset, ByHand, Carrier, CarrierId, PresentChange, Registry, Restored},
    pipeline::{Parts, Pipeline, redecide, rule_book},
    utilisation::Rules,
};
use std::{collections::HashMap, sync::Mutex};

/// What else happens while messages come, in the order of time, milliseconds.
#[derive(Default)]
pub(super) struct Meanwhile<'a> {
    /// What somebody does by hand with each of the assets.
    pub(super) acts: &'a [(i64, Act)],
    /// Other rules come into force.
    pub(super) rules: &'a [(i64, Arc<Rules>)],
}

pub(super) struct Bench {
    pub(super) site: Arc<Site>,
    pub(super) storage: Storage,
    pub(super) runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(super) fn new(name: &str) -> Option<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let site = Arc::new(Site::load(None).unwrap());
        let storage = runtime.block_on(async {
            let storage = storage(name).await?;
            let zones: Vec<_> = site.zones().cloned().collect();
            storage.register_site(&site.version, &zones, &[]).await.unwrap();
            Some(storage)
        })?;
        Some(Self { site, storage, runtime })
    }

    /// Both names become a tag on an asset of that name.
    pub(super) fn registry(&self, names: &[String]) -> Registry {
        let mut registry = Registry::default();
        for name in names {
            let asset = Asset {
                id: name.parse().unwrap(),
                label: name.clone(),
                class: "pump".parse().unwrap(),
                home_ward: None,
            };
            self.runtime.block_on(async {
                self.storage.put_assets(std::slice::from_ref(&asset)).await.unwrap();
                let carrier = CarrierId::Asset(asset.id.clone());
                self.storage.bind(&tag(name), &carrier, 1).await.unwrap();
            });
            let asset = Arc::new(asset);
            registry.assets.insert(asset.id.clone(), asset.clone());
            registry.tag_of_asset.insert(asset.id.clone(), tag(name));
            registry.carriers.insert(tag(name), Carrier::Asset(asset));
        }
        registry
    }

    /// Delivers `messages` (received, topic, payload), which are in order, a tick a second until
    /// `end_ms`, and stores what is decided in `portions` transactions or more.
    pub(super) fn run(
        &self,
        names: &[String],
        on_change: bool,
        messages: &[(i64, String, String)],
        times: (i64, i64),
        portions: i64,
    ) -> (Pipeline, Arc<Live>) {
        self.run_with(names, on_change, messages, &Meanwhile::default(), times, portions)
    }

    /// The same, while more happens.
    pub(super) fn run_with(
        &self,
        names: &[String],
        on_change: bool,
        messages: &[(i64, String, String)],
        meanwhile: &Meanwhile<'_>,
        (start_ms, end_ms): (i64, i64),
        portions: i64,
    ) -> (Pipeline, Arc<Live>) {
        let live = Arc::new(Live::new());
        let parts = Parts {
            site: self.site.clone(),
            live: live.clone(),
            rejections: Rejections::default(),
            max_late_ms: 48 * 3_600_000,
            on_change,
        };
        let mut pipeline = Pipeline::restored(parts, self.registry(names), Restored::default());
        let told: Arc<Mutex<Vec<PresentChange>>> = Arc::default();
        let past = {
            let (site, told) = (self.site.clone(), told.clone());
            let judge = move |_: &str, stretch: &Stretch| {
                let rules = rule_book(&stretch.rules, &mut HashMap::new());
                redecide(stretch, &site, &rules, on_change)
            };
            Past {
                redecide: Arc::new(judge),
                tell: Arc::new(move |changes| told.lock().unwrap().extend_from_slice(changes)),
            }
        };
        self.runtime.block_on(async {
            let begun = self.storage.take_journal(JOURNAL, u64::MAX, false).await.unwrap();
            let (Writing { door, mut stored }, task) = self.storage.writer(begun, past);
            let task = tokio::spawn(task);
            let mut sequence = begun;
            let mut out = Vec::new();
            let mut messages = messages.iter().peekable();
            let mut acts = meanwhile.acts.iter().peekable();
            let mut rules = meanwhile.rules.iter().peekable();
            let portion_ms = (end_ms - start_ms) / portions + 1;
            let mut due_ms = start_ms + portion_ms;
            let mut now_ms = start_ms;
            while now_ms < end_ms {
                let next_ms = now_ms + SECOND_MS;
                while let Some((at_ms, rules)) = rules.next_if(|(at_ms, _)| *at_ms < next_ms) {
                    pipeline.change_rules(rules.clone(), *at_ms, &mut out);
                }
                while let Some((received_ms, topic, payload)) =
                    messages.next_if(|(received_ms, ..)| *received_ms < next_ms)
                {
                    let payload = payload.as_bytes();
                    let arrival = Arrived { source: "c", topic, payload };
                    pipeline.arrival(arrival, *received_ms, &mut out);
                }
                while let Some((at_ms, act)) = acts.next_if(|(at_ms, _)| *at_ms < next_ms) {
                    for name in names {
                        let (asset, by, act) =
                            (name.parse().unwrap(), "anna".to_owned(), act.clone());
                        pipeline.by_hand(&ByHand { asset, by, act }, sequence, *at_ms, &mut out);
                    }
                }
                now_ms = next_ms;
                pipeline.tick(now_ms, &mut out);
                if now_ms >= due_ms || now_ms >= end_ms {
                    due_ms += portion_ms;
                    if now_ms >= end_ms {
                        pipeline.flush(&mut out);
                    }
                    sequence += 1;
                    let items: Vec<_> = out.drain(..).map(|item| (sequence, item)).collect();
                    let site = self.site.version.clone();
                    let batch = DecidedBatch { through: sequence, at_ms: now_ms, site, items };
                    door.send(batch).await.unwrap();
                    // The pipeline goes on meanwhile, as it does, and learns a portion later.
                    stored.wait_for(|stored| *stored + 1 >= sequence).await.unwrap();
                    let changes = std::mem::take(&mut *told.lock().unwrap());
                    changes.iter().for_each(|change| pipeline.amended(change));
                }
            }
            drop(door);
            task.await.unwrap();
        });
        for change in told.lock().unwrap().iter() {
            pipeline.amended(change);
        }
        (pipeline, live)
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        let sql = format!("select row_to_json(r)::text from ({sql}) r");
        let rows = self.runtime.block_on(self.storage.look(&sql));
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(super) fn visits(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select z.id, v.entered_at, v.left_at from visit v join zone z on z.key = v.zone
             join tag t on t.id = v.tag where t.name = '{name}' order by v.entered_at"
        ))
    }

    /// What is said by hand is in the room that was known when it was said.
    pub(super) fn statuses(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select s.status, s.from_at, s.to_at, s.rule, z.id from asset_status s
             left join zone z on z.key = s.zone and s.basis <> 'manual' where s.asset = '{name}' order by s.from_at"
        ))
    }

    pub(super) fn positions(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select p.\"time\", p.until, p.seq, p.x_m, p.y_m, p.floor, z.id from position p
             left join zone z on z.key = p.zone join tag t on t.id = p.tag
             where t.name = '{name}' order by p.\"time\""
        ))
    }

    pub(super) fn spans(&self, sql: &str) -> Vec<(i64, Option<i64>, String)> {
        let rows = self.runtime.block_on(self.storage.look(sql));
        let ms = |at: crate::storage::connection::Ms| at.0;
        rows.iter()
            .map(|row| (ms(row.get(0)), row.get::<_, Option<_>>(1).map(ms), row.get(2)))
            .collect()
    }

    pub(super) fn rooms(&self, name: &str) -> Vec<(i64, Option<i64>, String)> {
        self.spans(&format!(
            "select v.entered_at, v.left_at, z.id from visit v join zone z on z.key = v.zone
             join tag t on t.id = v.tag where t.name = '{name}' order by v.entered_at"
        ))
    }

    pub(super) fn doings(&self, name: &str) -> Vec<(i64, Option<i64>, String)> {
        self.spans(&format!(
            "select s.from_at, s.to_at, s.status from asset_status s where s.asset = '{name}' order by s.from_at"
        ))
    }

    /// Rows of `position`: from, until, where.
    pub(super) fn places(&self, name: &str) -> Vec<(i64, i64, f64, f64, i16)> {
        let rows = self.runtime.block_on(self.storage.look(&format!(
            "select p.\"time\", p.until, p.x_m::float8, p.y_m::float8, p.floor from position p
             join tag t on t.id = p.tag where t.name = '{name}'"
        )));
        let ms = |at: crate::storage::connection::Ms| at.0;
        rows.iter()
            .map(|row| (ms(row.get(0)), ms(row.get(1)), row.get(2), row.get(3), row.get(4)))
            .collect()
    }

    /// Intervals of a tag or an asset that are there at the same time: there must never be any.
    pub(super) fn overlaps(&self) -> Vec<String> {
        self.rows("select * from overlap")
    }
}
