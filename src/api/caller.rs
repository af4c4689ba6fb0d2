//! Who asks: the bearer of a token, somebody who logged in, or anybody while Spor is open.

use super::{App, Shared, error::ApiError, guard, session};
use crate::{
    auth::{Permission, Principal, Scope},
    clock::now_ms,
};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

/// Who sent the request, and what that allows.
pub(super) struct Caller {
    principal: Option<Principal>,
    proof: Proof,
    open: bool,
}

/// How one knows.
enum Proof {
    None,
    Token(String),
    /// What the browser's cookie holds.
    Session(String),
}

/// What somebody sees who has shown nothing: everything, where that is open at all.
static EVERYTHING: Scope = Scope { wards: Vec::new(), floors: Vec::new(), classes: Vec::new() };

impl Caller {
    /// Nothing when the caller may do that.
    ///
    /// # Errors
    /// 401 without a token, 403 when its role may not.
    pub(super) fn must(&self, permission: Permission) -> Result<(), ApiError> {
        if self.may(permission) {
            return Ok(());
        }
        match &self.principal {
            Some(_) => Err(ApiError::Forbidden),
            None => Err(ApiError::Unauthorized(
                "log in at /login, or send a token: Authorization: Bearer spor_...",
            )),
        }
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        (self.open && permission.is_open())
            || self.principal.as_ref().is_some_and(|principal| principal.role.may(permission))
    }

    /// The name of the token, for the record.
    pub(super) fn name(&self) -> &str {
        self.principal.as_ref().map_or("", |principal| &principal.name)
    }

    /// Who it is; none: nobody who said so.
    pub(super) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// What of the equipment may be seen.
    pub(super) fn scope(&self) -> &Scope {
        self.principal.as_ref().map_or(&EVERYTHING, |principal| &principal.scope)
    }

    /// What the browser holds; none: it came in by a token, or as anybody.
    pub(super) fn session(&self) -> Option<&str> {
        match &self.proof {
            Proof::Session(secret) => Some(secret),
            Proof::None | Proof::Token(_) => None,
        }
    }

    /// True while what let the caller in still would, as the same: it is asked of what goes on for long.
    pub(super) fn is_still_let_in(&self, shared: &Shared) -> bool {
        let tokens = &shared.context.tokens;
        let now = match &self.proof {
            Proof::None => return !self.open || shared.guard.is_open(tokens),
            Proof::Token(token) => tokens.verify(token),
            Proof::Session(secret) => bearer_of(shared, secret),
        };
        now == self.principal
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let tokens = &app.context.tokens;
        let open = app.guard.is_open(tokens);
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer);
            let known = token.and_then(|token| Some((tokens.verify(token)?, token.to_owned())));
            // A wrong token is told even where none is needed: its sender believes that it is good.
            let (principal, token) =
                known.ok_or(ApiError::Unauthorized("this token is not good"))?;
            return Ok(Self { principal: Some(principal), proof: Proof::Token(token), open });
        }
        // A browser goes on sending a cookie that has ended: then it is anybody's.
        let session = session::cookies(&parts.headers)
            .find_map(|secret| Some((bearer_of(app, secret)?, secret.to_owned())));
        let Some((principal, secret)) = session else {
            return Ok(Self { principal: None, proof: Proof::None, open });
        };
        // A cookie goes along with whatever any page asks for, so the browser must say which page it was.
        if !guard::reads(&parts.method) && !guard::names_its_origin(&parts.headers) {
            return Err(ApiError::CrossOrigin);
        }
        Ok(Self { principal: Some(principal), proof: Proof::Session(secret), open })
    }
}

/// Who logged in with it, as the token that it was begun with says now.
fn bearer_of(shared: &Shared, secret: &str) -> Option<Principal> {
    let held = shared.context.sessions.find(secret, now_ms())?;
    shared.context.tokens.bearer(&held.name, &held.key)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
