//! `spor serve` or `spor demo` as a child process.

use super::until;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};
use tempfile::TempDir;

/// A running Spor; stopped when it is dropped.
pub(crate) struct Spor {
    child: Child,
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    pub(crate) http: String,
    pub(crate) mqtt: String,
    pub(crate) database: String,
}

/// A command of the built program with none of the caller's own settings.
pub(crate) fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spor"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPOR_")) {
        command.env_remove(name);
    }
    let folder = data_dir.ancestors().find(|f| f.is_dir()).expect("a folder above");
    command
        .current_dir(folder)
        .env("SPOR_DATA_DIR", data_dir)
        .env("SPOR_HTTP__LISTEN", "127.0.0.1:0")
        .env("SPOR_MQTT__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

impl Spor {
    /// `spor serve` on a database of its own in the Postgres of this run.
    pub(crate) async fn serve(environment: &[(&str, &str)]) -> Option<Self> {
        let url = super::postgres::database().await?;
        let mut all = vec![("SPOR_DATABASE__URL", url.as_str()), ("SPOR_HTTP__OPEN", "true")];
        all.extend_from_slice(environment);
        Some(Self::start(&["serve"], &all).await)
    }

    /// Any command that serves, with its own private Postgres unless a URL is given.
    pub(crate) async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A private Postgres of root runs as another user, which must reach the folder.
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let environment: Vec<_> =
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let child = spawn(folder.path(), &arguments, &environment);
        let mut spor = Self {
            child,
            folder,
            arguments,
            environment,
            http: String::new(),
            mqtt: String::new(),
            database: String::new(),
        };
        spor.await_endpoints().await;
        spor
    }

    async fn await_endpoints(&mut self) {
        let path = self.data_dir().join("endpoints.json");
        let child = &mut self.child;
        let log = self.folder.path().join("log");
        let endpoints = until("endpoints.json", 60, async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("ended with {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(&path).ok()?).ok()
        })
        .await;
        let text = |key: &str| endpoints[key].as_str().unwrap().to_owned();
        self.http = format!("http://{}", text("http"));
        self.mqtt = text("mqtt");
        self.database = text("database");
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        let given = self.environment.iter().find(|(name, _)| name == "SPOR_DATA_DIR");
        given.map_or_else(|| self.folder.path().join("data"), |(_, folder)| folder.into())
    }

    /// The database's address, as it was told; the tests' own server asks for no password.
    pub(crate) fn database_url(&self) -> String {
        let given = self.environment.iter().find(|(name, _)| name == "SPOR_DATABASE__URL");
        given.map_or_else(|| self.database.clone(), |(_, url)| url.clone())
    }

    /// What it wrote to its standard output and error so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn mqtt_port(&self) -> u16 {
        self.mqtt.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// What `spor token` prints; `input` goes to its standard input.
    pub(crate) fn token(&self, arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut command = command(&self.data_dir());
        command.arg("token").args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// The body of a GET as JSON, and its status.
    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let response = reqwest::get(format!("{}{path}", self.http)).await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// The value of a metric, of all its labels together; 0 where it is not there yet.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        self.metric_if_told(name).await.unwrap_or_default()
    }

    /// The same; none: it is not there yet.
    pub(crate) async fn metric_if_told(&self, name: &str) -> Option<f64> {
        let text =
            reqwest::get(format!("{}/metrics", self.http)).await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        values.reduce(|sum, value| sum + value)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_file(self.data_dir().join("endpoints.json"));
    }

    /// SIGTERM, and its exit status.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Other arguments from the next start on.
    pub(crate) fn with_arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
    }

    /// Waits for it to end by itself, which it is to do soon.
    pub(crate) fn await_end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The same program on the same folder again, not waiting for it to serve.
    pub(crate) fn spawn_again(&mut self) {
        self.child = spawn(self.folder.path(), &self.arguments, &self.environment);
    }

    /// The same program on the same folder again.
    pub(crate) async fn start_again(&mut self) {
        self.spawn_again();
        self.await_endpoints().await;
    }
}

fn spawn(folder: &Path, arguments: &[String], environment: &[(String, String)]) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    command(&folder.join("data"))
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for Spor {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.stop();
        }
        if std::thread::panicking() {
            eprintln!("--- the program's log\n{}", self.log());
        }
    }
}
