//! Debian's Chromium behind ChromeDriver.

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A browser; closed when it is dropped.
pub(crate) struct Browser {
    pub(crate) page: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens `url`; none: no browser here, which is said, and fails in CI.
    pub(crate) async fn open(url: &str, width: u32, height: u32) -> Option<Self> {
        let chromium = super::tool("chromium")?;
        let mut driver = Command::new(super::tool("chromedriver")?)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = BufReader::new(driver.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split("successfully on port ")
                    .nth(1)?
                    .trim_end_matches('.')
                    .parse::<u16>()
                    .ok()
            })
            .expect("ChromeDriver says its port");
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let size = format!("--window-size={width},{height}");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--lang=en",
            &data,
            &size,
        ];
        let options = json!({ "binary": chromium, "args": arguments });
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        page.goto(url).await.unwrap();
        Some(Self { page, driver, _profile: profile })
    }

    /// What the page shows as text.
    pub(crate) async fn text(&self) -> String {
        let text = self.page.execute("return document.body.innerText", vec![]).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The value of a JavaScript expression.
    pub(crate) async fn value(&self, expression: &str) -> serde_json::Value {
        self.page.execute(&format!("return ({expression})"), vec![]).await.unwrap()
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        self.page.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
