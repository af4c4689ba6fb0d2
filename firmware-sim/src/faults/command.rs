//! Faults switched while a hospital runs: one line, one command.

use super::{FaultEntry, Faults, stage::Due};
use crate::written::Span;
use std::fmt::Write as _;
use toml::{Table, Value};

/// What can be said.
const HELP: &str = "\
KIND key=value ... [for=5m]   begin a fault now, e.g.  loss share=0.2 floors=1,2 for=10m
    loss, malformed: share    duplicates, reordering: share by    clock_ahead: by
    late_burst: keep          floor_down: floors keep             silent_reader: readers
    two_places: tags          reconnect_storm: every              rate_burst: per_second
    broker_restart: keep
    whom it hits: floors=1,2  tags=uwb-*  classes=bed  of_tags=0.1  readers=reader:C1-*
off NAME | off all            end a fault now, with the burst that follows
list                          which faults there are, and what they have done
";

impl Faults {
    /// Does what a line says and answers it, at the time up to which the reports have passed. Times
    /// are simulated ones.
    ///
    /// # Errors
    /// What is wrong with the line, for people.
    pub fn command(&mut self, line: &str) -> Result<String, String> {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (None, ..) => Ok(String::new()),
            (Some("help" | "?"), None, _) => Ok(HELP.to_owned()),
            (Some("list"), None, _) => Ok(self.list()),
            (Some("off"), Some(name), None) => self.switch_off(name),
            _ => self.switch_on(line),
        }
    }

    fn switch_on(&mut self, line: &str) -> Result<String, String> {
        let (entry, lasts) = parse(line)?;
        let mut fault = entry.check().map_err(|error| error.to_string())?;
        if let Some(unmatched) = fault.hits.unmatched(&self.desk.ground) {
            return Err(unmatched);
        }
        fault.from_ms = self.clock_ms - self.start_ms;
        fault.until_ms = lasts.map(|lasts| fault.from_ms + lasts.ms());
        let name = self.add(fault);
        Ok(match lasts {
            Some(lasts) => format!("{name} is on for {lasts}"),
            None => format!("{name} is on until `off {name}`"),
        })
    }

    fn switch_off(&mut self, name: &str) -> Result<String, String> {
        let mut ended = Vec::new();
        for (number, stage) in self.stages.iter().enumerate() {
            if stage.is_on && (name == "all" || stage.fault.name == name) {
                ended.push((number, stage.fault.name.clone()));
            }
        }
        if ended.is_empty() {
            return Err(format!("nothing called {name} is on; `list` tells what is"));
        }
        for (number, _) in &ended {
            self.desk.note(self.clock_ms, Due::End(*number));
        }
        let names: Vec<_> = ended.into_iter().map(|(_, name)| name).collect();
        Ok(format!("{} off", names.join(", ")))
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for stage in &self.stages {
            let span = |ms: i64| Span::of_ms(ms);
            let until = match stage.fault.until_ms {
                Some(until_ms) => format!("until {}", span(until_ms)),
                None => "without end".to_owned(),
            };
            let _ = writeln!(
                text,
                "{:<18} {:<4} {:>9} messages, from {} {until}",
                stage.fault.name,
                if stage.is_on { "on" } else { "off" },
                stage.hits,
                span(stage.fault.from_ms),
            );
        }
        if text.is_empty() { "no faults\n".to_owned() } else { text }
    }
}

/// The words of a line as the table of a scenario: `share=0.1` is a number, `floors=1,2` a list.
fn parse(line: &str) -> Result<(FaultEntry, Option<Span>), String> {
    let mut words = line.split_whitespace();
    let mut table = Table::new();
    let mut lasts = None;
    table.insert("kind".to_owned(), words.next().unwrap_or_default().into());
    for word in words {
        let (key, value) =
            word.split_once('=').ok_or_else(|| format!("{word:?}: write key=value"))?;
        if key == "for" {
            lasts = Some(Span::parse(value)?).filter(|span| span.ms() > 0);
            continue;
        }
        if matches!(key, "from" | "until") {
            return Err(format!("{key}: a command begins now; say how long with for=5m"));
        }
        let value = match key {
            "floors" | "tags" | "classes" | "readers" => {
                Value::Array(value.split(',').map(value_of).collect())
            }
            _ => value_of(value),
        };
        table.insert(key.to_owned(), value);
    }
    let entry = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        format!("{key}: {}", error.into_inner().message())
    })?;
    Ok((entry, lasts))
}

fn value_of(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Integer(whole);
    }
    text.parse::<f64>().map_or_else(|_| Value::String(text.to_owned()), Value::Float)
}
