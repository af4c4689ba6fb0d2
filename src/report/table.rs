//! The tables of the report, as HTML and as CSV.

use crate::model::Figures;
use std::fmt::Write as _;

/// A table.
pub(super) struct Table {
    /// The name of its file, without the ending.
    pub(super) name: &'static str,
    /// What its columns are called; those of numbers end with their unit.
    pub(super) columns: Vec<&'static str>,
    /// Its rows.
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// A number, and how many decimals people want to read.
    Number(f64, usize),
    /// A share, 0 to 1.
    Share(f64),
    /// It isn't known, or isn't kept.
    None,
}

/// Text that breaks out of nothing.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A share in whole percent, or in tenths where it is small.
pub(super) fn percent(share: f64) -> String {
    let decimals = usize::from(share > 0.0 && share < 0.095);
    format!("{:.decimals$} %", share * 100.0)
}

impl Cell {
    fn share(part: f64, whole: f64) -> Self {
        if whole > 0.0 { Self::Share((part / whole).min(1.0)) } else { Self::None }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn count(count: i64) -> Self {
        Self::Number(count as f64, 0)
    }

    fn html(&self) -> String {
        match self {
            Self::Text(text) => format!("<td>{}</td>", escaped(text)),
            Self::Number(number, decimals) => {
                format!("<td class=\"n\">{}</td>", grouped(*number, *decimals))
            }
            Self::Share(share) => format!("<td class=\"n\">{}</td>", percent(*share)),
            Self::None => "<td class=\"n\">–</td>".to_owned(),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            // Files are for calculating: they say more than people want to read.
            Self::Number(number, _) => format!("{number}"),
            Self::Share(share) => format!("{share:.5}"),
            Self::None => String::new(),
        }
    }
}

/// A number with a thin space between thousands.
pub(super) fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let (whole, rest) = text.split_once('.').map_or((&*text, None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    if number < 0.0 {
        out.push('−');
    }
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        let _ = write!(out, ".{rest}");
    }
    out
}

impl Table {
    pub(super) fn html(&self) -> String {
        let mut html = "<table><thead><tr>".to_owned();
        for (nth, column) in self.columns.iter().enumerate() {
            let is_text = self.rows.first().is_some_and(|row| matches!(row[nth], Cell::Text(_)));
            let class = if is_text { "" } else { " class=\"n\"" };
            let _ = write!(html, "<th{class}>{}</th>", escaped(column));
        }
        html.push_str("</tr></thead><tbody>");
        for row in &self.rows {
            html.push_str("<tr>");
            row.iter().for_each(|cell| html.push_str(&cell.html()));
            html.push_str("</tr>\n");
        }
        html + "</tbody></table>"
    }

    pub(super) fn csv(&self) -> String {
        let mut out = csv::Writer::from_writer(Vec::new());
        // A writer into memory fails on nothing but rows of unequal length.
        let _ = out.write_record(&self.columns);
        for row in &self.rows {
            let _ = out.write_record(row.iter().map(Cell::plain));
        }
        String::from_utf8(out.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

/// Every table, in the order of the page.
pub(super) fn all(figures: &Figures) -> Vec<Table> {
    vec![
        classes(figures),
        days(figures),
        week(figures),
        lengths("turnaround", &figures.turnarounds, "turnarounds"),
        par(figures),
        lengths("filled", &figures.filled, "shortages filled"),
        transfers(figures),
    ]
}

fn classes(figures: &Figures) -> Table {
    let rows = figures.classes.iter().map(|class| {
        let at_once = |pick: fn(crate::model::AtOnce) -> f64, decimals| {
            class.at_once.map_or(Cell::None, |at_once| Cell::Number(pick(at_once), decimals))
        };
        vec![
            Cell::Text(class.class.clone()),
            Cell::count(class.owned),
            Cell::share(class.in_use_h, class.known_h),
            at_once(|a| a.mean, 1),
            at_once(|a| a.p95.into(), 0),
            at_once(|a| a.most.into(), 0),
            at_once(|a| a.tied_up.into(), 0),
            Cell::share(class.unused_h, class.known_h),
            Cell::share(class.unknown_h, class.known_h + class.unknown_h),
            Cell::share(class.lost_h, class.known_h + class.unknown_h),
        ]
    });
    Table {
        name: "classes",
        columns: vec![
            "Class",
            "Owned",
            "In use",
            "In use at once, mean",
            "95 % of the time at most",
            "Most",
            "Most tied up",
            "Unused for a week",
            "Unknown",
            "Not heard of for a day",
        ],
        rows: rows.collect(),
    }
}

fn days(figures: &Figures) -> Table {
    let rows = figures.days.iter().map(|day| {
        vec![
            Cell::Text(day.day.clone()),
            Cell::Text(day.class.clone()),
            Cell::Number(day.in_use_h, 1),
            Cell::Number(day.known_h, 1),
            Cell::share(day.in_use_h, day.known_h),
        ]
    });
    let columns = vec!["Day", "Class", "In use, asset-hours", "Known, asset-hours", "In use"];
    Table { name: "days", columns, rows: rows.collect() }
}

fn week(figures: &Figures) -> Table {
    let rows = figures.week.iter().map(|cell| {
        vec![
            Cell::Text(
                WEEKDAYS[usize::try_from(cell.weekday - 1).unwrap_or_default() % 7].to_owned(),
            ),
            Cell::count(cell.hour.into()),
            Cell::Share(cell.share),
        ]
    });
    Table { name: "week", columns: vec!["Weekday", "Hour", "In use"], rows: rows.collect() }
}

pub(super) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn lengths(name: &'static str, of: &[crate::model::LengthFigures], counted: &'static str) -> Table {
    let rows = of.iter().map(|class| {
        vec![
            Cell::Text(class.class.clone()),
            Cell::count(class.count),
            Cell::Number(class.median_min, 0),
            Cell::Number(class.p90_min, 0),
        ]
    });
    let columns = vec!["Class", counted, "median, min", "90 % within, min"];
    Table { name, columns, rows: rows.collect() }
}

fn par(figures: &Figures) -> Table {
    let rows = figures.par.iter().map(|par| {
        vec![
            Cell::Text(par.ward.clone()),
            Cell::Text(par.class.clone()),
            Cell::count(par.target.into()),
            Cell::count(par.critical.into()),
            Cell::Number(par.mean, 1),
            Cell::count(par.lowest.into()),
            Cell::Share(par.short.min(1.0)),
            Cell::Number(par.short_min / 60.0, 1),
            Cell::Number(par.critical_min / 60.0, 1),
        ]
    });
    Table {
        name: "par",
        columns: vec![
            "Ward",
            "Class",
            "PAR",
            "Critical",
            "Ready, mean",
            "Fewest",
            "Below PAR",
            "Below PAR, h",
            "Below critical, h",
        ],
        rows: rows.collect(),
    }
}

fn transfers(figures: &Figures) -> Table {
    let rows = figures.transfers.iter().map(|flow| {
        vec![
            Cell::Text(flow.from.clone()),
            Cell::Text(flow.to.clone()),
            Cell::count(flow.transfers),
        ]
    });
    Table { name: "transfers", columns: vec!["From", "To", "Transfers"], rows: rows.collect() }
}
