//! A small hospital behind a served API: two floors, a few things, one porter.

use super::super::{Config, Context, Health, Trouble, bind, serve};
use crate::{
    auth::{Role, Tokens},
    ingest::Rejections,
    live::{Live, Place, TagState},
    model::{
        Asset, AssetId, Basis, Carrier, Origin, Person, PersonId, Registry, Status, StatusNow,
        TagId, ZoneId,
    },
    site::Site,
    storage::Storage,
};
use arc_swap::ArcSwap;
use axum::Router;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A served API and what it shows.
pub(in crate::api) struct World {
    pub(in crate::api) url: String,
    pub(in crate::api) live: Arc<Live>,
    pub(in crate::api) registry: Arc<ArcSwap<Registry>>,
    pub(in crate::api) troubles: Arc<Mutex<Vec<Trouble>>>,
    pub(in crate::api) stop: CancellationToken,
    pub(in crate::api) served: JoinHandle<std::io::Result<()>>,
    pub(in crate::api) tokens: HashMap<Role, String>,
    client: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Open to everybody on this machine, with a coordinator's token besides, as the demo is.
    pub(in crate::api) async fn open() -> Self {
        Self::new(Config { open: true, ..config() }, &[Role::Coordinator]).await
    }

    /// A token for each role, and nothing without one.
    pub(in crate::api) async fn closed() -> Self {
        Self::new(config(), &Role::ALL).await
    }

    pub(in crate::api) async fn new(config: Config, roles: &[Role]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Tokens::open(folder.path()).unwrap();
        let tokens = roles.iter().map(|&role| (role, keys.add(role.as_str(), role).unwrap()));
        let tokens = tokens.collect();
        let live = Arc::new(Live::new());
        let storage = super::storage::open().await;
        fill(&storage).await;
        let registry = Arc::new(ArcSwap::from_pointee(storage.registry().await.unwrap()));
        let troubles: Arc<Mutex<Vec<Trouble>>> = Arc::default();
        let told = Arc::clone(&troubles);
        let context = Context {
            site: Arc::new(site()),
            live: Arc::clone(&live),
            registry: Arc::clone(&registry),
            storage,
            tokens: Arc::new(keys),
            rejected: Rejections::default(),
            health: Arc::new(move || Health { troubles: told.lock().unwrap().clone() }),
            metrics: Arc::new(|| "spor_storage_up 1\n".to_owned()),
            build: "b1".to_owned(),
        };
        let listener = bind(&config, &context.tokens).await.unwrap();
        let url = format!("http://{}", listener.local_addr());
        let stop = CancellationToken::new();
        let wall = Router::new().route("/wall", axum::routing::get(|| async { "a wall" }));
        let served = tokio::spawn(serve(listener, context, wall, stop.clone()));
        let client = reqwest::Client::new();
        Self { url, live, registry, troubles, stop, served, tokens, client, folder }
    }

    /// Asks without a token.
    pub(in crate::api) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, None, None).await
    }

    pub(in crate::api) async fn get_as(&self, role: Role, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, Some(role), None).await
    }

    pub(in crate::api) async fn ask(
        &self,
        method: Method,
        path: &str,
        role: Option<Role>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(role) = role {
            request = request.bearer_auth(&self.tokens[&role]);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        if status.as_u16() >= 400 && status != StatusCode::SERVICE_UNAVAILABLE {
            let problem: Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!(problem["status"], status.as_u16(), "no problem document: {text}");
        }
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(in crate::api) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// The tag was seen a moment ago in the middle of a room.
    pub(in crate::api) fn seen(&self, name: &str, room: &str) {
        let state = placed(name, room);
        let worn = self.registry.load().is_worn(&state.tag);
        if worn { self.live.people.put(state) } else { self.live.tags.put(state) }
    }

    /// The asset's tag says that it is available.
    pub(in crate::api) fn available(&self, name: &str) {
        self.live.tags.update(&tag(name), |state| {
            let rule = "room:storage".to_owned();
            let basis = Basis::Inferred;
            let status = Status::Available;
            state.status = Some(StatusNow { status, since_ms: 1_000, basis, rule });
        });
    }

    /// Makes a token as `spor token add` does, in another process.
    pub(in crate::api) fn add_token(&self, name: &str, role: Role) {
        Tokens::open(self.folder.path()).unwrap().add(name, role).unwrap();
    }

    /// Ends the server as Ctrl-C does.
    pub(in crate::api) async fn end(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
    }
}

pub(in crate::api) fn tag(name: &str) -> TagId {
    TagId::new(name).unwrap()
}

pub(in crate::api) fn config() -> Config {
    Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() }
}

fn placed(name: &str, room: &str) -> TagState {
    let now_ms = super::super::view::now_ms();
    let room = ZoneId::new(room).unwrap();
    let (x_m, y_m, floor) = site().centre(&room).unwrap();
    let place = Place {
        x_m,
        y_m,
        floor,
        accuracy_m: 0.8,
        zone: Some(room),
        entered_ms: now_ms - 60_000,
        seen_ms: now_ms,
        received_ms: now_ms,
        origin: Origin::Tag,
    };
    TagState { place: Some(place), ..TagState::new(tag(name)) }
}

/// Pumps 1 to 3 with tags `t1` to `t3`, a bed without one, and the porter `P-1` with `badge`.
async fn fill(storage: &Storage) {
    let asset = |id: &str, label: &str, class: &str, ward: Option<&str>| Asset {
        id: AssetId::new(id).unwrap(),
        label: label.to_owned(),
        class: class.parse().unwrap(),
        home_ward: ward.map(|ward| ward.parse().unwrap()),
    };
    let assets = [
        asset("pump-1", "Infusion pump 1", "infusion-pump", Some("W1")),
        asset("pump-2", "Infusion pump 2", "infusion-pump", Some("W1")),
        asset("pump-3", "Infusion pump 3", "infusion-pump", None),
        asset("bed-1", "Bed 1", "bed", Some("W2")),
    ];
    storage.put_assets(&assets).await.unwrap();
    let person = Person { id: PersonId::new("P-1").unwrap(), role: "porter".parse().unwrap() };
    storage.put_person(&person).await.unwrap();
    for (n, asset) in assets.into_iter().take(3).enumerate() {
        let carrier = Carrier::Asset(Arc::new(asset));
        storage.bind(&tag(&format!("t{}", n + 1)), &carrier, 1_000).await.unwrap();
    }
    let carrier = Carrier::Person(Arc::new(person));
    storage.bind(&tag("badge"), &carrier, 1_000).await.unwrap();
}

/// Ground floor: `store` and `ward` of W1 side by side, each 10 m square; floor 1: `upper` of W2
/// over `store`. The zone `near-store` covers the store's western half.
fn site() -> Site {
    let square = |x: f64, width: f64| {
        let e = x + width;
        serde_json::json!({ "type": "Polygon",
            "coordinates": [[[x, 0.0], [e, 0.0], [e, 10.0], [x, 10.0], [x, 0.0]]] })
    };
    let room = |id: &str, x: f64, floor: i16, kind: &str, name: &str, ward: &str| {
        serde_json::json!({ "type": "Feature", "id": id, "geometry": square(x, 10.0),
            "properties": { "feature": "room", "floor": floor, "kind": kind, "name": name,
                "ward": ward } })
    };
    let fence = serde_json::json!({ "type": "Feature", "id": "near-store",
        "geometry": square(0.0, 6.0),
        "properties": { "feature": "zone", "floor": 0, "name": "Western half" } });
    let file = serde_json::json!({
        "type": "FeatureCollection", "format": "spor-site/1", "crs": "local", "name": "Test",
        "time_zone": "Europe/Copenhagen",
        "floors": [{ "number": 0, "label": "G" }, { "number": 1, "label": "1" }],
        "features": [
            room("store", 0.0, 0, "storage", "Equipment store", "W1"),
            room("ward", 10.0, 0, "patient", "Room 12", "W1"),
            room("upper", 0.0, 1, "patient", "Room 101", "W2"),
            fence,
        ],
    });
    Site::parse(&file.to_string()).unwrap()
}
