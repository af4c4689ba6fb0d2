//! What every panel shows, as text: for whoever reads whether it answers the question in its title.

use super::{
    check::{Scope, everything},
    dashboard::{Dashboard, text},
    macros::expand,
    rows::{Rows, run},
};
use std::fmt::Write as _;
use tokio_postgres::Client;

/// How many rows of a longer answer are shown, at its beginning and at its end.
const SHOWN: usize = 4;

/// Every panel with its question, and the first and last rows of its answer for all values.
pub(crate) async fn panels(
    client: &mut Client,
    dashboards: &[Dashboard],
    scope: &Scope,
) -> Result<String, std::fmt::Error> {
    let mut shown = String::new();
    for dashboard in dashboards {
        let all = everything(client, dashboard, scope, &mut Vec::new()).await;
        for panel in dashboard.panels() {
            let question = text(&panel.0["description"]).lines().next().unwrap_or_default();
            for target in panel.targets().iter().filter(|t| t["rawSql"].is_string()) {
                let mut asked = all.clone();
                if let Some(range_ms) = panel.own_range_ms() {
                    asked.from_ms = asked.to_ms - range_ms;
                }
                writeln!(shown, "\n{} / {} ({})", dashboard.name, panel.title(), panel.kind())?;
                writeln!(shown, "  {question}")?;
                let answer = match expand(text(&target["rawSql"]), &asked, panel.step_ms()) {
                    Ok(sql) => run(client, &sql).await,
                    Err(error) => Err(error),
                };
                match answer {
                    Ok((rows, _)) => write_rows(&mut shown, &rows)?,
                    Err(error) => writeln!(shown, "  {error}")?,
                }
            }
        }
    }
    Ok(shown)
}

fn write_rows(shown: &mut String, rows: &Rows) -> std::fmt::Result {
    let names: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
    writeln!(shown, "  {} rows: {}", rows.rows.len(), names.join(" | "))?;
    for (nth, row) in rows.rows.iter().enumerate() {
        if nth < SHOWN || nth + SHOWN >= rows.rows.len() {
            let cells: Vec<String> = row.iter().map(|cell| short(cell.as_deref())).collect();
            writeln!(shown, "    {}", cells.join(" | "))?;
        }
    }
    Ok(())
}

/// A number with four figures behind its point, and whatever else as it is.
fn short(cell: Option<&str>) -> String {
    let Some(cell) = cell else { return "-".to_owned() };
    match (cell.contains('.'), cell.parse::<f64>()) {
        (true, Ok(number)) => format!("{number:.4}"),
        _ => cell.to_owned(),
    }
}
