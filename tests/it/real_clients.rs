//! The libraries that devices really use against the front door: paho-mqtt and MQTT.js publish at
//! QoS 0 and 1, hear events, come back to their session, and leave a will behind.

use crate::support::{
    Spor,
    fetched::{folder, prepared, python_with},
    tls::{Files, tls_port},
    tool, until,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// The Python of an environment that has paho-mqtt.
fn python() -> Option<PathBuf> {
    python_with("paho", "paho-mqtt==2.1.0", "paho.mqtt.client")
}

/// A folder in whose scripts `require("mqtt")` works.
fn node_folder() -> Option<PathBuf> {
    let folder = folder("mqttjs");
    std::fs::copy(source("package.json"), folder.join("package.json")).unwrap();
    if !folder.join("node_modules/mqtt/package.json").exists() {
        let mut npm = Command::new(tool("npm")?);
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        if !prepared("npm install mqtt", &mut npm) {
            return None;
        }
    }
    std::fs::copy(source("mqttjs_client.cjs"), folder.join("mqttjs_client.cjs")).unwrap();
    Some(folder)
}

/// Runs a client over TCP and over TLS, and looks at what Spor knows of its tag and of its will.
async fn works(name: &str, client: impl Fn() -> Command) {
    for way in ["TCP", "TLS"] {
        let files = Files::new();
        let settings = files.settings();
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let Some(spor) = Spor::serve(&settings).await else { return };
        let mut command = client();
        if way == "TLS" {
            command.arg(tls_port(&spor).to_string()).arg(files.path("ca.pem"));
        } else {
            command.arg(spor.mqtt_port().to_string());
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("done"), "{way}: {said} {failed}");
        for tag in [format!("{name}-tag"), format!("{name}-will")] {
            until(&format!("{tag} over {way}"), 15, async || {
                (spor.get(&format!("/api/v1/tags/{tag}")).await.0 == 200).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn paho_mqtt_works_with_the_front_door() {
    let Some(python) = python() else { return };
    let client = || {
        let mut command = Command::new(&python);
        command.arg(source("paho_client.py"));
        command
    };
    works("paho", client).await;
}

#[tokio::test]
async fn mqtt_js_works_with_the_front_door() {
    let Some(node) = tool("node") else { return };
    let Some(folder) = node_folder() else { return };
    let client = || {
        let mut command = Command::new(&node);
        command.arg("mqttjs_client.cjs").current_dir(&folder);
        command
    };
    works("mqttjs", client).await;
}
