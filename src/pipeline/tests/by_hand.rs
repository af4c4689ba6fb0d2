//! Claims and statuses by hand, over what the rules say.

use super::*;

use super::snapshot::Form;
use crate::model::{Act, ByHand, CLAIM_MS, WardId};

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

fn c1() -> WardId {
    "C1".parse().expect("valid")
}

/// Where a claim takes the pump.
fn to(live: &Live) -> Option<WardId> {
    live.tags.get(&tag("pump")).expect("live").hand.and_then(|hand| hand.to)
}

fn parts(bench: &Bench) -> Parts {
    Parts {
        site: bench.site.clone(),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 48 * 3_600_000,
        on_change: true,
    }
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
fn where_a_claim_takes_a_thing_is_shown_as_long_as_it_holds() {
    let mut bench = stored();
    let at_ms = START_MS + 21_000;
    let ward_told = |out: &[Decided]| match out {
        [Decided::ByHand { hand, .. }, ..] => hand.to.clone(),
        other => panic!("{other:?}"),
    };
    let begun = bench.act(&act("anna", Act::ClaimTo(c1())), 7, at_ms);
    assert_eq!((ward_told(&begun), to(&bench.live)), (Some(c1()), Some(c1())));
    let again = bench.act(&act("anna", Act::Claim), 8, at_ms + 1_000);
    assert_eq!((ward_told(&again), statuses(&again)), (Some(c1()), vec![]));
    let d2: WardId = "D2".parse().expect("valid");
    let version = bench.live.tags.version();
    let other = bench.act(&act("anna", Act::ClaimTo(d2.clone())), 9, at_ms + 2_000);
    assert_eq!((ward_told(&other), to(&bench.live)), (Some(d2.clone()), Some(d2)));
    assert!(bench.live.tags.version() > version, "pages hear of it");
    bench.act(&act("anna", Act::Release), 10, at_ms + 3_000);
    assert_eq!(to(&bench.live), None);
    bench.act(&act("anna", Act::ClaimTo(c1())), 11, at_ms + 4_000);
    bench.tick(at_ms + 4_000 + CLAIM_MS);
    assert_eq!(to(&bench.live), None, "it ran out");
}

/// What is written down without names can't be read with a field more: the form says which it is.
#[test]
fn a_checkpoint_of_before_destinations_is_read() {
    let mut bench = stored();
    bench.act(&act("anna", Act::Claim), 7, START_MS + 21_000);
    let mut bytes = Vec::new();
    bench.pipeline.write(&mut bytes, <[u8]>::to_vec).expect("written");
    let name = b"\x04anna";
    let at = bytes.windows(name.len()).position(|part| part == name).expect("who claims");
    // No reason, and two moments of six bytes each; then that there is no destination.
    let end = at + name.len() + 1 + 12;
    assert!(bytes[at + name.len()] == 0 && bytes[end - 1] < 0x80 && bytes[end - 7] < 0x80);
    assert_eq!(bytes.remove(end), 0);
    let parts = parts(&bench);
    let live = parts.live.clone();
    let form = Form::from_byte(4).expect("a form of before");
    let open = |bytes: &[u8]| Some(bytes.to_vec());
    let again = Pipeline::read(parts, form, &bytes, open).expect("read");
    assert_eq!((status(&live), to(&live)), ((Status::Reserved, Basis::Manual), None));
    assert_eq!(again.doings.hands(), bench.pipeline.doings.hands());
    assert_eq!((Form::from_byte(3), Form::from_byte(Form::NOW as u8 + 1)), (None, None));
}

#[test]
fn a_checkpoint_keeps_what_was_done_by_hand() {
    let mut bench = stored();
    bench.act(&act("anna", Act::ClaimTo(c1())), 7, START_MS + 21_000);
    let parts = parts(&bench);
    let mut bytes = Vec::new();
    bench.pipeline.write(&mut bytes, <[u8]>::to_vec).expect("written");
    let live = parts.live.clone();
    let again = Pipeline::read(parts, Form::NOW, &bytes, |bytes| Some(bytes.to_vec()));
    let mut again = again.expect("read");
    assert_eq!(status(&live), (Status::Reserved, Basis::Manual));
    assert_eq!(to(&live), Some(c1()));
    let (mut out, mut after) = (Vec::new(), Vec::new());
    bench.pipeline.tick(START_MS + 21_000 + CLAIM_MS, &mut out);
    again.tick(START_MS + 21_000 + CLAIM_MS, &mut after);
    assert_eq!(statuses(&out), statuses(&after));
}
