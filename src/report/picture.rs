//! Pictures as SVG: bars, lines, and a week of hours. Colours are told apart by people who are
//! colour-blind, and each value stands beside its bar.

use super::table::{WEEKDAYS, escaped, percent};
use crate::model::{DayFigures, WeekHour};
use std::{collections::BTreeMap, fmt::Write as _};

const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#4a5763"];

/// A bar: its name, its length as a share of the longest possible, and what stands beside it.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) share: f64,
    pub(super) told: String,
    /// A mark on the bar's way, as a share.
    pub(super) mark: Option<f64>,
}

/// Horizontal bars.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    let height = bars.len() * 26 + 8;
    let mut svg = begin(title, 760, height);
    for (nth, bar) in bars.iter().enumerate() {
        let y = nth * 26 + 4;
        let width = 440.0 * bar.share.clamp(0.0, 1.0);
        let _ = write!(
            svg,
            "<text x=\"172\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"180\" y=\"{y}\" width=\"440\" height=\"18\" class=\"bed\"/>\
             <rect x=\"180\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" fill=\"{}\"/>\
             <text x=\"628\" y=\"{}\">{}</text>",
            y + 14,
            escaped(&shortened(&bar.name, 24)),
            COLOURS[0],
            y + 14,
            escaped(&bar.told),
        );
        if let Some(mark) = bar.mark {
            let x = 180.0 + 440.0 * mark.clamp(0.0, 1.0);
            let _ = write!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\" class=\"mark\"/>",
                y - 3,
                y + 21
            );
        }
    }
    svg + "</svg>"
}

/// The share in use, day by day, a line for each class.
pub(super) fn days(title: &str, days: &[DayFigures]) -> String {
    let mut names: Vec<&str> = days.iter().map(|day| day.day.as_str()).collect();
    names.dedup();
    let mut lines: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for day in days {
        let nth = names.binary_search(&day.day.as_str()).unwrap_or_default();
        lines.entry(&day.class).or_default().push((nth, day.in_use_h / day.known_h));
    }
    let highest = lines.values().flatten().map(|(_, share)| *share).fold(0.1, f64::max);
    let top = ((highest * 5.0).ceil() / 5.0).min(1.0);
    let mut svg = begin(title, 760, 300);
    for step in 0..=4_u8 {
        let share = top * f64::from(step) / 4.0;
        let y = 250.0 - 230.0 * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            "<line x1=\"48\" x2=\"590\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\
             <text x=\"42\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y + 4.0,
            percent(share)
        );
    }
    let x = |nth: usize| 48.0 + 542.0 * fraction(nth, names.len().saturating_sub(1));
    for (nth, day) in names.iter().enumerate() {
        if nth.is_multiple_of(names.len().div_ceil(11).max(1)) {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"270\" text-anchor=\"middle\">{}</text>",
                x(nth),
                escaped(day.get(8..).unwrap_or(day).trim_start_matches('0'))
            );
        }
    }
    for (nth, (class, points)) in lines.iter().enumerate() {
        let colour = COLOURS[nth % COLOURS.len()];
        let dashes = if nth < COLOURS.len() { "none" } else { "6 4" };
        let at = |(day, share): &(usize, f64)| (x(*day), 250.0 - 230.0 * share / top);
        let path: Vec<String> =
            points.iter().map(at).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
            path.join(" ")
        );
        for (x, y) in points.iter().map(at) {
            let _ =
                write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>");
        }
        let y = 24 + nth * 18;
        let _ = write!(
            svg,
            "<line x1=\"604\" x2=\"624\" y1=\"{}\" y2=\"{}\" stroke=\"{colour}\" stroke-width=\"3\" stroke-dasharray=\"{dashes}\"/>\
             <text x=\"630\" y=\"{y}\">{}</text>",
            y - 4,
            y - 4,
            escaped(&shortened(class, 18))
        );
    }
    svg + "</svg>"
}

/// The share in use by hour of the week: the darker, the busier.
pub(super) fn week(title: &str, hours: &[WeekHour]) -> String {
    let mut svg = begin(title, 760, 246);
    let lowest = hours.iter().map(|cell| cell.share).fold(1.0, f64::min);
    let highest = hours.iter().map(|cell| cell.share).fold(0.0, f64::max);
    for (day, name) in WEEKDAYS.iter().enumerate() {
        let _ =
            write!(svg, "<text x=\"52\" y=\"{}\" text-anchor=\"end\">{name}</text>", day * 28 + 42);
    }
    for hour in (0..24).step_by(3) {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"16\" text-anchor=\"middle\">{hour:02}</text>",
            60 + hour * 28 + 14
        );
    }
    for cell in hours {
        let strength = (cell.share - lowest) / (highest - lowest).max(0.001);
        let is_dark = strength > 0.55;
        let (x, y) = (60 + cell.hour * 28, 24 + (cell.weekday - 1) * 28);
        let _ = write!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"27\" height=\"27\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" class=\"{}\">{:.0}</text>",
            shade(strength),
            x + 13,
            y + 18,
            if is_dark { "cell light" } else { "cell" },
            cell.share * 100.0
        );
    }
    svg + &format!(
        "<text x=\"60\" y=\"240\">Percent in use; the darkest is {}, the lightest {}.</text></svg>",
        percent(highest),
        percent(lowest)
    )
}

/// From nearly white to blue.
fn shade(strength: f64) -> String {
    let mix = |light: f64, dark: f64| light + (dark - light) * strength.clamp(0.0, 1.0);
    format!("rgb({:.0},{:.0},{:.0})", mix(238.0, 0.0), mix(244.0, 90.0), mix(250.0, 150.0))
}

#[expect(clippy::cast_precision_loss, reason = "a number of days")]
fn fraction(nth: usize, of: usize) -> f64 {
    if of == 0 { 0.5 } else { nth as f64 / of as f64 }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn begin(title: &str, width: usize, height: usize) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        escaped(title)
    )
}
