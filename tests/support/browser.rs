//! Debian's Chromium behind ChromeDriver.

use fantoccini::{Client, ClientBuilder, Locator};
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
    /// ChromeDriver's.
    address: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Opens `url`; none: no browser here, which is said, and fails in CI.
    pub(crate) async fn open(url: &str, width: u32, height: u32) -> Option<Self> {
        Self::open_with(url, width, height, &[]).await
    }

    /// The same with more of Chromium's own arguments.
    pub(crate) async fn open_with(
        url: &str,
        width: u32,
        height: u32,
        more: &[&str],
    ) -> Option<Self> {
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
        let arguments = [&arguments, more].concat();
        let options = json!({ "binary": chromium, "args": arguments });
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let address = format!("http://127.0.0.1:{port}");
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&address)
            .await
            .unwrap();
        page.goto(url).await.unwrap();
        Some(Self { page, driver, address, profile })
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

    /// A command of Chromium's own protocol, which ChromeDriver passes on.
    pub(crate) async fn cdp(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        let session = self.page.session_id().await.unwrap().expect("a session");
        let url = format!("{}/session/{session}/goog/cdp/execute", self.address);
        let body = json!({ "cmd": method, "params": params });
        let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{method}: {answer}");
        answer["value"].clone()
    }

    /// Waits for the page's text to hold `wanted`.
    pub(crate) async fn until_text(&self, wanted: &str, seconds: u64) -> String {
        let mut last = String::new();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
        while std::time::Instant::now() < deadline {
            last = self.text().await;
            if last.contains(wanted) {
                return last;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("not within {seconds} s: {wanted:?} in the page, which says:\n{last}");
    }

    /// Waits for the wall display to have its plan and its assets.
    pub(crate) async fn until_ready(&self) {
        super::until("the page to be ready", 30, async || {
            let ready = self.value("Boolean(window.__spor && window.__spor.ready)").await;
            (ready == json!(true)).then_some(())
        })
        .await;
    }

    /// Touches the first element that fits.
    pub(crate) async fn touch(&self, css: &str) {
        let found = self.page.find(Locator::Css(css)).await;
        found.unwrap_or_else(|e| panic!("{css}: {e}")).click().await.unwrap();
    }

    /// Types into the first element that fits, what stood there before being gone.
    pub(crate) async fn type_into(&self, css: &str, words: &str) {
        let found = self.page.find(Locator::Css(css)).await.unwrap();
        found.clear().await.unwrap();
        found.send_keys(words).await.unwrap();
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
        // Without its driver a browser that is busy, or was never closed, goes on for ever. Its lock names it.
        let lock =
            std::fs::read_link(self.profile.path().join("SingletonLock")).unwrap_or_default();
        let pid = lock.to_str().and_then(|lock| lock.rsplit_once('-')?.1.parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
