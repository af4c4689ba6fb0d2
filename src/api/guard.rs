//! Who may come in: the host name a request was sent to, the origin it comes from, the token it bears.
//!
//! A browser that was lured to another site can't reach Spor: a rebound name fails the check of
//! `Host`, a form or script of another origin can change nothing.

use super::{App, Config, error::ApiError};
use crate::auth::{Permission, Principal, Tokens};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts, uri::Authority},
    middleware::Next,
    response::Response,
};
use std::net::{IpAddr, SocketAddr};

/// What is checked of every request.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allowed_hosts: Vec<String>,
    bound: SocketAddr,
    /// Everybody may, though there are tokens; only ever true on loopback.
    open: bool,
}

impl Guard {
    pub(super) fn new(config: &Config, bound: SocketAddr) -> Self {
        let open = config.open && bound.ip().is_loopback();
        Self { allowed_hosts: config.allowed_hosts.clone(), bound, open }
    }

    /// True while everybody on this machine may see and change equipment.
    pub(super) fn is_open(&self, tokens: &Tokens) -> bool {
        self.open || (self.bound.ip().is_loopback() && tokens.is_empty())
    }

    fn serves(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return address.is_loopback()
                || address == self.bound.ip()
                || self.allowed_hosts.iter().any(|allowed| allowed == bare);
        }
        bare.eq_ignore_ascii_case("localhost")
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
    }
}

/// Refuses what was sent to a foreign name, and changes that a foreign page asks for.
pub(super) async fn check_host_and_origin(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let authority = authority_of(&request).ok_or(ApiError::Misdirected)?;
    if !app.guard.serves(authority.host()) {
        return Err(ApiError::Misdirected);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && !is_same_origin(request.headers(), &authority) {
        return Err(ApiError::CrossOrigin);
    }
    Ok(next.run(request).await)
}

fn authority_of(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    request.headers().get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Programs send no `Origin`; browsers do with everything that is not a plain read.
fn is_same_origin(headers: &HeaderMap, authority: &Authority) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or_default();
    origin
        .split_once("://")
        .is_some_and(|(_, sender)| sender.eq_ignore_ascii_case(authority.as_str()))
}

/// Who sent the request, and what that allows.
pub(super) struct Caller {
    principal: Option<Principal>,
    open: bool,
}

impl Caller {
    /// Nothing when the caller may do that.
    ///
    /// # Errors
    /// 401 without a token, 403 when its role may not.
    pub(super) fn must(&self, permission: Permission) -> Result<(), ApiError> {
        if self.open && permission.is_open() {
            return Ok(());
        }
        match &self.principal {
            Some(principal) if principal.role.may(permission) => Ok(()),
            Some(_) => Err(ApiError::Forbidden),
            None => Err(ApiError::Unauthorized("send a token: Authorization: Bearer spor_...")),
        }
    }

    /// The name of the token, for the record.
    pub(super) fn name(&self) -> &str {
        self.principal.as_ref().map_or("", |principal| &principal.name)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let tokens = &app.context.tokens;
        let open = app.guard.is_open(tokens);
        let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
            return Ok(Self { principal: None, open });
        };
        let token = value.to_str().ok().and_then(bearer);
        let principal = token.and_then(|token| tokens.verify(token));
        // A wrong token is told even where none is needed: its sender believes that it is good.
        let principal = principal.ok_or(ApiError::Unauthorized("this token is not good"))?;
        Ok(Self { principal: Some(principal), open })
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(bound: &str, allowed: &[&str]) -> Guard {
        let allowed_hosts = allowed.iter().map(ToString::to_string).collect();
        Guard { allowed_hosts, bound: bound.parse().expect("an address"), open: false }
    }

    #[test]
    fn only_our_own_names_are_served() {
        let loopback = guard("127.0.0.1:8080", &["spor.example"]);
        for ours in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "Spor.Example"] {
            assert!(loopback.serves(ours), "{ours}");
        }
        for foreign in ["evil.example", "localhost.evil.example", "10.0.0.5", ""] {
            assert!(!loopback.serves(foreign), "{foreign}");
        }
        assert!(guard("10.0.0.5:80", &[]).serves("10.0.0.5"));
    }

    #[test]
    fn a_page_of_another_origin_is_told_apart() {
        let here: Authority = "localhost:8080".parse().expect("an authority");
        let from = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            is_same_origin(&headers, &here)
        };
        assert!(is_same_origin(&HeaderMap::new(), &here));
        assert!(from("origin", "http://localhost:8080"));
        assert!(!from("origin", "http://localhost:3000"));
        assert!(!from("origin", "null"));
        assert!(!from("sec-fetch-site", "cross-site"));
        assert!(from("sec-fetch-site", "same-origin"));
    }
}
