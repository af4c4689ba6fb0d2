//! `spor.toml` and the environment: every part's own settings, put together.
//!
//! A variable `SPOR_` + section + `__` + key overrides the file; a key without a section has no
//! `__`. What nobody knows is an error that names it.

use crate::{alerts, api, broker, ingest, journal, privacy, site, storage, utilisation};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept that must outlive the process.
    pub data_dir: PathBuf,
    /// The HTTP side.
    pub http: api::Config,
    /// The front door.
    pub mqtt: broker::Config,
    /// Where Postgres is.
    pub database: Database,
    /// What arrived, on disk.
    pub journal: journal::Config,
    /// What is kept of people, and for how long.
    pub privacy: privacy::Config,
    /// What is stored, and for how long.
    pub storage: storage::Config,
    /// What is taken in.
    pub ingest: ingest::Config,
    /// The building.
    pub site: site::Config,
    /// From what statuses follow.
    pub utilisation: utilisation::Config,
    /// What a person must act on, and whom that is told.
    pub alerts: alerts::Config,
}

/// Section `[database]` of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgresql://user@host/name`; none: a private server from the system's programs.
    pub url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./spor-data"),
            http: api::Config::default(),
            mqtt: broker::Config::default(),
            database: Database::default(),
            journal: journal::Config::default(),
            privacy: privacy::Config::default(),
            storage: storage::Config::default(),
            ingest: ingest::Config::default(),
            site: site::Config::default(),
            utilisation: utilisation::Config::default(),
            alerts: alerts::Config::default(),
        }
    }
}

/// Why the settings can't be used; exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("configuration file {path}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// A key that nobody knows, or a value of the wrong type.
    #[error("configuration key {key} ({origin}): {message}")]
    Key {
        /// The key, with its section.
        key: String,
        /// The file or the variable it comes from.
        origin: String,
        /// What was found, and what was expected.
        message: String,
    },
}

impl Config {
    /// Reads `file`, or `./spor.toml` where it exists, and then the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or the key.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let beside = Path::new("spor.toml");
        let path = file.or_else(|| beside.exists().then_some(beside));
        let mut table = match path {
            Some(path) => read(path)?,
            None => Table::new(),
        };
        let mut from_environment = Vec::new();
        for (name, value) in environment {
            let Some(key) = key_of(&name) else { continue };
            set(&mut table, &key, value_of(&value));
            from_environment.push((key, name));
        }
        let mut config: Self = serde_path_to_error::deserialize(Value::Table(table))
            .map_err(|e| explain(&e, path, &from_environment))?;
        config.storage.url.clone_from(&config.database.url);
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    text.parse().map_err(|e: toml::de::Error| {
        let before = e.span().map_or("", |span| text.get(..span.start).unwrap_or(&text));
        let line = before.matches('\n').count() + 1;
        let message = format!("line {line}: {}", e.message().trim().replace('\n', ", "));
        ConfigError::Syntax { path: path.to_owned(), message }
    })
}

/// `SPOR_HTTP__LISTEN` is `http.listen`, `SPOR_DATA_DIR` is `data_dir`.
fn key_of(variable: &str) -> Option<Vec<String>> {
    let key = variable.strip_prefix("SPOR_")?;
    Some(key.split("__").map(str::to_lowercase).collect())
}

/// Numbers, truth values and lists as in the file; anything else is text.
fn value_of(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    match parsed.and_then(|mut t| t.remove("value")) {
        Some(value @ (Value::Boolean(_) | Value::Integer(_) | Value::Array(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn set(table: &mut Table, key: &[String], value: Value) {
    match key {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let section = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if !section.is_table() {
                *section = Value::Table(Table::new());
            }
            if let Value::Table(inner) = section {
                set(inner, rest, value);
            }
        }
    }
}

/// An unknown key is named in the message only, behind the path of its section.
fn explain(
    error: &serde_path_to_error::Error<toml::de::Error>,
    path: Option<&Path>,
    environment: &[(Vec<String>, String)],
) -> ConfigError {
    let message = error.inner().message().to_owned();
    let section = match error.path().to_string() {
        root if root == "." => String::new(),
        section => section,
    };
    let unknown = message.strip_prefix("unknown field `").and_then(|m| m.split('`').next());
    let key = match unknown {
        Some(name) if section == name || section.ends_with(&format!(".{name}")) => section,
        Some(name) if section.is_empty() => name.to_owned(),
        Some(name) => format!("{section}.{name}"),
        None => section,
    };
    let variable = environment.iter().find(|(k, _)| k.join(".") == key).map(|(_, name)| name);
    let origin = match (variable, path) {
        (Some(variable), _) => variable.clone(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "defaults".to_owned(),
    };
    ConfigError::Key { key, origin, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("spor.toml");
        std::fs::write(&path, file).expect("written");
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), environment).map_err(|e| e.to_string())
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let file = "data_dir = '/a'\n[http]\nlisten = '127.0.0.1:1'\n[storage]\non_change = true";
        let variables = [
            ("SPOR_HTTP__LISTEN", "127.0.0.1:2"),
            ("SPOR_DATA_DIR", "/b"),
            ("SPOR_STORAGE__ON_CHANGE", "false"),
            ("HOME", "/root"),
        ];
        let config = load(file, &variables).expect("valid");
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:2");
        assert_eq!(config.data_dir, Path::new("/b"));
        assert!(!config.storage.on_change);
    }

    #[test]
    fn a_wrong_key_or_value_is_named_with_where_it_stands() {
        let unknown = load("[http]\nlissten = 'x'", &[]).expect_err("refused");
        assert!(unknown.contains("http.lissten") && unknown.contains("`listen`"), "{unknown}");
        let section = load("[htpt]\nlisten = 'x'", &[]).expect_err("refused");
        assert!(section.contains("key htpt") && section.contains("spor.toml"), "{section}");
        let kind = load("[storage]\non_change = 'perhaps'", &[]).expect_err("refused");
        assert!(kind.contains("storage.on_change") && kind.contains("perhaps"), "{kind}");
        assert!(kind.contains("boolean"), "{kind}");
        let variable = load("", &[("SPOR_MQTT__LISTEN", "nowhere")]).expect_err("refused");
        assert!(
            variable.contains("mqtt.listen") && variable.contains("SPOR_MQTT__LISTEN"),
            "{variable}"
        );
        let stray = load("", &[("SPOR_NONSENSE", "1")]).expect_err("refused");
        assert!(stray.contains("nonsense") && stray.contains("SPOR_NONSENSE"), "{stray}");
    }

    #[test]
    fn a_missing_or_broken_file_is_named() {
        let missing = Config::load(Some(Path::new("/nowhere/spor.toml")), []).expect_err("refused");
        assert!(missing.to_string().contains("/nowhere/spor.toml"), "{missing}");
        let broken = load("data_dir = ", &[]).expect_err("refused");
        assert!(broken.contains("spor.toml") && broken.contains("line 1"), "{broken}");
        let broken = load("data_dir = 'x'\n[http\n", &[]).expect_err("refused");
        assert!(broken.contains("line 2: ") && !broken.contains('\n'), "one line: {broken}");
    }
}
