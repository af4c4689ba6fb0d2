//! What `spor demo` adds to a serving Spor: a registry, a simulated hospital, and words for people.

mod history;

use super::data_dir::Endpoints;
use crate::{
    auth::{Role, Tokens},
    clock::now_ms,
    model::{Asset, CarrierId, ClassId, ParLevel, Person, WardId},
    site::Site,
    storage::Storage,
};
use anyhow::Context as _;
use firmware_sim::{mqtt, world};
pub(super) use history::History;
use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The demo's own token, made anew at each start so that it can be printed.
const TOKEN: &str = "demo-coordinator";

/// The simulated hospital publishes to the broker that Spor itself is.
#[derive(Debug, thiserror::Error)]
#[error("`spor demo` brings its own broker: leave mqtt.url out, or use `spor serve`")]
pub(super) struct BringsItsOwnBroker;

/// What the demo is asked for.
#[derive(Debug)]
pub struct Options {
    /// The same seed, the same hospital day.
    pub seed: u64,
    /// 1 is real time.
    pub speed: f64,
    /// How much was before its first start, hours; 0: nothing.
    pub history_hours: u32,
    /// The password of Grafana's read-only role; none: no Grafana.
    pub grafana_password: Option<String>,
}

/// A hospital that is ready to work.
pub(super) struct Hospital {
    world: world::World,
    options: Options,
    /// What was before; none: the data folder remembers more than this start.
    before: Option<history::Before>,
}

impl Hospital {
    /// Makes the hospital, and registers its equipment and staff where the registry is empty.
    pub(super) async fn prepare(
        options: Options,
        site: &Site,
        storage: &Storage,
    ) -> anyhow::Result<Self> {
        progress("The simulated hospital goes to work ...");
        let start_ms = now_ms();
        let config = world::Config { seed: options.seed, start_ms, ..Default::default() };
        let file = site.file().clone();
        let world = tokio::task::spawn_blocking(move || world::World::new(&file, config))
            .await
            .context("the hospital can't be made")??;
        let is_new = storage.registry().await?.assets.is_empty();
        let begin_ms = start_ms - i64::from(options.history_hours) * 3_600_000;
        let before = history::Before { seed: options.seed, begin_ms, end_ms: start_ms };
        let before = (is_new && begin_ms < start_ms).then_some(before);
        if is_new {
            register(&world, storage, begin_ms).await?;
        }
        if let Some(password) = &options.grafana_password {
            storage.admit_grafana(password).await?;
        }
        Ok(Self { world, options, before })
    }

    /// Makes what was before it came to work, beside all else; none: it was there before.
    pub(super) fn remember(
        &mut self,
        history: History,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<JoinHandle<()>>> {
        let Some(before) = self.before.take() else { return Ok(None) };
        super::on_own_thread("demo-history", before.make(history, stop)).map(Some)
    }

    /// Lets it publish over MQTT, and tells the person at the terminal what there is.
    pub(super) fn start(
        self,
        mqtt: SocketAddr,
        endpoints: &Endpoints,
        tokens: &Tokens,
        storage: &Storage,
        stop: CancellationToken,
    ) -> anyhow::Result<JoinHandle<()>> {
        if tokens.list().iter().any(|token| token.name == TOKEN && token.revoked.is_none()) {
            tokens.revoke(TOKEN)?;
        }
        let token = tokens.add(TOKEN, Role::Coordinator)?;
        println!("{}", self.greeting(mqtt, endpoints, &token, storage));
        let config =
            mqtt::Config { speed: self.options.speed, ..mqtt::Config::new(mqtt.to_string()) };
        let world = self.world;
        super::on_own_thread("simulated-hospital", mqtt::run(config, world, stop))
    }

    fn greeting(
        &self,
        mqtt: SocketAddr,
        endpoints: &Endpoints,
        token: &str,
        storage: &Storage,
    ) -> String {
        let http = format!("http://{}", endpoints.http);
        let (assets, staff) = (self.world.assets().len(), self.world.staff().len());
        let port = match mqtt.port() {
            1883 => String::new(),
            port => format!(" -p {port}"),
        };
        let mut text = format!(
            "\nA simulated hospital is at work: {assets} assets, {staff} staff.\n\n\
             \x20 Wall display     {http}/\n\
             \x20 Report           {http}/report\n\
             \x20 Ward board       {http}/ward\n\
             \x20 Tags on things   {http}/tags\n\
             \x20 API              {http}/api/openapi.json\n\
             \x20 A tag of yours   mosquitto_pub{port} -t spor/v1/tags/pump-x/position -m '{{\"x_m\":12.3,\"y_m\":4.5,\"floor\":1}}'\n\
             \x20                  curl {http}/api/v1/tags/pump-x\n\
             \x20 Staff, by room   curl -H 'Authorization: Bearer {token}' '{http}/api/v1/people?purpose=nearest_porter'\n"
        );
        if let (Some(password), Some(port)) = (&self.options.grafana_password, storage.tcp_port()) {
            let _ = writeln!(
                text,
                "\x20 Grafana          PostgreSQL at 127.0.0.1:{port}, database spor, user spor_grafana, password {password}"
            );
        }
        text.push_str(
            "\nOpen to everybody on this machine, and to nobody else. Ctrl-C stops all of it.\n",
        );
        text
    }
}

/// Everything carries its tag since `at_ms`.
async fn register(world: &world::World, storage: &Storage, at_ms: i64) -> anyhow::Result<()> {
    progress("Registering its equipment ...");
    let assets: Vec<_> = world
        .assets()
        .iter()
        .map(|a| Asset {
            id: a.id.clone(),
            label: a.label.clone(),
            class: a.class.clone(),
            home_ward: a.home_ward.clone(),
        })
        .collect();
    storage.put_assets(&assets).await?;
    storage.put_par(&par_levels(&assets)).await?;
    for asset in world.assets() {
        storage.bind(&asset.tag, &CarrierId::Asset(asset.id.clone()), at_ms).await?;
    }
    let persons: Vec<_> = world
        .staff()
        .iter()
        .map(|m| Person { id: m.pseudonym.clone(), role: m.role.clone() })
        .collect();
    storage.put_persons(&persons).await?;
    for member in world.staff() {
        let person = CarrierId::Person(member.pseudonym.clone());
        storage.bind(&member.tag, &person, at_ms).await?;
    }
    Ok(())
}

/// A third of what a ward owns of a class should stand ready there. Beds are made for who comes.
fn par_levels(assets: &[Asset]) -> Vec<ParLevel> {
    let mut owned: BTreeMap<(&ClassId, &WardId), u32> = BTreeMap::new();
    for asset in assets.iter().filter(|asset| asset.class.as_str() != "bed") {
        if let Some(ward) = &asset.home_ward {
            *owned.entry((&asset.class, ward)).or_default() += 1;
        }
    }
    let levels = owned.into_iter().filter(|(_, count)| *count > 2);
    levels
        .map(|((class, ward), count)| ParLevel {
            class: class.clone(),
            ward: ward.clone(),
            target: count.div_ceil(3),
            critical: count / 6,
        })
        .collect()
}

/// Says on the terminal what takes a while.
pub(super) fn progress(step: &str) {
    eprintln!("{step}");
}
