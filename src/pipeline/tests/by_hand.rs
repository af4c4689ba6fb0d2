//! Claims and statuses by hand, over what the rules say.

use super::*;

use crate::model::{Act, ByHand, CLAIM_MS};

fn act(by: &str, act: Act) -> ByHand {
    ByHand { asset: AssetId::new("P1").expect("valid"), by: by.to_owned(), act }
}

/// A pump that is available.
fn stored() -> Bench {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::Storage, 0);
    bench.send("pump", at, START_MS, START_MS);
    bench.send("pump", at, START_MS + 20_000, START_MS + 20_000);
    bench.tick(START_MS + 20_000);
    bench
}

impl Bench {
    fn act(&mut self, act: &ByHand, sequence: u64, now_ms: i64) -> Vec<Decided> {
        let mut out = Vec::new();
        self.pipeline.by_hand(act, sequence, now_ms, &mut out);
        out
    }
}

/// What the events say of statuses.
fn told(out: &[Decided]) -> Vec<&str> {
    let events = out.iter().filter_map(|item| match item {
        Decided::Event(event) => Some(event),
        _ => None,
    });
    let of_status = events.filter(|event| event.kind == crate::model::EventKind::Status);
    of_status.map(|event| event.change.as_str()).collect()
}

fn status(live: &Live) -> (Status, Basis) {
    let state = live.tags.get(&tag("pump")).expect("live");
    state.status.map(|status| (status.status, status.basis)).expect("a status")
}

#[test]
fn a_claim_shows_until_it_is_over_and_the_rule_shows_again() {
    let mut bench = stored();
    assert_eq!(status(&bench.live), (Status::Available, Basis::Inferred));
    let at_ms = START_MS + 21_000;
    bench.act(&act("anna", Act::Claim), 7, at_ms);
    bench.act(&act("bo", Act::Claim), 8, at_ms + 1);
    assert_eq!(status(&bench.live), (Status::Reserved, Basis::Manual));
    let board = bench.live.by_hand.borrow().clone();
    let holder = board.hands.of(&act("", Act::Clear).asset).map(|hand| hand.by.clone());
    assert_eq!((board.through, holder.as_deref()), (8, Some("anna")));
    bench.tick(at_ms + CLAIM_MS - 1);
    assert_eq!(status(&bench.live).0, Status::Reserved);
    bench.tick(at_ms + CLAIM_MS);
    assert_eq!(status(&bench.live), (Status::Available, Basis::Inferred));
}

#[test]
fn a_claim_ends_when_the_pump_is_at_a_bed() {
    let mut bench = stored();
    bench.act(&act("anna", Act::Claim), 7, START_MS + 21_000);
    let at = bench.room(RoomKind::Patient, 0);
    for second in 30..60 {
        let at_ms = START_MS + second * 1_000;
        bench.send("pump", at, at_ms, at_ms);
        bench.tick(at_ms);
    }
    assert_eq!(status(&bench.live), (Status::InUse, Basis::Inferred));
}

#[test]
fn what_is_said_by_hand_is_stored_and_told_and_so_is_its_end() {
    let mut bench = stored();
    let at_ms = START_MS + 21_000;
    let begun = bench.act(&act("anna", Act::Claim), 7, at_ms);
    assert_eq!(statuses(&begun), [(Status::Reserved, at_ms)]);
    assert_eq!(told(&begun), ["reserved"]);
    let over = bench.tick(at_ms + CLAIM_MS + 300);
    assert_eq!(statuses(&over), [(Status::Available, at_ms + CLAIM_MS)]);
    assert_eq!(told(&over), ["available"]);
    let shown = bench.live.tags.get(&tag("pump")).and_then(|state| state.status);
    assert_eq!(shown.map(|shown| shown.since_ms), Some(at_ms + CLAIM_MS), "live as stored");
}

#[test]
fn what_rules_say_beneath_an_override_shows_when_that_is_taken_back() {
    let mut bench = stored();
    let broken = Act::Say { status: Status::Dirty, reason: "blood".to_owned(), for_ms: 3_600_000 };
    bench.act(&act("bo", broken), 7, START_MS + 21_000);
    let at = bench.room(RoomKind::Patient, 0);
    let mut meanwhile = Vec::new();
    for second in 30..60 {
        let at_ms = START_MS + second * 1_000;
        meanwhile.extend(bench.send("pump", at, at_ms, at_ms));
        meanwhile.extend(bench.tick(at_ms));
    }
    assert_eq!((statuses(&meanwhile), told(&meanwhile)), (vec![], vec![]), "hidden");
    let beneath = meanwhile
        .iter()
        .any(|item| matches!(item, Decided::Beneath(row) if row.status == Status::InUse));
    assert!(beneath, "what rules say goes on");
    let back = bench.act(&act("bo", Act::Clear), 8, START_MS + 70_000);
    assert_eq!(statuses(&back), [(Status::InUse, START_MS + 70_000)]);
    assert_eq!(told(&back), ["in_use"]);
}

#[test]
fn a_checkpoint_keeps_what_was_done_by_hand() {
    let mut bench = stored();
    bench.act(&act("anna", Act::Claim), 7, START_MS + 21_000);
    let parts = Parts {
        site: bench.site.clone(),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 48 * 3_600_000,
        on_change: true,
    };
    let mut bytes = Vec::new();
    bench.pipeline.write(&mut bytes, <[u8]>::to_vec).expect("written");
    let live = parts.live.clone();
    let mut again = Pipeline::read(parts, &bytes, |bytes| Some(bytes.to_vec())).expect("read");
    assert_eq!(status(&live), (Status::Reserved, Basis::Manual));
    let (mut out, mut after) = (Vec::new(), Vec::new());
    bench.pipeline.tick(START_MS + 21_000 + CLAIM_MS, &mut out);
    again.tick(START_MS + 21_000 + CLAIM_MS, &mut after);
    assert_eq!(statuses(&out), statuses(&after));
}
