//! Debian's mosquitto with a configuration, a password file and a port of its own.

use super::{tool, until};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Names that may connect, and their password.
pub(crate) const PASSWORD: &str = "it-secret";
const NAMES: [&str; 2] = ["spor", "device"];

/// A running mosquitto that keeps sessions and messages; stopped when it is dropped.
pub(crate) struct Mosquitto {
    child: Option<Child>,
    program: PathBuf,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// Starts one; none: it is not installed, which is said, and fails in CI.
    pub(crate) async fn start() -> Option<Self> {
        let (program, passwd) = (tool("mosquitto")?, tool("mosquitto_passwd")?);
        let folder = tempfile::tempdir().unwrap();
        write_passwords(&passwd, &folder.path().join("passwords"));
        // Mosquitto takes port 0 for no listener: a port that was just free must do.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        let dir = folder.path().display();
        let config = format!(
            "{root}per_listener_settings false\nlistener {port} 127.0.0.1\nallow_anonymous false\n\
             password_file {dir}/passwords\npersistence true\npersistence_location {dir}/\n\
             max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\nlog_dest file {dir}/log\n"
        );
        fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut mosquitto = Self { child: None, program, folder, port };
        mosquitto.start_again().await;
        Some(mosquitto)
    }

    /// The same broker on the same port with what it kept.
    pub(crate) async fn start_again(&mut self) {
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let port = self.port;
        until("mosquitto to listen", 10, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
    }

    /// SIGTERM: it writes what it keeps.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// For `mqtt.url`: as user `spor`, without the password.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://spor@127.0.0.1:{}", self.port)
    }

    /// A client of it, with a session that it forgets.
    pub(crate) fn client(&self, id: &str) -> (rumqttc::AsyncClient, rumqttc::EventLoop) {
        let mut options = rumqttc::MqttOptions::new(id, "127.0.0.1", self.port);
        options.set_credentials("device", PASSWORD);
        rumqttc::AsyncClient::new(options, 100)
    }
}

fn write_passwords(passwd: &Path, file: &Path) {
    fs::write(file, "").unwrap();
    for name in NAMES {
        let made = Command::new(passwd).arg("-b").arg(file).args([name, PASSWORD]).status();
        assert!(made.unwrap().success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let end = log.len().saturating_sub(4_000);
            eprintln!("--- mosquitto's log\n{}", log.get(end..).unwrap_or(&log));
        }
    }
}
