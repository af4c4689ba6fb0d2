//! How to fetch an asset, as the API tells it: the way in steps and in words, and the reasons of its place.

use super::{
    nearest::ward_of,
    view::{AssetNow, Picture, rounded},
};
use crate::{
    find::{Spoken, Step, Turn, minutes, rank::Reason},
    live::Place,
    model::WardId,
};
use serde::Serialize;
use utoipa::ToSchema;

/// How to fetch an asset from where somebody asks.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct FetchView {
    /// Straight-line distance from `near`, metres, 30 m more for each floor between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) distance_m: Option<f64>,
    /// Walking time from `near`, seconds, waiting for lifts included. What rolls goes by lift only, so
    /// that the way there is also the way back with it. Absent: no way is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) walk_s: Option<f64>,
    /// What is walked of that, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) walk_m: Option<f64>,
    /// The way, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<Vec<StepView>>,
    /// The way on one line, with its minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route_text: Option<TextView>,
    /// The way as points to draw: metres east and north, and the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<Vec<[f64; 3]>>,
    /// Why it stands where it does: the seconds of all reasons make the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Vec<WhyView>>,
}

/// The same in both languages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TextView {
    /// Danish.
    da: String,
    /// English.
    en: String,
}

/// A piece of a way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"kind": "walk", "turn": "left", "metres": 85.0, "da": "venstre 85 m", "en": "left 85 m"}))]
pub(super) struct StepView {
    /// `walk`, `lift`, `stairs`, or `enter`: through the last door.
    kind: &'static str,
    /// `left`, `right`, `ahead` or `back`, against the way one faces; absent: nobody knows how one stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<&'static str>,
    /// How far, in a walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    metres: Option<f64>,
    /// The lift, stairs or room, as its door says.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where lift or stairs lead; 0 is ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<i16>,
    /// In Danish.
    da: String,
    /// In English.
    en: String,
}

/// A reason for an asset's place in the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"reason": "walk", "adds_s": 85.2, "da": "2 min at gå", "en": "2 min to walk"}))]
pub(super) struct WhyView {
    /// `walk`, `no_way`, `stale`, `unsure`, `leaves_short`, `lost`, `never_seen`.
    reason: &'static str,
    /// Seconds that it adds; 0: it is told, and counts nothing.
    adds_s: f64,
    /// In Danish.
    da: String,
    /// In English.
    en: String,
}

/// A reason in words.
pub(super) fn why_view(
    (reason, adds_s): &(Reason, f64),
    now: &AssetNow,
    picture: &Picture<'_>,
) -> WhyView {
    let ward = ward_of(now, picture).map_or("", WardId::as_str);
    let (reason, da, en) = match reason {
        Reason::Walk(walk) => {
            let min = minutes(walk.seconds);
            ("walk", format!("{min} min at gå"), format!("{min} min to walk"))
        }
        Reason::NoWay => ("no_way", "ingen kendt vej".to_owned(), "no way is known".to_owned()),
        Reason::Stale => {
            let seen_ms = now.place().map_or(picture.now_ms, |place| place.seen_ms);
            let age_min = (picture.now_ms - seen_ms).max(0) / 60_000;
            ("stale", format!("ikke hørt i {age_min} min"), format!("not heard for {age_min} min"))
        }
        Reason::Unsure(_) if now.place().is_some_and(Place::is_room_only) => {
            ("unsure", "kun rummet er kendt".to_owned(), "only the room is known".to_owned())
        }
        Reason::Unsure(radius_m) => (
            "unsure",
            format!("stedet kendes på {radius_m:.0} m"),
            format!("its place is known to {radius_m:.0} m"),
        ),
        Reason::Leaves(0) => (
            "leaves_short",
            format!("{ward}s sidste ledige"),
            format!("the last free one of {ward}"),
        ),
        Reason::Leaves(left) => (
            "leaves_short",
            format!("{ward} har {left} tilbage"),
            format!("{ward} has {left} left"),
        ),
        Reason::Lost => ("lost", "tabt af syne".to_owned(), "lost from sight".to_owned()),
        Reason::NeverSeen => ("never_seen", "aldrig set".to_owned(), "never seen".to_owned()),
    };
    WhyView { reason, adds_s: rounded(*adds_s, 10.0), da, en }
}

pub(super) fn text(Spoken { da, en }: Spoken) -> TextView {
    TextView { da, en }
}

pub(super) fn step_view(step: &Step, Spoken { da, en }: Spoken) -> StepView {
    let mut view =
        StepView { kind: "walk", turn: None, metres: None, name: None, floor: None, da, en };
    match step {
        Step::Walk { turn, metres } => {
            view.turn = turn.map(turn_name);
            view.metres = Some(rounded(*metres, 10.0));
        }
        Step::Lift { name, to_floor } | Step::Stairs { name, to_floor } => {
            view.kind = if matches!(step, Step::Lift { .. }) { "lift" } else { "stairs" };
            (view.name, view.floor) = (Some(name.clone()), Some(*to_floor));
        }
        Step::Enter { turn, name } => {
            view.kind = "enter";
            (view.turn, view.name) = (Some(turn_name(*turn)), Some(name.clone()));
        }
    }
    view
}

fn turn_name(turn: Turn) -> &'static str {
    match turn {
        Turn::Ahead => "ahead",
        Turn::Left => "left",
        Turn::Right => "right",
        Turn::Back => "back",
    }
}
