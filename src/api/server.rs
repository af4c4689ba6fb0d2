//! The listener and the router: every path, what is checked before, and what is said of unknown ones.

use super::{
    App, Config, Context, Shared, alerts, asset_registry, assets, by_hand, classes,
    error::ApiError, events, floors, guard, health, history, lookups, nearest, openapi, par,
    people, person_registry, presence, qr, registry, rejected, replay, report, session, status,
    stream, tags, zones,
};
use crate::auth::Tokens;
use axum::{
    Router,
    http::{HeaderValue, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long a stop waits for the answers that are under way.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Why HTTP can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody from outside could come in and there is no token to tell who.
    #[error(
        "http.listen is {0}, which others can reach, and there is no token: make one with \
         `spor token add`, or listen on 127.0.0.1"
    )]
    NoTokens(SocketAddr),
    /// `open` is for one's own machine only.
    #[error("http.open is true, but http.listen is {0}, which others can reach")]
    OpenToOthers(SocketAddr),
    /// Codes for phones would lead nowhere.
    #[error("http.public_url is {0:?}: it must be http:// or https:// with a host, and no more")]
    PublicUrl(String),
    /// The port is taken, or the address isn't this machine's.
    #[error("cannot listen on {address} for HTTP: {source}; set http.listen to another address")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

impl StartError {
    /// True when the configuration is wrong, not the machine's state.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Listen { .. })
    }
}

/// A bound port that nobody is served on yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    guard: guard::Guard,
}

impl Listener {
    /// Where it listens; the port is the one that was given when port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// True while everybody on this machine may see and change equipment without a token.
    #[must_use]
    pub fn is_open(&self, tokens: &Tokens) -> bool {
        self.guard.is_open(tokens)
    }
}

/// Takes the port.
///
/// # Errors
/// When others could reach it without any token, or the port isn't free.
pub async fn bind(config: &Config, tokens: &Tokens) -> Result<Listener, StartError> {
    if let Some(url) = &config.public_url
        && !is_base(url)
    {
        return Err(StartError::PublicUrl(url.clone()));
    }
    if !config.listen.ip().is_loopback() {
        if config.open {
            return Err(StartError::OpenToOthers(config.listen));
        }
        if tokens.is_empty() {
            return Err(StartError::NoTokens(config.listen));
        }
    }
    let failed = |source| StartError::Listen { address: config.listen, source };
    let tcp = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = tcp.local_addr().map_err(failed)?;
    Ok(Listener { tcp, address, guard: guard::Guard::new(config, address) })
}

fn is_base(url: &str) -> bool {
    let uri =
        url.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    uri.is_some_and(|uri| uri.host().is_some_and(|host| !host.is_empty()) && uri.path() == "/")
        && !url.ends_with('/')
        && !url.contains(['?', '#', '@'])
}

/// Serves the API and the pages of `wall` until `stop`, then ends the event streams and waits a
/// moment for the answers that are under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: Listener,
    context: Context,
    wall: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let Listener { tcp, guard, .. } = listener;
    let app = Arc::new(Shared {
        context,
        guard,
        logins: session::Logins::default(),
        hub: stream::Hub::default(),
        ways: nearest::CurrentWays::default(),
        acts_by_hand: tokio::sync::Mutex::default(),
        registry_changes: tokio::sync::Mutex::default(),
        stop: stop.clone(),
    });
    let router = router(Arc::clone(&app), wall);
    let tcp = tcp.tap_io(|connection| {
        // A frame is small and must not wait for the one before it to be acknowledged.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(tcp, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let out_of_patience = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    let served = async {
        tokio::select! {
            ended = async { served.await } => ended,
            () = out_of_patience => {
                tracing::warn!("HTTP answers under way were cut off");
                Ok(())
            }
        }
    };
    let following = registry::follow(Arc::clone(&app));
    let (ended, (), ()) = tokio::join!(served, stream::run(app), following);
    ended
}

fn router(app: App, wall: Router) -> Router {
    let (router, described) = OpenApiRouter::new()
        .routes(routes!(assets::list, asset_registry::put_many))
        .routes(routes!(assets::get, asset_registry::put, asset_registry::retire))
        .routes(routes!(asset_registry::bind, asset_registry::unbind))
        .routes(routes!(by_hand::claim, by_hand::release))
        .routes(routes!(status::get, by_hand::say, by_hand::clear))
        .routes(routes!(history::of_asset))
        .routes(routes!(qr::of_asset))
        .routes(routes!(classes::list))
        .routes(routes!(par::list))
        .routes(routes!(par::put, par::delete))
        .routes(routes!(stream::stream))
        .routes(routes!(tags::list))
        .routes(routes!(tags::get))
        .routes(routes!(history::of_tag))
        .routes(routes!(events::list))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::get))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(zones::list))
        .routes(routes!(floors::list))
        .routes(routes!(floors::get))
        .routes(routes!(people::find))
        .routes(routes!(lookups::list))
        .routes(routes!(presence::list))
        .routes(routes!(person_registry::put, person_registry::delete))
        .routes(routes!(person_registry::bind, person_registry::unbind))
        .routes(routes!(rejected::list))
        .routes(routes!(replay::get, replay::control))
        .routes(routes!(session::get, session::log_in, session::log_out))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .split_for_parts();
    let document = openapi::complete(described);
    router
        .route("/api/openapi.json", get(async move || openapi::answer(document.clone())))
        .route("/report", get(report::show))
        .with_state(Arc::clone(&app))
        .merge(wall)
        .fallback(|| async { ApiError::NotFound("page or resource") })
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(middleware::map_response(harden))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), replay::refuse_changes))
        .layer(middleware::from_fn_with_state(app, guard::check_host_and_origin))
}

/// An answer is about a moment: nobody keeps it unless its resource says so. Shown as a page of its own
/// it loads nothing; pages say what they load.
async fn harden(response: Response) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
