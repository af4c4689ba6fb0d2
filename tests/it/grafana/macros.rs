//! Writes a query as Grafana would send it: its variables first, then the macros of the
//! PostgreSQL data source, with their limits.

use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a query is asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Beginning of the range, milliseconds since the epoch.
    pub(crate) from_ms: i64,
    /// Its end.
    pub(crate) to_ms: i64,
    /// The chosen values of every variable.
    pub(crate) values: BTreeMap<String, Chosen>,
}

/// The chosen values of a variable.
#[derive(Clone)]
pub(crate) struct Chosen {
    /// One, or many.
    pub(crate) values: Vec<String>,
    /// A list variable is quoted where no format is given.
    pub(crate) list: bool,
}

/// The query that reaches PostgreSQL. `at_least_ms` is the panel's shortest step.
pub(crate) fn expand(sql: &str, asked: &Asked, at_least_ms: i64) -> Result<String, String> {
    let with_values = variables(sql, asked)?;
    let step_ms = step_ms(asked.to_ms - asked.from_ms, at_least_ms);
    let with_step = with_values
        .replace("$__interval_ms", &step_ms.to_string())
        .replace("$__interval", &format!("{}s", step_ms / 1000));
    let done = calls(&with_step, asked)?;
    match done.find("$__").or_else(|| done.find("${")) {
        None => Ok(done),
        Some(at) => {
            Err(format!("not expanded: {}", done[at..].chars().take(30).collect::<String>()))
        }
    }
}

/// `$name`, `${name}` and `${name:format}` of the known variables.
fn variables(sql: &str, asked: &Asked) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, format, used) = match rest[1..].strip_prefix('{') {
            Some(braced) => {
                let end = braced.find('}').ok_or("`${` without `}`")?;
                let (name, format) = braced[..end].split_once(':').unwrap_or((&braced[..end], ""));
                (name, format, end + 3)
            }
            None => {
                let end = rest[1..]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len() - 1);
                (&rest[1..=end], "", end + 1)
            }
        };
        match asked.values.get(name) {
            Some(chosen) => out.push_str(&written(chosen, format)?),
            None => out.push_str(&rest[..used]),
        }
        rest = &rest[used..];
    }
    Ok(out + rest)
}

fn written(chosen: &Chosen, format: &str) -> Result<String, String> {
    let quoted = || {
        let all: Vec<_> =
            chosen.values.iter().map(|v| format!("'{}'", v.replace('\'', "''"))).collect();
        all.join(",")
    };
    match format {
        "sqlstring" => Ok(quoted()),
        "raw" | "csv" => Ok(chosen.values.join(",")),
        "" if chosen.list => Ok(quoted()),
        "" => Ok(chosen.values.join(",").replace('\'', "''")),
        other => Err(format!("variable format `{other}` is not for SQL")),
    }
}

/// `$__name(arguments)`: arguments end at the first `)` and are split at commas, as in Grafana.
fn calls(sql: &str, asked: &Asked) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find("$__") {
        let open = rest[at..].find('(').ok_or("a macro without `(`")? + at;
        let close = rest[open..].find(')').ok_or("a macro without `)`")? + open;
        let arguments: Vec<&str> = rest[open + 1..close].split(',').map(str::trim).collect();
        let mut name = rest[at + 3..open].to_string();
        if name == "timeGroup" && rest[close + 1..].starts_with(',') {
            name.push_str("Alias");
        }
        out.push_str(&rest[..at]);
        out.push_str(&call(&name, &arguments, asked)?);
        rest = &rest[close + 1..];
    }
    Ok(out + rest)
}

fn call(name: &str, arguments: &[&str], asked: &Asked) -> Result<String, String> {
    let (from, to) = (literal(asked.from_ms)?, literal(asked.to_ms)?);
    let column = arguments.first().copied().unwrap_or_default();
    Ok(match name {
        "timeFrom" => from,
        "timeTo" => to,
        "timeFilter" => format!("{column} BETWEEN {from} AND {to}"),
        "time" => format!("{column} AS \"time\""),
        "timeEpoch" => format!("extract(epoch from {column}) as \"time\""),
        "unixEpochFrom" => (asked.from_ms / 1000).to_string(),
        "unixEpochTo" => (asked.to_ms / 1000).to_string(),
        "timeGroup" | "timeGroupAlias" => {
            let step = arguments.get(1).ok_or("$__timeGroup wants a step")?;
            let seconds = seconds(step.trim_matches('\''))?;
            let alias = if name == "timeGroup" { "" } else { " AS \"time\"" };
            format!("floor(extract(epoch from {column})/{seconds})*{seconds}{alias}")
        }
        other => return Err(format!("unknown macro $__{other}")),
    })
}

fn literal(ms: i64) -> Result<String, String> {
    let at = Timestamp::from_millisecond(ms).map_err(|e| e.to_string())?;
    Ok(format!("'{at}'"))
}

fn seconds(step: &str) -> Result<i64, String> {
    let unit = match step.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(format!("step `{step}` has no unit")),
    };
    let count: i64 = step[..step.len() - 1].parse().map_err(|_| format!("step `{step}`"))?;
    Ok(count * unit)
}

/// A round step that gives a graph at most about 800 points.
fn step_ms(range_ms: i64, at_least_ms: i64) -> i64 {
    const MINUTES: [i64; 10] = [1, 5, 10, 30, 60, 120, 360, 720, 1_440, 10_080];
    let wanted = (range_ms / 800).max(at_least_ms);
    MINUTES.into_iter().map(|m| m * 60_000).find(|ms| *ms >= wanted).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let ward = Chosen { values: vec!["C1".into(), "O'Hara".into()], list: true };
        let tz = Chosen { values: vec!["Europe/Copenhagen".into()], list: false };
        let values = [("ward".to_string(), ward), ("tz".to_string(), tz)];
        Asked { from_ms: 0, to_ms: 3_600_000, values: values.into() }
    }

    #[test]
    fn variables_and_macros_are_written_as_grafana_does() {
        let sql = "w in (${ward:sqlstring}) and z = '$tz' and $__timeFilter(t) group by $__timeGroup(t,'5m')";
        let expanded = expand(sql, &asked(), 60_000).unwrap();
        assert_eq!(
            expanded,
            "w in ('C1','O''Hara') and z = 'Europe/Copenhagen' and t BETWEEN '1970-01-01T00:00:00Z' \
             AND '1970-01-01T01:00:00Z' group by floor(extract(epoch from t)/300)*300"
        );
    }

    #[test]
    fn a_time_group_before_a_comma_gets_its_alias() {
        let expanded = expand("select $__timeGroup(t,'1h'), x", &asked(), 60_000).unwrap();
        assert_eq!(expanded, "select floor(extract(epoch from t)/3600)*3600 AS \"time\", x");
    }

    #[test]
    fn what_grafana_would_leave_alone_is_an_error() {
        assert!(expand("$__nonsense(t)", &asked(), 0).is_err());
        assert!(expand("x in (${other:sqlstring})", &asked(), 0).is_err());
    }
}
