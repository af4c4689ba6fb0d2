//! Rules run over the past again: under the rules of then nothing is another, under others it is what
//! those would have said, and back again.

use super::*;
use crate::{
    model::{Act, AssetId},
    pipeline::{self, Again, rule_book},
    storage::{Recomputed, Recomputing},
    utilisation::{Rules, rewritten},
};
use std::collections::HashMap;

/// What rules can ask for without motion, and otherwise than those that are built in.
const OTHER: &str = r#"
format = "spor-rules/1"
dwell_s = 10

[transitions]
missing = ["maintenance", "available"]

[[rule]]
name = "forgotten"
room = ["linen", "patient"]
after_s = 120
status = "missing"

[[rule]]
name = "linen"
room = ["linen"]
status = "dirty"

[[rule]]
name = "bed"
room = ["patient"]
class = ["pump"]
status = "cleaning"

[[rule]]
name = "shelf"
room = ["storage", "corridor"]
status = "available"

[[rule]]
name = "mend"
room = ["workshop"]
from = ["available", "unknown"]
status = "maintenance"
"#;

/// And with motion and buttons.
const LISTENING: &str = r#"
format = "spor-rules/1"
dwell_s = 10

[[rule]]
name = "pressed"
button = true
from = ["dirty", "in_use", "available"]
room = ["soiled_utility", "patient", "storage"]
status = "cleaning"

[[rule]]
name = "still"
moving = false
room = ["patient", "workshop", "corridor"]
status = "available"

[[rule]]
name = "moves"
moving = true
room = ["patient", "workshop"]
status = "in_use"

[[rule]]
name = "soiled"
room = ["soiled_utility"]
status = "dirty"
"#;

fn rules(text: &str) -> Arc<Rules> {
    Arc::new(Rules::parse(text).unwrap())
}

impl Bench {
    fn statement(&self, sql: &str) {
        let work = async { self.storage.client().await.unwrap().batch_execute(sql).await.unwrap() };
        self.runtime.block_on(work);
    }

    /// Decides anew by `rules`, or by those of then.
    fn recompute(
        &self,
        names: &[String],
        rules: Option<&Rules>,
        (from_ms, to_ms): (i64, i64),
        at_ms: i64,
    ) -> Recomputed {
        self.runtime.block_on(async {
            let mut rows = self.storage.rules().await.unwrap();
            if let Some(rules) = rules {
                rows = rewritten(&rows, rules, from_ms, to_ms);
                self.storage.put_rules(&rows).await.unwrap();
            }
            let book = rule_book(&rows, &mut HashMap::new());
            let what = Recomputing {
                from_ms,
                to_ms,
                site: self.site.version.clone(),
                motion: book.listens_to_motion(from_ms, to_ms),
                writes: true,
            };
            let again = Again { from_ms, to_ms, at_ms };
            let assets: Vec<AssetId> = names.iter().map(|name| name.parse().unwrap()).collect();
            let decide = |course: &_| pipeline::recompute(course, &book, again);
            self.storage.recompute(&what, Some(&assets), decide, |_, _| ()).await.unwrap()
        })
    }

    /// All that is stored of an asset's line.
    fn line(&self, name: &str) -> Vec<String> {
        let mut line = self.statuses(name);
        line.extend(self.rows(&format!(
            "select b.status, b.from_at, b.rule, z.id from status_beneath b
             left join zone z on z.key = b.zone where b.asset = '{name}' order by b.from_at"
        )));
        line
    }

    /// Beginnings, statuses and rules of what is shown up to a moment.
    fn up_to(&self, name: &str, at_ms: i64) -> Vec<String> {
        self.rows(&format!(
            "select s.from_at, s.status, s.rule from asset_status s where s.asset = '{name}'
             and s.from_at < to_timestamp({at_ms} / 1000.0) order by s.from_at"
        ))
    }
}

/// Rows on change don't tell when a room was in doubt, in which nothing was concluded: so none is.
fn certain(places: &[(f64, f64, i16)], on_change: bool) -> &[(f64, f64, i16)] {
    if on_change { &places[..8] } else { places }
}

fn unchanged() -> impl Fn(&Recomputed) -> bool {
    |done| done.changed.is_empty() && done.statuses == 0 && done.no_statuses == 0
}

/// A day with late fixes, claims, statuses by hand and changed rules.
#[test]
fn by_the_rules_of_then_nothing_is_another_and_by_others_and_back_all_is_as_it_was() {
    let Some(bench) = Bench::new("recompute") else { return };
    let places = places(&bench.site);
    let walk = proptest::collection::vec(stay(), 4..40);
    let outages = proptest::collection::vec(outage(), 0..4);
    let deeds = proptest::collection::vec(deed(), 0..8);
    let case = AtomicU64::new(0);
    let strategy = (walk, outages, deeds, 1i64..12, any::<bool>(), 0i64..4_000, 60i64..4_000);
    proptest!(config(), |((walk, outages, deeds, portions, on_change, changed_s, cut_s) in strategy)| {
        let number = case.fetch_add(1, Ordering::Relaxed);
        bench.statement("delete from status_rules");
        let names = [format!("ordered-{number}"), format!("late-{number}")];
        let fixes = fixes(&walk, certain(&places, on_change), START_MS);
        let (messages, end_ms) = messages(&names, &fixes, &outages);
        let times = (START_MS, end_ms);
        let (acts, later) = (acts(&deeds), rules(OTHER));
        let changes = [(START_MS + changed_s * SECOND_MS, later)];
        let meanwhile = Meanwhile { acts: &acts, rules: &changes };
        bench.run_with(&names, on_change, &messages, &meanwhile, times, portions);
        // Stored on change, what came late left visits and statuses that may differ by the seconds of a
        // doubtful change: statuses follow the visits then, and stay so.
        if on_change && !outages.is_empty() {
            bench.recompute(&names, None, (START_MS - 1, end_ms), end_ms);
        }
        let before = [0, 1].map(|n| bench.line(&names[n]));
        let cut_ms = START_MS + cut_s * SECOND_MS;
        for from_ms in [START_MS - 1, cut_ms] {
            let done = bench.recompute(&names, None, (from_ms, end_ms), end_ms);
            let after = [0, 1].map(|n| bench.line(&names[n]));
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(before == after, "from {}: {}", from_ms - START_MS, difference(before, after));
            }
            prop_assert!(unchanged()(&done), "{:?}", done);
        }
        let then = bench.runtime.block_on(bench.storage.rules()).unwrap();
        let short = [0, 1].map(|n| bench.up_to(&names[n], cut_ms));
        bench.recompute(&names, Some(&rules(LISTENING)), (cut_ms, end_ms), end_ms);
        for (short, name) in short.iter().zip(&names) {
            prop_assert_eq!(short, &bench.up_to(name, cut_ms));
        }
        bench.recompute(&names, Some(&rules(OTHER)), (START_MS - 1, end_ms), end_ms);
        prop_assert_eq!(bench.overlaps(), Vec::<String>::new());
        bench.runtime.block_on(bench.storage.put_rules(&then)).unwrap();
        bench.recompute(&names, None, (START_MS - 1, end_ms), end_ms);
        prop_assert_eq!(bench.overlaps(), Vec::<String>::new());
        for (before, name) in before.iter().zip(&names) {
            let after = bench.line(name);
            prop_assert!(*before == after, "and back: {}", difference(before, &after));
        }
    });
}

/// The same walk live under the other rules, and under those of before and decided anew by the others.
#[test]
fn by_other_rules_the_past_is_what_they_would_have_said() {
    let Some(bench) = Bench::new("recompute_others") else { return };
    let places = places(&bench.site);
    let walk = proptest::collection::vec(stay(), 4..40);
    let presses = proptest::collection::vec(0i64..4_000, 0..12);
    let deeds = proptest::collection::vec(deed(), 0..8);
    let case = AtomicU64::new(0);
    let strategy = (walk, presses, deeds, any::<bool>(), any::<bool>());
    proptest!(config(), |((walk, presses, deeds, on_change, listening) in strategy)| {
        let number = case.fetch_add(1, Ordering::Relaxed);
        let names = [format!("then-{number}"), format!("anew-{number}")];
        let fixes = fixes(&walk, certain(&places, on_change), START_MS);
        let others = rules(if listening { LISTENING } else { OTHER });
        // What ends by hand may have the past decided anew, on change within seconds.
        let acts: Vec<(i64, Act)> = if on_change { Vec::new() } else { acts(&deeds) };
        let from_start = [others.clone(), Arc::new(Rules::built_in())].map(|rules| [(START_MS, rules)]);
        let mut end_ms = 0;
        for (name, changes) in names.iter().zip(&from_start) {
            bench.statement("delete from status_rules");
            let both = [name.clone(), format!("{name}-beside")];
            let (mut messages, ends_ms) = messages(&both, &fixes, &[]);
            end_ms = ends_ms;
            for second in presses.iter().filter(|second| START_MS + *second * SECOND_MS < end_ms) {
                let time_ms = START_MS + second * SECOND_MS + 250;
                let said = serde_json::json!({ "time_ms": time_ms, "button": true });
                messages.push((time_ms, format!("spor/v1/tags/{name}/status"), said.to_string()));
            }
            messages.sort_by_key(|(received_ms, ..)| *received_ms);
            let meanwhile = Meanwhile { acts: &acts, rules: changes };
            bench.run_with(&both, on_change, &messages, &meanwhile, (START_MS, end_ms), 3);
        }
        let live = bench.line(&names[0]);
        // As if it went on under them.
        let times = (START_MS, end_ms + SECOND_MS);
        bench.recompute(&names[1..], Some(&others), times, end_ms);
        let anew = bench.line(&names[1]);
        prop_assert!(live == anew, "{}", difference(&live, &anew));
        let done = bench.recompute(&names[..1], None, (START_MS, end_ms), end_ms);
        prop_assert!(unchanged()(&done), "{:?}", done);
        prop_assert_eq!(bench.overlaps(), Vec::<String>::new());
    });
}
