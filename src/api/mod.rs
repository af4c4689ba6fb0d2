//! The HTTP interface: REST under `/api/v1`, server-sent events, health, metrics, and the wall
//! display's pages beside them. What is asked about *now* is answered from memory alone.
//!
//! A tag that a person wears appears nowhere but under `/api/v1/people`.

#![allow(unused_qualifications, reason = "utoipa's macros write paths in full")]

mod alerts;
mod asset_registry;
mod assets;
mod by_hand;
mod caller;
mod classes;
mod error;
mod events;
mod expected;
mod extract;
mod fetch;
mod filter;
mod floors;
mod guard;
mod health;
mod history;
mod lookups;
mod nearest;
mod openapi;
mod page;
mod par;
mod people;
mod person_registry;
mod presence;
mod qr;
mod registry;
mod rejected;
mod replay;
mod report;
mod search;
mod server;
mod session;
mod status;
mod stream;
mod tags;
mod view;
mod zones;

pub use health::{Health, Trouble};
pub use server::{Listener, StartError, bind, serve};

/// Frames of the event stream, open so that they can be measured alone.
pub mod frames {
    pub use super::{
        stream::{delta, row},
        view::AssetNow,
    };
}

use crate::{
    auth::{Sessions, Tokens},
    ingest::Rejections,
    live::Live,
    model::{ByHand, Registry},
    replay::Controls,
    site::Site,
    storage::Storage,
    utilisation::{Expectations, Rules},
};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use std::{net::SocketAddr, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The section `http` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names that requests may be sent to, besides this machine's own.
    pub allowed_hosts: Vec<String>,
    /// Everybody on this machine may see and change equipment without a token, though there are
    /// tokens; on loopback only. Where people are is never open.
    pub open: bool,
    /// Persons may log in over plain HTTP, also from other machines: their passwords go in clear.
    pub plain_logins: bool,
    /// The address that phones reach Spor at, e.g. `https://spor.example`, for the codes that walls
    /// show them; none: the one that the wall itself uses.
    pub public_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            allowed_hosts: Vec::new(),
            open: false,
            plain_logins: false,
            public_url: None,
        }
    }
}

/// Puts an act into the journal; gives back its place once it is on disk, none when it can't be kept.
pub type PutByHand = Arc<dyn Fn(&ByHand) -> BoxFuture<'static, Option<u64>> + Send + Sync>;

/// What the API shows.
#[derive(Clone)]
pub struct Context {
    /// The building, as it is now.
    pub site: Arc<ArcSwap<Site>>,
    /// The rules from which statuses follow, as they are now.
    pub rules: Arc<ArcSwap<Rules>>,
    /// What the past says of when things will be free.
    pub expectations: Arc<ArcSwap<Expectations>>,
    /// Where everything is now.
    pub live: Arc<Live>,
    /// Who carries which tag.
    pub registry: Arc<ArcSwap<Registry>>,
    /// Makes a changed registry known to everybody.
    pub announce: Arc<dyn Fn(Registry) + Send + Sync>,
    /// Keeps what somebody does by hand.
    pub by_hand: PutByHand,
    /// What is remembered.
    pub storage: Storage,
    /// Who may ask.
    pub tokens: Arc<Tokens>,
    /// Who is logged in.
    pub sessions: Arc<Sessions>,
    /// The last refused messages of each reason.
    pub rejected: Rejections,
    /// What is wrong now.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
    /// What time it is here, milliseconds since the Unix epoch: the machine's, or the replay's.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// The replay that is shown; none: this is live.
    pub replay: Option<Controls>,
    /// The metrics in Prometheus' text form.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What tells one version of the pages from another.
    pub build: String,
}

/// What every handler is given.
struct Shared {
    context: Context,
    guard: guard::Guard,
    logins: session::Logins,
    hub: stream::Hub,
    ways: nearest::CurrentWays,
    /// Held while the registry changes, so that pictures of it replace each other in order.
    registry_changes: tokio::sync::Mutex<()>,
    /// Held while somebody acts by hand, so that an answer tells what became of that act.
    acts_by_hand: tokio::sync::Mutex<()>,
    /// Ends the event streams, which would keep the server waiting for ever.
    stop: CancellationToken,
}

type App = Arc<Shared>;
