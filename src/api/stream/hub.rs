//! The scopes that clients share, and the tick that feeds them.
//!
//! A scope's lock is held while a frame is made and sent, and while a client takes its snapshot and
//! its place in the queue: what a snapshot doesn't hold comes in the deltas after it.

use super::{
    super::{
        App,
        filter::AssetFilter,
        view::{AssetNow, Picture},
    },
    frame,
};
use crate::{
    live::Changes,
    model::{AssetId, Registry},
    site::Site,
};
use bytes::Bytes;
use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::broadcast,
    time::{Instant, sleep_until},
};

/// Frames that wait for a slow client, three seconds of them at least; one that is further behind
/// starts afresh with a snapshot.
pub(super) const FRAMES_KEPT: usize = 32;
/// Shortest and longest time between two frames of a scope.
const TICK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Making and sending frames takes one part of the time in so many at most. A smaller part would
/// never be reached where everything moves: a later frame holds more.
const SHARE: u32 = 4;
/// To one client, all told.
const SENDING: Duration = Duration::from_micros(250);
const PING: Duration = Duration::from_secs(5);
const MAX_CLIENTS: usize = 4_000;
const MAX_SCOPES: usize = 128;

/// Every scope that somebody follows.
#[derive(Default)]
pub(in super::super) struct Hub(Mutex<Scopes>);

#[derive(Default)]
struct Scopes {
    by_filter: HashMap<AssetFilter, Arc<Scope>>,
    clients: usize,
}

struct Scope {
    filter: AssetFilter,
    sender: broadcast::Sender<Bytes>,
    told: Mutex<Told>,
}

/// What the clients of a scope know.
#[derive(Default)]
struct Told {
    assets: HashSet<AssetId>,
    /// Made since the last tick, for whoever comes before the next.
    snapshot: Option<Bytes>,
    clients: usize,
}

/// A client's place in a scope; it is given up when this is dropped.
pub(super) struct Client {
    app: App,
    scope: Arc<Scope>,
    pub(super) frames: broadcast::Receiver<Bytes>,
}

impl Client {
    /// None: as many clients or scopes are open as Spor serves.
    pub(super) fn join(app: &App, filter: &AssetFilter) -> Option<Self> {
        let mut scopes = lock(&app.hub.0);
        if scopes.clients >= MAX_CLIENTS {
            return None;
        }
        if !scopes.by_filter.contains_key(filter) {
            if scopes.by_filter.len() >= MAX_SCOPES {
                return None;
            }
            let scope = Scope::new(filter.clone());
            scopes.by_filter.insert(filter.clone(), Arc::new(scope));
        }
        let scope = Arc::clone(scopes.by_filter.get(filter)?);
        lock(&scope.told).clients += 1;
        scopes.clients += 1;
        scopes.report();
        let frames = scope.sender.subscribe();
        Some(Self { app: Arc::clone(app), scope, frames })
    }

    /// A snapshot to start from; the frames that are received next follow on it.
    pub(super) fn start(&mut self, app: &App) -> Bytes {
        let mut told = lock(&self.scope.told);
        self.frames = self.scope.sender.subscribe();
        if let Some(snapshot) = &told.snapshot {
            return snapshot.clone();
        }
        self.scope.snapshot(&mut told, &Picture::now(app))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut scopes = lock(&self.app.hub.0);
        scopes.clients -= 1;
        let mut told = lock(&self.scope.told);
        told.clients -= 1;
        if told.clients == 0 {
            scopes.by_filter.remove(&self.scope.filter);
        }
        scopes.report();
    }
}

impl Scopes {
    #[allow(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn report(&self) {
        metrics::gauge!("spor_stream_clients").set(self.clients as f64);
        metrics::gauge!("spor_stream_scopes").set(self.by_filter.len() as f64);
    }
}

/// Feeds every scope until Spor stops: ten times a second, or as often as that takes a quarter of
/// a core. Waiting for a core isn't counted: a busy machine would wait longer for it.
pub(in super::super) async fn run(app: App) {
    let mut seen = Seen::now(&app);
    let mut ping_at = Instant::now() + PING;
    let mut next = Instant::now() + TICK.0;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = sleep_until(next) => {}
        }
        let begun = Instant::now();
        let ping = begun >= ping_at;
        if ping {
            ping_at = begun + PING;
        }
        let worked = cpu_time();
        seen.tick(&app, ping);
        let took = cpu_time().saturating_sub(worked);
        let clients = u32::try_from(lock(&app.hub.0).clients).unwrap_or(u32::MAX);
        next = begun + pause(took, clients);
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// From one tick, which took so long, to the next.
fn pause(took: Duration, clients: u32) -> Duration {
    let work = took.saturating_add(SENDING.saturating_mul(clients));
    work.saturating_mul(SHARE).clamp(TICK.0, TICK.1)
}

/// Up to where the scopes were fed.
struct Seen {
    version: u64,
    registry: Arc<Registry>,
    site: Arc<Site>,
}

impl Seen {
    fn now(app: &App) -> Self {
        let version = app.context.live.tags.version();
        let registry = app.context.registry.load_full();
        Self { version, registry, site: app.context.site.load_full() }
    }

    fn tick(&mut self, app: &App, ping: bool) {
        if lock(&app.hub.0).by_filter.is_empty() {
            *self = Self::now(app);
            return;
        }
        let picture = Picture::now(app);
        // The changes come before the list of scopes: a scope that opens in between has them in
        // its first snapshot.
        let (version, changes) = app.context.live.tags.changed_since(self.version);
        let scopes: Vec<_> = lock(&app.hub.0).by_filter.values().cloned().collect();
        let is_rebuilt = !Arc::ptr_eq(&self.site, &picture.site);
        let afresh =
            is_rebuilt || changes.incomplete || !Arc::ptr_eq(&self.registry, &picture.registry);
        let hello = is_rebuilt.then(|| frame::hello(app));
        let changed = if afresh { Vec::new() } else { changed_assets(&picture, changes) };
        let ping = ping.then(|| frame::ping(&picture));
        let mut longest = 0;
        for scope in scopes {
            let mut told = lock(&scope.told);
            if let Some(hello) = &hello {
                scope.send(hello.clone());
            }
            if afresh {
                told.assets.clear();
                let snapshot = scope.snapshot(&mut told, &picture);
                scope.send(snapshot);
            } else {
                scope.delta(&mut told, &changed, &picture);
            }
            if let Some(ping) = &ping {
                scope.send(ping.clone());
            }
            longest = longest.max(scope.sender.len());
        }
        #[allow(clippy::cast_precision_loss, reason = "at most FRAMES_KEPT")]
        metrics::gauge!("spor_queue_depth", "queue" => "stream").set(longest as f64);
        *self = Self { version, registry: picture.registry, site: picture.site };
    }
}

/// An asset of which something changed; its row is made when the first scope wants it.
struct Changed {
    now: AssetNow,
    row: OnceCell<String>,
}

fn changed_assets(picture: &Picture<'_>, changes: Changes) -> Vec<Changed> {
    let new = |now| Changed { now, row: OnceCell::new() };
    let moved = changes.states.into_iter().filter_map(|state| {
        let asset = Arc::clone(picture.registry.asset_of(&state.tag)?);
        Some(new(AssetNow { asset, tag: Some(state.tag.clone()), state: Some(state) }))
    });
    let removed = changes.removed.iter().filter_map(|tag| {
        let asset = Arc::clone(picture.registry.asset_of(tag)?);
        Some(new(AssetNow { asset, tag: Some(tag.clone()), state: None }))
    });
    moved.chain(removed).collect()
}

impl Scope {
    fn new(filter: AssetFilter) -> Self {
        Self { filter, sender: broadcast::Sender::new(FRAMES_KEPT), told: Mutex::default() }
    }

    /// Encodes every asset of the scope, for the clients that come until the next tick.
    fn snapshot(&self, told: &mut Told, picture: &Picture<'_>) -> Bytes {
        let mut rows = Vec::new();
        for asset in picture.registry.assets.values() {
            let now = picture.asset_now(asset);
            if self.filter.admits(&now, picture) {
                rows.push(frame::row(&now, picture.now_ms));
                // Added to, not replaced: others still know what this snapshot doesn't hold.
                told.assets.insert(asset.id.clone());
            }
        }
        let snapshot = frame::snapshot(rows.iter().map(String::as_str), picture.now_ms);
        told.snapshot = Some(snapshot.clone());
        snapshot
    }

    fn delta(&self, told: &mut Told, changed: &[Changed], picture: &Picture<'_>) {
        told.snapshot = None;
        let mut rows = Vec::new();
        let mut gone = Vec::new();
        for Changed { now, row } in changed {
            if self.filter.admits(now, picture) {
                rows.push(row.get_or_init(|| frame::row(now, picture.now_ms)).as_str());
                if !told.assets.contains(&now.asset.id) {
                    told.assets.insert(now.asset.id.clone());
                }
            } else if told.assets.remove(&now.asset.id) {
                gone.push(now.asset.id.clone());
            }
        }
        if !rows.is_empty() || !gone.is_empty() {
            self.send(frame::delta(rows.into_iter(), &gone, picture.now_ms));
        }
    }

    fn send(&self, frame: Bytes) {
        // An error says that nobody listens just now; the scope is about to close.
        let _ = self.sender.send(frame);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder leaves what is behind the lock whole, whatever happens after.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_clients_hear_ten_times_a_second_and_a_thousand_once() {
        let took = Duration::from_millis(2);
        assert_eq!(pause(took, 20), Duration::from_millis(100));
        assert_eq!(pause(took, 1_000), Duration::from_secs(1));
        assert_eq!(pause(Duration::from_millis(40), 0), Duration::from_millis(160));
    }
}
