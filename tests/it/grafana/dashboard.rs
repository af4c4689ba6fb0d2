//! A dashboard's JSON as the checks look at it: panels, their queries, variables.

use super::assemble;
use serde_json::Value;
use std::fs;

/// A dashboard file.
pub(crate) struct Dashboard {
    /// Its file's name without the ending.
    pub(crate) name: String,
    /// The whole of it.
    pub(crate) json: Value,
}

/// Every dashboard under `grafana/dashboards`.
pub(crate) fn load_all() -> Vec<Dashboard> {
    let mut found = Vec::new();
    for folder in ["managers", "operations"] {
        let folder = assemble::root().join("dashboards").join(folder);
        for entry in fs::read_dir(folder).expect("a folder of dashboards") {
            let path = entry.expect("a readable entry").path();
            let text = fs::read_to_string(&path).expect("a readable dashboard");
            let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
            let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            found.push(Dashboard { name, json });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

impl Dashboard {
    /// Every panel.
    pub(crate) fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        list(&self.json["panels"]).iter().map(Panel)
    }

    /// Every variable.
    pub(crate) fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        list(&self.json["templating"]["list"]).iter().map(Variable)
    }
}

/// A panel.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a>(pub(crate) &'a Value);

impl<'a> Panel<'a> {
    pub(crate) fn title(self) -> &'a str {
        text(&self.0["title"])
    }

    pub(crate) fn kind(self) -> &'a str {
        text(&self.0["type"])
    }

    pub(crate) fn targets(self) -> &'a [Value] {
        list(&self.0["targets"])
    }

    pub(crate) fn overrides(self) -> &'a [Value] {
        list(&self.0["fieldConfig"]["overrides"])
    }

    pub(crate) fn transformations(self) -> &'a [Value] {
        list(&self.0["transformations"])
    }

    /// The unit in which the panel shows `column`.
    pub(crate) fn unit(self, column: &str) -> &'a str {
        self.overrides()
            .iter()
            .filter(|o| o["matcher"]["options"] == column)
            .flat_map(|o| list(&o["properties"]))
            .find(|p| p["id"] == "unit")
            .map_or(text(&self.0["fieldConfig"]["defaults"]["unit"]), |p| text(&p["value"]))
    }

    /// The shortest step of its graph, milliseconds.
    pub(crate) fn step_ms(self) -> i64 {
        duration_ms(text(&self.0["interval"])).unwrap_or(60_000)
    }

    /// The range that it shows instead of the dashboard's, milliseconds.
    pub(crate) fn own_range_ms(self) -> Option<i64> {
        duration_ms(text(&self.0["timeFrom"]))
    }
}

/// A variable.
#[derive(Clone, Copy)]
pub(crate) struct Variable<'a>(&'a Value);

impl<'a> Variable<'a> {
    pub(crate) fn name(self) -> &'a str {
        text(&self.0["name"])
    }

    pub(crate) fn kind(self) -> &'a str {
        text(&self.0["type"])
    }

    pub(crate) fn query(self) -> &'a str {
        text(&self.0["query"])
    }

    pub(crate) fn is_list(self) -> bool {
        self.0["multi"] == true || self.0["includeAll"] == true
    }

    pub(crate) fn current(self) -> &'a str {
        text(&self.0["current"]["value"])
    }
}

/// The elements of a JSON array; nothing else has any.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The text of a JSON string; nothing else has any.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn duration_ms(text: &str) -> Option<i64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(count.parse::<i64>().ok()? * unit_ms)
}
