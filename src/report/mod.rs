//! The manager's report: key figures come in, one self-contained HTML page with pictures goes out,
//! and a CSV file for each of its tables. Pure; whoever calls it reads and writes.

mod month;
mod page;
mod picture;
mod table;

pub use month::Month;

use crate::model::{Figures, WardId};
use table::Table;

/// What a report is about.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// What the site is called.
    pub site: &'a str,
    /// The month.
    pub month: Month,
    /// The ward that owns the equipment; none: all.
    pub ward: Option<&'a WardId>,
    /// True: the CSV files lie beside the page, which links to them.
    pub has_files: bool,
}

/// A file of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// The page.
#[must_use]
pub fn page(about: &About<'_>, figures: &Figures) -> String {
    page::page(about, figures)
}

/// The page, `index.html`, and a CSV file for each table.
#[must_use]
pub fn files(about: &About<'_>, figures: &Figures) -> Vec<ReportFile> {
    let index = ReportFile { name: "index.html".to_owned(), text: page(about, figures) };
    let tables = table::all(figures)
        .into_iter()
        .map(|table: Table| ReportFile { name: format!("{}.csv", table.name), text: table.csv() });
    [index].into_iter().chain(tables).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AtOnce, ClassFigures, DayFigures, ParFigures, WeekHour};

    fn figures() -> Figures {
        Figures {
            as_of_ms: Some(1_795_385_000_000),
            classes: vec![
                ClassFigures {
                    class: "infusion-pump".to_owned(),
                    owned: 40,
                    in_use_h: 400.0,
                    known_h: 1_000.0,
                    unknown_h: 250.0,
                    at_once: Some(AtOnce { most: 22, p95: 20, mean: 16.0, tied_up: 27 }),
                    ..ClassFigures::default()
                },
                ClassFigures {
                    class: "never-known".to_owned(),
                    owned: 1,
                    ..ClassFigures::default()
                },
            ],
            days: ["2026-10-01", "2026-10-02"]
                .map(|day| DayFigures {
                    day: day.to_owned(),
                    class: "infusion-pump".to_owned(),
                    in_use_h: 4.0,
                    known_h: 10.0,
                })
                .to_vec(),
            week: vec![WeekHour { weekday: 1, hour: 8, share: 0.5 }],
            par: vec![ParFigures {
                class: "infusion-pump".to_owned(),
                ward: "<b>C1, \"east\"".to_owned(),
                target: 6,
                critical: 2,
                mean: 4.5,
                lowest: 1,
                short: 0.25,
                short_min: 100.0,
                critical_min: 12.0,
            }],
            ..Figures::default()
        }
    }

    fn about(ward: Option<&WardId>) -> About<'_> {
        let month = Month::parse("2026-10", "Europe/Copenhagen").expect("a month");
        About { site: "Sporby & Hospital", month, ward, has_files: true }
    }

    #[test]
    fn unknown_time_is_in_no_denominator() {
        let page = page(&about(None), &figures());
        assert!(page.contains("40 %"), "400 of 1000 known hours");
        assert!(!page.contains("32 %"), "not of 1250");
        assert!(!page.contains("NaN"), "what was never known has no share");
    }

    #[test]
    fn the_page_stands_alone_and_nothing_breaks_out_of_its_text() {
        let page = page(&about(None), &figures());
        assert!(!page.contains("<b>C1"));
        assert!(page.contains("&lt;b&gt;C1, &quot;east&quot;"));
        assert!(page.contains("Sporby &amp; Hospital"));
        for outside in ["http://", "https://", "<script", "@import", "url("] {
            let found = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
            assert!(!found, "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.matches("<svg").count() >= 4);
    }

    #[test]
    fn each_table_has_its_file_and_the_page_links_to_it() {
        let files = files(&about(None), &figures());
        assert_eq!(files.len(), 8);
        let page = &files[0].text;
        // Where a table is empty, words stand in its place.
        for name in ["classes.csv", "days.csv", "week.csv", "par.csv"] {
            assert!(page.contains(&format!("href=\"{name}\"")), "{name}");
        }
        let par = files.iter().find(|file| file.name == "par.csv").expect("PAR levels");
        let lines: Vec<&str> = par.text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("\"<b>C1, \"\"east\"\"\""), "{}", lines[1]);
    }

    #[test]
    fn an_empty_month_says_so() {
        let page = page(&about(None), &Figures::default());
        assert!(page.contains("Nothing is recorded"));
    }
}
