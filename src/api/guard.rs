//! What may come in: the host name a request was sent to, the origin it comes from.
//!
//! A browser that was lured to another site can't reach Spor: a rebound name fails the check of
//! `Host`, a form or script of another origin can change nothing.

pub(super) use super::caller::Caller;
use super::{App, Config, error::ApiError};
use crate::auth::Tokens;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Uri, header, uri::Authority},
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
    /// Passwords may go over the network in clear.
    pub(super) plain_logins: bool,
    /// Where phones reach this server; none: where the asker does.
    pub(super) public_url: Option<String>,
}

impl Guard {
    pub(super) fn new(config: &Config, bound: SocketAddr) -> Self {
        let open = config.open && bound.ip().is_loopback();
        let plain_logins = config.plain_logins;
        let public_url = config.public_url.clone();
        let public_host = public_url
            .as_deref()
            .and_then(|url| url.parse::<Uri>().ok()?.host().map(str::to_owned));
        let allowed_hosts = config.allowed_hosts.iter().cloned().chain(public_host).collect();
        Self { allowed_hosts, bound, open, plain_logins, public_url }
    }

    /// True while everybody on this machine may see and change equipment.
    pub(super) fn is_open(&self, tokens: &Tokens) -> bool {
        self.open || (self.bound.ip().is_loopback() && tokens.is_empty())
    }

    fn serves(&self, host: &str) -> bool {
        let bare = bare(host);
        is_loopback_name(host)
            || bare.parse().is_ok_and(|address: IpAddr| address == self.bound.ip())
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
    }
}

/// True for the names that only this machine calls itself by.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let bare = bare(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.')
}

/// True for a request that changes nothing.
pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// True when the browser says which page asks; that it is one of ours was checked before.
pub(super) fn names_its_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
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
    if !reads(request.method()) && !is_same_origin(request.headers(), &authority) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(bound: &str, allowed: &[&str]) -> Guard {
        let allowed_hosts = allowed.iter().map(ToString::to_string).collect();
        let bound = bound.parse().expect("an address");
        Guard { allowed_hosts, bound, open: false, plain_logins: false, public_url: None }
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
    fn a_browser_that_says_nothing_of_its_page_is_not_believed() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            names_its_origin(&headers)
        };
        assert!(with("origin", "http://localhost:8080") && with("sec-fetch-site", "same-origin"));
        assert!(!with("sec-fetch-site", "none") && !with("accept", "*/*"));
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
