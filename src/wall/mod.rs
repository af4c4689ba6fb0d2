//! The pages' files, embedded in the program and served from memory: the wall display, the ward board,
//! the tags of things, and the login. They hold nothing that needs a login; what they show does.
//!
//! A page itself is never cached; everything else lies under `/ui/{build}/`, where `build` is a
//! digest of all files, and is cached for ever. Nothing of the page comes from another host.

use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write, sync::LazyLock};

#[cfg(test)]
mod tests;

/// Where a page is, and its file.
const PAGES: [(&str, &str); 5] = [
    ("/", "index.html"),
    ("/wall", "index.html"),
    ("/ward", "ward.html"),
    ("/tags", "tags.html"),
    ("/login", "login.html"),
];
/// Stands in a page where the build belongs.
const BUILD_MARK: &str = "{build}";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NEVER: HeaderValue = HeaderValue::from_static("no-store");
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

#[derive(RustEmbed)]
#[folder = "src/wall/page/"]
struct Page;

static BUILD: LazyLock<String> = LazyLock::new(digest);

/// The pages in the order of [`PAGES`], with the build in its places.
static MADE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let made = PAGES.iter().map(|(_, name)| {
        let page = Page::get(name).expect("every page is embedded at build time");
        String::from_utf8_lossy(&page.data).replace(BUILD_MARK, build())
    });
    made.collect()
});

/// What tells one version of the page from another: 16 hexadecimal digits over all of its files.
#[must_use]
pub fn build() -> &'static str {
    &BUILD
}

/// Serves the pages and the files under `/ui/{build}/`.
pub fn router() -> Router {
    let router = Router::new().route("/ui/{build}/{*path}", get(file));
    PAGES.iter().enumerate().fold(router, |router, (n, (path, _))| {
        router
            .route(path, get(async move || guarded(Html(MADE[n].as_str()).into_response(), NEVER)))
    })
}

fn digest() -> String {
    let mut names: Vec<Cow<'static, str>> = Page::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        if let Some(file) = Page::get(&name) {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(file.metadata.sha256_hash());
        }
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn file(Path((wanted, path)): Path<(String, String)>) -> Response {
    let found = if wanted == build() { Page::get(&path) } else { None };
    match found {
        Some(file) => {
            let content_type = [(header::CONTENT_TYPE, content_type(&path))];
            guarded((content_type, file.data).into_response(), FOR_EVER)
        }
        None => guarded(StatusCode::NOT_FOUND.into_response(), NEVER),
    }
}

fn guarded(mut response: Response, cache: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
