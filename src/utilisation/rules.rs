//! The rules from evidence to status, as a file says them: read and checked here, asked in `status`.

use crate::model::{ClassId, RoomKind, Status};
use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

/// The rules that Spor has when no file is given.
const BUILT_IN: &str = include_str!("default.toml");
/// The version of the file's form.
const FORMAT: &str = "spor-rules/1";
/// Names that Spor gives itself.
const TAKEN: [&str; 6] = ["lost", "claim", "hand", "never seen", "no tag", "no rule for the room"];
/// Longest name, characters.
const MAX_NAME: usize = 64;
/// Longest time that a rule may wait for, and longest dwell, seconds.
const MAX_AFTER_S: u32 = 90 * 86_400;
const MAX_DWELL_S: u32 = 600;

/// What a file of rules says.
#[derive(Debug)]
pub struct Rules {
    /// Digest of the text: 16 hexadecimal digits.
    pub version: String,
    text: String,
    dwell_ms: i64,
    list: Vec<Rule>,
    transitions: BTreeMap<Status, Vec<Status>>,
    /// After so long in a room something may follow, milliseconds, in ascending order.
    after_ms: Vec<i64>,
}

/// One rule. All that it names must hold; what it doesn't name makes no difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What explanations call it.
    pub name: String,
    /// What the asset is doing.
    pub status: Status,
    /// Kinds of room.
    #[serde(default)]
    pub room: Vec<RoomKind>,
    /// Classes of asset.
    #[serde(default)]
    pub class: Vec<ClassId>,
    /// Whose ward the room belongs to.
    pub ward: Option<WardIs>,
    /// True: the tag feels motion; false: it doesn't.
    pub moving: Option<bool>,
    /// The tag's button was pressed since it came into the room.
    #[serde(default)]
    pub button: bool,
    /// Statuses from which alone it may lead.
    #[serde(default)]
    pub from: Vec<Status>,
    /// So long in the room, milliseconds.
    #[serde(default, rename = "after_s", deserialize_with = "seconds")]
    pub after_ms: Option<i64>,
}

/// Whose ward a room belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WardIs {
    /// The asset's own.
    Home,
    /// Another one's.
    Other,
}

/// Why a file of rules can't be used.
#[derive(Debug, thiserror::Error)]
#[error("rules, {place}: {problem}")]
pub struct RulesError {
    /// The key, or the rule, that is wrong.
    pub place: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    #[serde(default = "usual_dwell_s")]
    dwell_s: u32,
    #[serde(default)]
    rule: Vec<Rule>,
    #[serde(default)]
    transitions: BTreeMap<Status, Vec<Status>>,
}

fn usual_dwell_s() -> u32 {
    10
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let seconds = u32::deserialize(from)?;
    if (1..=MAX_AFTER_S).contains(&seconds) {
        return Ok(Some(i64::from(seconds) * 1_000));
    }
    Err(D::Error::custom(format!("{seconds}, expected 1 to {MAX_AFTER_S} seconds")))
}

impl Rules {
    /// The rules that Spor has when no file is given.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// [`RulesError`] names the key or the rule.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let wrong =
            |place: &str, problem: String| Err(RulesError { place: place.to_owned(), problem });
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let error: toml::de::Error = error;
                let begin = error.span().map_or(0, |span| span.start);
                let line = text.get(..begin).unwrap_or(text).matches('\n').count() + 1;
                return wrong(&format!("line {line}"), one_line(error.message()));
            }
        };
        let file: File = match serde_path_to_error::deserialize(toml::Value::Table(table.clone())) {
            Ok(file) => file,
            Err(error) => {
                let key = named(&error.path().to_string(), &table);
                return wrong(&key, one_line(error.inner().message()));
            }
        };
        if file.format != FORMAT {
            return wrong("format", format!("{:?}, expected {FORMAT:?}", file.format));
        }
        if file.dwell_s > MAX_DWELL_S {
            let problem = format!("{}, expected 0 to {MAX_DWELL_S} seconds", file.dwell_s);
            return wrong("dwell_s", problem);
        }
        let mut names = HashSet::new();
        for rule in &file.rule {
            if let Some(problem) = rule.problem() {
                return wrong(&format!("rule {:?}", rule.name), problem);
            }
            if !names.insert(&rule.name) {
                return wrong(&format!("rule {:?}", rule.name), "there are two of it".to_owned());
            }
        }
        let dwell_ms = i64::from(file.dwell_s) * 1_000;
        let mut after_ms: Vec<i64> =
            file.rule.iter().filter_map(|rule| rule.after_ms).chain([dwell_ms]).collect();
        after_ms.sort_unstable();
        after_ms.dedup();
        let mut version = String::new();
        for byte in &Sha256::digest(text.as_bytes())[..8] {
            let _ = write!(version, "{byte:02x}");
        }
        let (list, transitions) = (file.rule, file.transitions);
        Ok(Self { version, text: text.to_owned(), dwell_ms, list, transitions, after_ms })
    }

    /// The text, which [`Rules::parse`] makes into the same rules again.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In the order in which they are asked.
    #[must_use]
    pub fn list(&self) -> &[Rule] {
        &self.list
    }

    /// How long a known status is held on to, milliseconds.
    #[must_use]
    pub fn dwell_ms(&self) -> i64 {
        self.dwell_ms
    }

    /// True where one status may follow another.
    #[must_use]
    pub fn may_follow(&self, from: Status, to: Status) -> bool {
        from == to || self.transitions.get(&from).is_none_or(|next| next.contains(&to))
    }

    /// After so long in a room something may follow, milliseconds, in ascending order.
    pub(super) fn after_ms(&self) -> &[i64] {
        &self.after_ms
    }

    /// True where something may follow from whether a tag moves.
    #[must_use]
    pub fn listen_to_motion(&self) -> bool {
        self.list.iter().any(|rule| rule.moving.is_some())
    }

    /// True where something may follow from what a tag says while it stays in its room.
    pub(super) fn listen_within_rooms(&self) -> bool {
        self.list.iter().any(|rule| rule.moving.is_some() || rule.button)
    }
}

impl Rule {
    fn problem(&self) -> Option<String> {
        let length = self.name.chars().count();
        if length == 0 || length > MAX_NAME {
            return Some(format!("its name must be 1 to {MAX_NAME} characters"));
        }
        if TAKEN.contains(&self.name.as_str()) {
            return Some("Spor gives that name itself".to_owned());
        }
        if matches!(self.status, Status::Reserved | Status::Unknown) {
            let status = self.status.as_str();
            return Some(format!("status {status}: no rule says that, expected another"));
        }
        // Without a room it would hold in the corridor too, where a thing is what it was.
        self.room.is_empty().then(|| "room: expected at least one kind".to_owned())
    }
}

/// The key where it is wrong, a rule by its name.
fn named(path: &str, table: &toml::Table) -> String {
    let name = |index: &str| {
        let rule = table.get("rule")?.as_array()?.get(index.parse::<usize>().ok()?)?;
        Some(format!("rule {:?}", rule.get("name")?.as_str()?))
    };
    let Some(rest) = path.strip_prefix("rule[") else {
        return if path == "." { "the file".to_owned() } else { path.to_owned() };
    };
    let (index, key) = rest.split_once(']').unwrap_or((rest, ""));
    let rule = name(index).unwrap_or_else(|| format!("rule {index}"));
    match key.strip_prefix('.') {
        Some(key) => format!("{rule}, {key}"),
        None => rule,
    }
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let text = format!("format = \"spor-rules/1\"\n{text}");
        Rules::parse(&text).expect_err("refused").to_string()
    }

    #[test]
    fn the_built_in_rules_are_read_and_their_text_gives_the_same() {
        let rules = Rules::built_in();
        let again = Rules::parse(rules.text()).expect("read");
        assert_eq!((rules.list().len(), &rules.version), (12, &again.version));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let rule = "[[rule]]\nname = \"beds\"\nroom = [\"patient\"]\nstatus = \"in_use\"\n";
        let unknown = refused(&format!("{rule}rom = [\"patient\"]"));
        assert!(unknown.contains("\"beds\"") && unknown.contains("rom"), "{unknown}");
        let kind = refused("[[rule]]\nname = \"beds\"\nroom = [\"attic\"]\nstatus = \"in_use\"");
        assert!(kind.contains("\"beds\", room") && kind.contains("attic"), "{kind}");
        let twice = refused(&format!("{rule}{rule}"));
        assert!(twice.contains("two"), "{twice}");
        let long = refused(&format!("{rule}after_s = 0"));
        assert!(long.contains("after_s") && long.contains("expected 1 to"), "{long}");
        let claimed = refused(&rule.replace("in_use", "reserved"));
        assert!(claimed.contains("reserved"), "{claimed}");
        let nowhere = refused("[[rule]]\nname = \"beds\"\nstatus = \"in_use\"");
        assert!(nowhere.contains("room"), "{nowhere}");
        let broken = refused("[[rule");
        assert!(broken.contains("line 2"), "{broken}");
        let dwell = refused("dwell_s = 6000");
        assert!(dwell.contains("dwell_s") && dwell.contains("6000"), "{dwell}");
    }
}
