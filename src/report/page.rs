//! The page: what a manager reads from top to bottom.

use super::{
    About,
    picture::{self, Bar},
    table::{self, Table, escaped, grouped, percent},
};
use crate::model::{ClassFigures, Figures};
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
/// Bars in a picture.
const MOST_BARS: usize = 15;

pub(super) fn page(about: &About<'_>, figures: &Figures) -> String {
    let title = match about.ward {
        Some(ward) => format!("Equipment of {ward}, {}", about.month.title()),
        None => format!("Equipment, {}", about.month.title()),
    };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{0} – {1}</title><style>{STYLE}</style></head><body>\
         <header><p>{1}</p><h1>{0}</h1><p class=\"meta\">{2}</p></header>\n",
        escaped(&title),
        escaped(about.site),
        escaped(&span(about, figures)),
    );
    if figures.classes.is_empty() {
        html.push_str("<main><p>Nothing is recorded of this month.</p></main></body></html>\n");
        return html;
    }
    html.push_str("<main>");
    tiles(figures, &mut html);
    let tables = table::all(figures);
    for section in sections(about, figures) {
        let shown: Vec<&Table> =
            tables.iter().filter(|t| section.tables.contains(&t.name)).collect();
        let _ = write!(html, "<section><h2>{}</h2><p>{}</p>", section.title, section.says);
        if shown.iter().all(|table| table.rows.is_empty()) {
            let _ = writeln!(html, "<p class=\"none\">{}</p></section>", section.nothing);
            continue;
        }
        html.push_str(&section.picture);
        for table in shown {
            if section.is_long {
                let _ = write!(
                    html,
                    "<details><summary>The numbers</summary>{}</details>",
                    table.html()
                );
            } else {
                html.push_str(&table.html());
            }
            if about.has_files {
                let _ = write!(
                    html,
                    "<p class=\"file\"><a href=\"{0}.csv\">{0}.csv</a></p>",
                    table.name
                );
            }
        }
        html.push_str("</section>\n");
    }
    html.push_str(METHOD);
    html + "</main></body></html>\n"
}

fn span(about: &About<'_>, figures: &Figures) -> String {
    let zone = &about.month.time_zone;
    match figures.as_of_ms.filter(|as_of_ms| *as_of_ms < about.month.to_ms) {
        Some(as_of_ms) => {
            let at = jiff::Timestamp::from_millisecond(as_of_ms).unwrap_or_default();
            let at = at
                .in_tz(zone)
                .map_or_else(|_| at.to_string(), |at| at.strftime("%-d %B, %H:%M").to_string());
            format!(
                "The month is not over, or not recorded to its end: up to {at}. Time zone {zone}."
            )
        }
        None => format!("Time zone {zone}."),
    }
}

fn sum(figures: &Figures, pick: fn(&ClassFigures) -> f64) -> f64 {
    figures.classes.iter().map(pick).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn tiles(figures: &Figures, html: &mut String) {
    let known_h = sum(figures, |class| class.known_h);
    let all_h = known_h + sum(figures, |class| class.unknown_h);
    let share = |part: f64, whole: f64| {
        if whole > 0.0 { percent(part / whole) } else { "–".to_owned() }
    };
    let owned: i64 = figures.classes.iter().map(|class| class.owned).sum();
    let short_h: f64 = figures.par.iter().map(|par| par.short_min).sum::<f64>() / 60.0;
    let critical_h: f64 = figures.par.iter().map(|par| par.critical_min).sum::<f64>() / 60.0;
    let moved: i64 = figures.transfers.iter().map(|flow| flow.transfers).sum();
    let hours = |hours: f64| format!("{} h", grouped(hours, 0));
    let tiles = [
        (grouped(owned as f64, 0), "things with a tag"),
        (share(sum(figures, |class| class.in_use_h), known_h), "of known time in use"),
        (share(sum(figures, |class| class.unused_h), known_h), "of known time unused for a week"),
        (share(all_h - known_h, all_h), "of all time unknown"),
        (hours(short_h), "below PAR, all levels together"),
        (hours(critical_h), "of that below critical"),
        (grouped(moved as f64, 0), "transfers, of the flows below"),
    ];
    html.push_str("<ul class=\"tiles\">");
    for (number, words) in tiles {
        let _ = write!(html, "<li><b>{number}</b>{words}</li>");
    }
    html.push_str("</ul>\n");
}

struct Section {
    title: &'static str,
    says: &'static str,
    nothing: &'static str,
    picture: String,
    tables: &'static [&'static str],
    is_long: bool,
}

fn sections(about: &About<'_>, figures: &Figures) -> Vec<Section> {
    let used = "Share of known time in use";
    vec![
        Section {
            title: "What is used, and could it be fewer?",
            says: if about.ward.is_none() {
                "The bar is the share of known time in use, the mark the most that were in use at once, of all that are owned."
            } else {
                "The bar is the share of known time in use. How many were in use at the same time is kept for the whole hospital only."
            },
            nothing: "Nothing is known.",
            picture: picture::bars(used, &class_bars(figures)),
            tables: &["classes"],
            is_long: false,
        },
        Section {
            title: "Day by day",
            says: "Share of known time in use, by class and local day.",
            nothing: "Nothing is known.",
            picture: picture::days(used, &figures.days),
            tables: &["days"],
            is_long: true,
        },
        Section {
            title: "Hour by hour of the week",
            says: "Share of known time in use of all classes together.",
            nothing: "Nothing is known.",
            picture: picture::week(used, &figures.week),
            tables: &["week"],
            is_long: true,
        },
        Section {
            title: "How long from used to ready again?",
            says: "From dirty to available. The bar is the median, the mark nine out of ten.",
            nothing: "Nothing went from dirty to available.",
            picture: picture::bars("Median turnaround", &length_bars(&figures.turnarounds)),
            tables: &["turnaround"],
            is_long: false,
        },
        Section {
            title: "Where was it short?",
            says: "Available ones in the ward's rooms against the PAR level, the gravest first. The bar is the share of time below PAR.",
            nothing: "There is no PAR level: set some with `spor import-par`.",
            picture: picture::bars("Share of time below PAR", &par_bars(figures)),
            tables: &["par"],
            is_long: false,
        },
        Section {
            title: "How fast is a shortage filled?",
            says: "From fewer than PAR to enough again. The bar is the median, the mark nine out of ten.",
            nothing: "No shortage ended.",
            picture: picture::bars("Median time to replenish", &length_bars(&figures.filled)),
            tables: &["filled"],
            is_long: false,
        },
        Section {
            title: "Who sends what to whom?",
            says: "From a stay in one ward to a stay in another, of ten minutes and more each.",
            nothing: "Nothing changed its ward.",
            picture: picture::bars("Transfers", &transfer_bars(figures)),
            tables: &["transfers"],
            is_long: true,
        },
    ]
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn class_bars(figures: &Figures) -> Vec<Bar> {
    let known = figures.classes.iter().filter(|class| class.known_h > 0.0);
    known
        .map(|class| {
            let share = class.in_use_h / class.known_h;
            let mark = class.at_once.filter(|_| class.owned > 0);
            let mark = mark.map(|at_once| f64::from(at_once.most) / class.owned as f64);
            Bar { name: class.class.clone(), share, told: percent(share), mark }
        })
        .collect()
}

fn length_bars(lengths: &[crate::model::LengthFigures]) -> Vec<Bar> {
    let longest = lengths.iter().map(|class| class.p90_min).fold(1.0, f64::max);
    lengths
        .iter()
        .map(|class| Bar {
            name: class.class.clone(),
            share: class.median_min / longest,
            told: format!("{} min", grouped(class.median_min, 0)),
            mark: Some(class.p90_min / longest),
        })
        .collect()
}

fn par_bars(figures: &Figures) -> Vec<Bar> {
    let worst = figures.par.iter().take(MOST_BARS);
    worst
        .map(|par| Bar {
            name: format!("{}, {}", par.ward, par.class),
            share: par.short,
            told: percent(par.short.min(1.0)),
            mark: None,
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn transfer_bars(figures: &Figures) -> Vec<Bar> {
    let most = figures.transfers.first().map_or(1.0, |flow| flow.transfers as f64);
    let largest = figures.transfers.iter().take(MOST_BARS);
    largest
        .map(|flow| Bar {
            name: format!("{} → {}", flow.from, flow.to),
            share: flow.transfers as f64 / most,
            told: grouped(flow.transfers as f64, 0),
            mark: None,
        })
        .collect()
}

const METHOD: &str = "<section class=\"method\"><h2>How these numbers are made</h2><ul>\
<li><b>In use</b> is concluded from rooms and motion, and from what people said by hand: a pump parked at an empty bed counts as in use.</li>\
<li><b>Known time</b> is all time but that in which nobody knows what an asset did, also before it was first seen. Unknown time is never idle time; it is in no denominator, and shown beside.</li>\
<li><b>Unused for a week</b>: nobody had used the asset for more than seven days of known time; time with the engineers doesn't count.</li>\
<li><b>At once</b> counts assets of a class at the same moment; <b>tied up</b> are those in use, reserved, dirty, in cleaning or with the engineers.</li>\
<li><b>PAR levels</b> hold from the hour in which they were set.</li>\
<li>Everything is summed up by hours, at whose borders intervals are divided. What came late has amended the hours that it reached.</li>\
<li>No person is in any of these numbers.</li></ul></section>";
