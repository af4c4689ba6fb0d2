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

fn status(live: &Live) -> (Status, Basis) {
    let state = live.tags.get(&tag("pump")).expect("live");
    state.status.map(|status| (status.status, status.basis)).expect("a status")
}

#[test]
fn a_claim_shows_until_it_is_over_and_the_rule_shows_again() {
    let mut bench = stored();
    assert_eq!(status(&bench.live), (Status::Available, Basis::Inferred));
    let at_ms = START_MS + 21_000;
    bench.pipeline.by_hand(&act("anna", Act::Claim), 7, at_ms);
    bench.pipeline.by_hand(&act("bo", Act::Claim), 8, at_ms + 1);
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
    bench.pipeline.by_hand(&act("anna", Act::Claim), 7, START_MS + 21_000);
    let at = bench.room(RoomKind::Patient, 0);
    for second in 30..60 {
        let at_ms = START_MS + second * 1_000;
        bench.send("pump", at, at_ms, at_ms);
        bench.tick(at_ms);
    }
    assert_eq!(status(&bench.live), (Status::InUse, Basis::Inferred));
}

#[test]
fn a_checkpoint_keeps_what_was_done_by_hand_and_one_of_before_is_read_without() {
    let mut bench = stored();
    let parts = || Parts {
        site: bench.site.clone(),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 48 * 3_600_000,
        on_change: true,
    };
    let write = |pipeline: &Pipeline| {
        let mut bytes = Vec::new();
        pipeline.write(&mut bytes, <[u8]>::to_vec).expect("written");
        bytes
    };
    let without = write(&bench.pipeline);
    let before = &without[..without.len() - 1];
    Pipeline::read(parts(), before, |bytes| Some(bytes.to_vec())).expect("read");
    bench.pipeline.by_hand(&act("anna", Act::Claim), 7, START_MS + 21_000);
    let with = write(&bench.pipeline);
    let parts = parts();
    let live = parts.live.clone();
    let taken_up = Pipeline::read(parts, &with, |bytes| Some(bytes.to_vec())).expect("read");
    assert_eq!(status(&live), (Status::Reserved, Basis::Manual));
    assert_eq!(taken_up.hands, bench.pipeline.hands);
}
