//! What is promised of the page's files, and of how they are served.

#![allow(clippy::unwrap_used)]

use super::*;
use std::collections::{BTreeMap, BTreeSet};

async fn get(path: &str) -> (StatusCode, header::HeaderMap, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, router()).await });
    let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.text().await.unwrap();
    server.abort();
    (status, headers, body)
}

fn files() -> Vec<(String, String)> {
    Page::iter()
        .map(|name| {
            let text = String::from_utf8(Page::get(&name).unwrap().data.into_owned()).unwrap();
            (name.into_owned(), text)
        })
        .collect()
}

/// The files that are pages, by name.
fn pages() -> Vec<(String, String)> {
    files().into_iter().filter(|(name, _)| name.ends_with(".html")).collect()
}

/// A page's script and all that it imports.
fn modules_of(page: &str) -> BTreeSet<String> {
    let scripts = attributes(page, "src").into_iter();
    let mut waiting: Vec<String> =
        scripts.filter_map(|src| Some(src.strip_prefix("/ui/{build}/")?.to_owned())).collect();
    let mut modules = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if modules.insert(name.clone()) {
            let text = text_of(&name);
            waiting.extend(
                text.split(" from './")
                    .skip(1)
                    .filter_map(|rest| Some(rest.split_once('\'')?.0.to_owned())),
            );
        }
    }
    modules
}

fn text_of(name: &str) -> String {
    files().into_iter().find(|(n, _)| n == name).unwrap().1
}

/// All `attribute="value"` of a page.
fn attributes<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    page.split(&mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn language(name: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&text_of(&format!("languages/{name}.json"))).unwrap()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn the_page_is_never_cached_and_its_files_for_ever() {
    for (path, script) in [
        ("/", "main"),
        ("/wall?ward=C1&lang=da", "main"),
        ("/ward?ward=C1", "ward"),
        ("/tags", "tags"),
        ("/login?code=A", "login"),
    ] {
        let (status, headers, body) = get(path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(body.contains(&format!("/ui/{}/{script}.js", build())));
        assert!(!body.contains(BUILD_MARK));
    }
    let (status, headers, _) = get(&format!("/ui/{}/languages/da.json", build())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn nothing_from_outside_is_allowed_in() {
    for path in ["/", &format!("/ui/{}/main.js", build()), "/ui/none/main.js"] {
        let (_, headers, _) = get(path).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
    }
}

#[tokio::test]
async fn another_build_or_file_is_not_found_and_not_remembered() {
    let build = build();
    for path in [
        "/ui/0000000000000000/main.js",
        &format!("/ui/{build}/nothing.js"),
        &format!("/ui/{build}/%2e%2e%2fmod.rs"),
    ] {
        let (status, headers, _) = get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[test]
fn the_build_is_a_digest_of_all_files() {
    assert_eq!(build().len(), 16);
    assert!(build().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(build(), digest());
}

#[test]
fn the_page_and_its_modules_refer_only_to_files_that_exist() {
    let names: BTreeSet<String> = Page::iter().map(Cow::into_owned).collect();
    for (page, text) in pages() {
        let mut referenced = 0;
        for link in attributes(&text, "src").into_iter().chain(attributes(&text, "href")) {
            if link.starts_with('#') || PAGES.iter().any(|(path, _)| *path == link) {
                continue;
            }
            let name =
                link.strip_prefix("/ui/{build}/").unwrap_or_else(|| panic!("{page}: {link}"));
            assert!(names.contains(name), "{page} names {name}");
            referenced += 1;
        }
        assert!(referenced >= 4, "{page}");
    }
    for (name, text) in files().iter().filter(|(name, _)| name.ends_with(".js")) {
        for import in text.split(" from './").skip(1).filter_map(|rest| rest.split('\'').next()) {
            assert!(names.contains(import), "{name} imports {import}");
        }
    }
}

#[test]
fn every_icon_and_element_that_is_asked_for_is_on_the_page() {
    for (page, html) in pages() {
        let ids: BTreeSet<&str> = attributes(&html, "id").into_iter().collect();
        for name in modules_of(&html) {
            let text = text_of(&name);
            // Parts that some pages don't have are asked for where it is said so.
            let text = text.replace("byId('account')", "");
            for id in text.split("byId('").skip(1).filter_map(|rest| rest.split('\'').next()) {
                assert!(ids.contains(id), "{page}: {name} asks for #{id}");
            }
            for call in ["icon('", "Icon(lamp, '"] {
                for icon in text.split(call).skip(1).filter_map(|rest| rest.split('\'').next()) {
                    assert!(
                        ids.contains(format!("i-{icon}").as_str()),
                        "{page}: {name} shows {icon}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_file_names_another_host_or_hides_a_script_in_the_page() {
    for (name, text) in files() {
        // The name of SVG's namespace looks like an address and is none.
        let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for outside in
            ["http://", "https://", "ws://", "wss://", "\"//", "'//", "`//", "url(", "@import"]
        {
            assert!(!text.contains(outside), "{name} has {outside}");
        }
        for unsafe_way in
            ["eval(", "new Function", "innerHTML", "insertAdjacentHTML", "document.write"]
        {
            assert!(!text.contains(unsafe_way), "{name} has {unsafe_way}");
        }
    }
    for (page, text) in pages() {
        assert_eq!(
            text.matches("<script").count(),
            text.matches("<script type=\"module\" src=").count(),
            "{page}"
        );
        for inline in ["<style", " style=\"", "javascript:", " on"] {
            assert!(!text.contains(inline), "{page} has {inline}");
        }
    }
}

#[test]
fn both_languages_say_the_same_things() {
    let (danish, english) = (language("da"), language("en"));
    assert_eq!(danish.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
    for (key, words) in &english {
        assert!(!words.trim().is_empty() && !danish[key].trim().is_empty(), "{key} is empty");
        assert_eq!(placeholders(words), placeholders(&danish[key]), "{key}");
    }
}

#[test]
fn every_key_that_a_module_names_is_in_the_languages() {
    let english = language("en");
    for (name, text) in files().iter().filter(|(name, _)| name.ends_with(".js")) {
        for key in text.split("text.t('").skip(1).filter_map(|rest| rest.split('\'').next()) {
            assert!(english.contains_key(key), "{name} says {key}");
        }
        for key in text.split("words.t('").skip(1).filter_map(|rest| rest.split('\'').next()) {
            assert!(english.contains_key(key), "{name} says {key}");
        }
        for key in text.split("text.n('").skip(1).filter_map(|rest| rest.split('\'').next()) {
            for form in ["one", "other"] {
                assert!(english.contains_key(&format!("{key}.{form}")), "{name} counts {key}");
            }
        }
    }
    for (page, text) in pages() {
        for key in attributes(&text, "data-say") {
            assert!(english.contains_key(key), "{page} says {key}");
        }
    }
    for role in crate::auth::Role::ALL {
        assert!(english.contains_key(&format!("role.{}", role.as_str())), "{role:?}");
    }
    for kind in crate::model::AlertKind::ALL {
        assert!(english.contains_key(&format!("alert.{}", kind.as_str())), "{kind:?}");
    }
    for status in crate::model::Status::ALL {
        assert!(english.contains_key(&format!("status.{}", status.as_str())), "{status:?}");
    }
}
