//! `/api/v1/session`: a person logs in by name and password, a screen by a code that is good once, and
//! the browser keeps a cookie that no script can read.

use super::{
    App,
    error::ApiError,
    extract::InBody,
    guard::{Caller, is_loopback_name},
    view::rfc3339,
};
use crate::{
    auth::{AuthError, Grant, Permission, Principal, Role, Scope},
    clock::now_ms,
};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use utoipa::ToSchema;

const COOKIE: &str = "spor_session";
/// A long shift.
const PERSONS_MS: i64 = 12 * 3_600_000;
/// As long as browsers keep a cookie; it is prolonged each day that the wall is on.
const WALLS_MS: i64 = 400 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// Longest name, password or token, and code, bytes.
const LONGEST: usize = 200;
/// Passwords that are checked at once, so that guessing never takes the machine.
const CHECKS_AT_ONCE: usize = 2;

/// What failed of late, and how many passwords are being checked.
pub(super) struct Logins {
    attempts: crate::auth::Attempts,
    checks: tokio::sync::Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        let checks = tokio::sync::Semaphore::new(CHECKS_AT_ONCE);
        Self { attempts: crate::auth::Attempts::default(), checks }
    }
}

/// Name and password, or a token in place of the password, or a code alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "anna", "password": "correct horse"}))]
pub(super) struct LoginBody {
    /// Who; not needed with a token or a code.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// The password, or a token.
    #[schema(max_length = 200)]
    password: Option<String>,
    /// What `spor token enroll` printed; good once.
    #[schema(max_length = 200)]
    code: Option<String>,
}

/// Who asks, and what that allows.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "name": "anna", "role": "porter", "may": ["see_equipment", "trace", "handle"], "open": false,
    "wards": [], "floors": [], "classes": [], "until": "2026-11-22T20:00:00Z"
}))]
pub(super) struct SessionView {
    /// The name of the token or person; null: anybody.
    name: Option<String>,
    /// Its role.
    role: Option<&'static str>,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    may: Vec<Permission>,
    /// True while everybody on this machine may see and change equipment.
    open: bool,
    /// A wall sees what is in these wards, what is theirs, and the shared pool; none: of all.
    wards: Vec<String>,
    /// A wall sees what is on these floors; none: on all.
    floors: Vec<i16>,
    /// A wall sees these classes; none: all.
    classes: Vec<String>,
    /// When the login ends; null: there is none.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// Logs in. The answer sets a cookie, `HttpOnly` and `SameSite=Strict`, over HTTPS `Secure`.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", operation_id = "log_in", security(()),
    request_body = LoginBody,
    responses(
        (status = 200, description = "Logged in", body = SessionView),
        (status = 401, description = "Name, password or code is wrong, or the code was used",
            body = super::error::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The password would go over the network in clear",
            body = super::error::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures; `Retry-After` says how long to wait",
            body = super::error::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn log_in(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    InBody(body): InBody<LoginBody>,
) -> Result<Response, ApiError> {
    let secure = is_encrypted(&headers);
    if !secure && !app.guard.plain_logins && !is_on_this_machine(&headers) {
        return Err(ApiError::LoginNeedsHttps);
    }
    let wanted = Wanted::of(body)?;
    let (address, who) = (peer.ip(), wanted.who().to_owned());
    let attempts = &app.logins.attempts;
    attempts.begin(address, &who, Instant::now()).map_err(|wait| {
        tracing::warn!(%address, "too many failed logins");
        ApiError::TooManyFailures(wait)
    })?;
    let Some(grant) = granted(&app, wanted).await? else {
        metrics::counter!("spor_logins_total", "result" => "refused").increment(1);
        return Err(ApiError::WrongLogin);
    };
    attempts.succeeded(address, &who);
    metrics::counter!("spor_logins_total", "result" => "let_in").increment(1);
    let until_ms = now_ms() + lasts_ms(grant.principal.role);
    let sessions = app.context.sessions.clone();
    let begun = grant.clone();
    let secret = on_disk(move || sessions.begin(&begun, now_ms(), until_ms)).await?;
    tracing::info!(name = grant.principal.name, role = grant.principal.role.as_str(), "logged in");
    let view = view(&app, Some(&grant.principal), Some(until_ms));
    Ok((set_cookie(&secret, lasts_ms(grant.principal.role), secure), Json(view)).into_response())
}

/// Who asks, and what that allows. A wall's login is prolonged by it.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session", operation_id = "who_am_i",
    responses((status = 200, description = "Who asks", body = SessionView)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some((secret, principal)) = caller.session().zip(caller.principal()) else {
        return Ok(Json(view(&app, caller.principal(), None)).into_response());
    };
    let now_ms = now_ms();
    let held = app.context.sessions.find(secret, now_ms);
    let until_ms = held.as_ref().map(|held| held.until_ms);
    let is_due = held.is_some_and(|held| now_ms - held.begun_ms > DAY_MS);
    if principal.role != Role::Wall || !is_due {
        return Ok(Json(view(&app, Some(principal), until_ms)).into_response());
    }
    let (sessions, prolonged) = (app.context.sessions.clone(), secret.to_owned());
    let until_ms = now_ms + WALLS_MS;
    on_disk(move || sessions.prolong(&prolonged, now_ms, until_ms)).await?;
    let cookie = set_cookie(secret, WALLS_MS, is_encrypted(&headers));
    Ok((cookie, Json(view(&app, Some(principal), Some(until_ms)))).into_response())
}

/// Logs out.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", operation_id = "log_out",
    responses((status = 204, description = "Nobody is logged in here any more")),
)]
pub(super) async fn log_out(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(secret) = caller.session() {
        let (sessions, secret) = (app.context.sessions.clone(), secret.to_owned());
        on_disk(move || sessions.end(&secret, now_ms())).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie("", 0, is_encrypted(&headers))).into_response())
}

/// What the cookies of a request hold, were it a session.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

/// What somebody shows to be let in.
enum Wanted {
    Person { name: String, password: String },
    Token(String),
    Code(String),
}

impl Wanted {
    fn of(LoginBody { name, password, code }: LoginBody) -> Result<Self, ApiError> {
        for (field, text) in [("name", &name), ("password", &password), ("code", &code)] {
            if text.as_ref().is_some_and(|text| text.len() > LONGEST) {
                return Err(ApiError::invalid(field, format!("must be at most {LONGEST} bytes")));
            }
        }
        match (name, password, code) {
            (None, None, Some(code)) => Ok(Self::Code(code)),
            (_, Some(token), None) if token.starts_with("spor_") => Ok(Self::Token(token)),
            (Some(name), Some(password), None) => Ok(Self::Person { name, password }),
            _ => Err(ApiError::invalid("body", "must have name and password, or a code alone")),
        }
    }

    /// Whose failures are counted together.
    fn who(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::Token(_) => "a token",
            Self::Code(_) => "a code",
        }
    }
}

async fn granted(app: &App, wanted: Wanted) -> Result<Option<Grant>, ApiError> {
    let tokens = app.context.tokens.clone();
    match wanted {
        Wanted::Token(token) => Ok(tokens.grant(&token)),
        Wanted::Code(code) => on_disk(move || tokens.redeem(&code)).await,
        Wanted::Person { name, password } => {
            let _turn = app.logins.checks.acquire().await.map_err(|_| ApiError::Internal)?;
            on_disk(move || Ok(tokens.log_in(&name, &password))).await
        }
    }
}

/// Runs what writes a file or hashes a password where it delays no socket.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuthError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)?;
    done.map_err(|error| {
        tracing::error!(%error, "a login or logout failed");
        ApiError::Internal
    })
}

fn lasts_ms(role: Role) -> i64 {
    if role == Role::Wall { WALLS_MS } else { PERSONS_MS }
}

fn view(app: &App, principal: Option<&Principal>, until_ms: Option<i64>) -> SessionView {
    let open = app.guard.is_open(&app.context.tokens);
    // A replay takes no changes, whoever asks.
    let only_reads = app.context.replay.is_some();
    let may = |permission: &Permission| {
        let granted =
            open && permission.is_open() || principal.is_some_and(|who| who.role.may(*permission));
        granted && !(only_reads && permission.is_change())
    };
    let scope = principal.map_or_else(Scope::default, |who| who.scope.clone());
    SessionView {
        name: principal.map(|who| who.name.clone()),
        role: principal.map(|who| who.role.as_str()),
        may: Permission::ALL.into_iter().filter(may).collect(),
        open,
        wards: scope.wards.iter().map(ToString::to_string).collect(),
        floors: scope.floors,
        classes: scope.classes.iter().map(ToString::to_string).collect(),
        until: until_ms.map(rfc3339),
    }
}

fn set_cookie(secret: &str, lasts_ms: i64, secure: bool) -> [(header::HeaderName, HeaderValue); 1] {
    let lasts = Duration::from_millis(lasts_ms.unsigned_abs()).as_secs();
    let secure = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={secret}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}");
    let value = HeaderValue::from_str(&cookie).expect("hexadecimal digits and plain words");
    [(header::SET_COOKIE, value)]
}

/// True when the browser reached Spor over HTTPS: it says so itself, or the proxy in between does.
pub(super) fn is_encrypted(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    text("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
        || text("origin").is_some_and(|origin| origin.starts_with("https://"))
}

/// True when the request was sent to a name of this machine: then it crossed no network.
fn is_on_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok());
    authority.is_some_and(|authority| is_loopback_name(authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let sent = headers(&[("cookie", "a=1; spor_session=abc;spor_session=; xspor_session=no")]);
        assert_eq!(cookies(&sent).collect::<Vec<_>>(), ["abc"]);
    }

    #[test]
    fn what_came_over_https_is_told_by_the_browser_or_the_proxy() {
        assert!(is_encrypted(&headers(&[("origin", "https://spor.example")])));
        assert!(is_encrypted(&headers(&[("x-forwarded-proto", "https")])));
        assert!(!is_encrypted(&headers(&[("origin", "http://spor.example")])));
        for here in ["localhost:8080", "127.0.0.1:80", "[::1]:80"] {
            assert!(is_on_this_machine(&headers(&[("host", here)])), "{here}");
        }
        assert!(!is_on_this_machine(&headers(&[("host", "10.0.0.5:8080")])));
    }

    #[test]
    fn what_is_shown_is_one_thing() {
        let body = |name: Option<&str>, password: Option<&str>, code: Option<&str>| LoginBody {
            name: name.map(str::to_owned),
            password: password.map(str::to_owned),
            code: code.map(str::to_owned),
        };
        assert!(matches!(Wanted::of(body(None, Some("spor_x"), None)), Ok(Wanted::Token(_))));
        assert!(matches!(Wanted::of(body(None, None, Some("A"))), Ok(Wanted::Code(_))));
        assert!(matches!(Wanted::of(body(Some("a"), Some("b"), None)), Ok(Wanted::Person { .. })));
        for wrong in [
            body(None, None, None),
            body(None, Some("b"), None),
            body(Some("a"), None, None),
            body(Some("a"), Some("b"), Some("c")),
        ] {
            assert!(Wanted::of(wrong).is_err());
        }
    }
}
