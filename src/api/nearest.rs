//! How to fetch what was found: the walk to each from where somebody asks, and the order that it makes.

use super::{
    fetch::{FetchView, step_view, text, why_view},
    filter::{Near, Rank},
    view::{AssetNow, Picture, rounded},
};
use crate::{
    auth::Scope,
    find::{
        Load, Reach, Spot, Step, Ways,
        rank::{Facts, Order, Standing},
    },
    model::{ClassId, Freshness, Status, WardId},
    site::Site,
};
use arc_swap::ArcSwapOption;
use std::{cell::OnceCell, collections::HashMap, sync::Arc};

/// The ways of the building that is shown now.
#[derive(Default)]
pub(super) struct CurrentWays(ArcSwapOption<(String, Ways)>);

impl CurrentWays {
    /// Those of `site`, made anew when it is another one than before.
    pub(super) fn of(&self, site: &Site) -> Arc<(String, Ways)> {
        if let Some(made) = self.0.load_full().filter(|made| made.0 == site.version) {
            return made;
        }
        let made = Arc::new((site.version.clone(), Ways::of(site)));
        self.0.store(Some(Arc::clone(&made)));
        made
    }
}

/// One question's order.
pub(super) struct Nearest<'a> {
    picture: &'a Picture<'a>,
    scope: &'a Scope,
    near: &'a Near,
    ways: &'a Ways,
    order: Order,
    own_ward: Option<&'a WardId>,
    /// One search for each way of travelling that occurs.
    reaches: [OnceCell<Option<Reach<'a>>>; 3],
    /// How many of a class are free in a ward.
    free: HashMap<(ClassId, WardId), usize>,
}

impl<'a> Nearest<'a> {
    pub(super) fn new(
        picture: &'a Picture<'a>,
        scope: &'a Scope,
        near: &'a Near,
        ways: &'a Ways,
        rank: Option<Rank>,
    ) -> Self {
        let order = match rank {
            Some(Rank::Considerate) => Order::Considerate,
            Some(Rank::Nearest) | None => Order::Nearest,
        };
        let mut free = HashMap::new();
        for asset in picture.registry.assets.values() {
            let now = picture.asset_now(asset);
            if let Some(ward) = ward_of(&now, picture).filter(|_| is_free(&now, picture.now_ms)) {
                *free.entry((asset.class.clone(), ward.clone())).or_default() += 1;
            }
        }
        let own_ward = near.room.as_ref().and_then(|room| picture.site().zone(room)?.ward.as_ref());
        Self { picture, scope, near, ways, order, own_ward, reaches: Default::default(), free }
    }

    /// Where it stands among others.
    pub(super) fn standing(&self, now: &AssetNow) -> Standing {
        let spot = spot(now);
        let walk = spot.and_then(|spot| self.reach(now)?.to(&spot));
        let facts = Facts {
            walk,
            straight_m: self.straight_m(now),
            freshness: now.freshness(self.picture.now_ms),
            unsure_m: self.unsure_m(now),
            left: self.left(now),
        };
        Standing::of(&facts, self.order)
    }

    /// The way to it, and why it stands where it does.
    pub(super) fn fetch(&self, now: &AssetNow, standing: &Standing) -> FetchView {
        let route = spot(now).and_then(|spot| self.reach(now)?.route(&spot));
        let label = |floor| self.picture.site().floor_label(floor);
        let step = |step: &Step| step_view(step, step.say(label));
        FetchView {
            distance_m: self.straight_m(now).map(|metres| rounded(metres, 10.0)),
            walk_s: route.as_ref().map(|route| rounded(route.walk.seconds, 10.0)),
            walk_m: route.as_ref().map(|route| rounded(route.walk.metres, 10.0)),
            route_text: route.as_ref().map(|route| text(route.say(label))),
            path: route.as_ref().map(|route| {
                let point = |([x_m, y_m], floor): ([f64; 2], i16)| {
                    [rounded(x_m, 10.0), rounded(y_m, 10.0), f64::from(floor)]
                };
                route.points().map(point).collect()
            }),
            route: route.map(|route| route.steps.iter().map(step).collect()),
            why: Some(standing.why.iter().map(|why| why_view(why, now, self.picture)).collect()),
        }
    }

    fn reach(&self, now: &AssetNow) -> Option<&Reach<'a>> {
        let load = Load::of(&now.asset.class);
        let room = self.near.room.as_ref()?;
        let from = Spot { x_m: self.near.x_m, y_m: self.near.y_m, room };
        self.reaches[load as usize].get_or_init(|| self.ways.reach(from, load)).as_ref()
    }

    fn straight_m(&self, now: &AssetNow) -> Option<f64> {
        now.place().map(|at| self.near.distance_m(at.x_m, at.y_m, at.floor))
    }

    /// Where only the room is known, it is somewhere in that.
    fn unsure_m(&self, now: &AssetNow) -> f64 {
        let Some(place) = now.place() else { return 0.0 };
        let radius = || self.picture.site().radius_m(place.zone.as_ref()?);
        let room_m = if place.is_room_only() { radius().unwrap_or_default() } else { 0.0 };
        room_m.max(f64::from(place.accuracy_m))
    }

    fn left(&self, now: &AssetNow) -> Option<usize> {
        let ward = ward_of(now, self.picture).filter(|ward| Some(*ward) != self.own_ward)?;
        // How many a ward has left is not told to one who may not look into it.
        if !is_free(now, self.picture.now_ms) || !self.scope.has_ward(ward) {
            return None;
        }
        let free = self.free.get(&(now.asset.class.clone(), ward.clone()))?;
        Some(free.saturating_sub(1))
    }
}

fn spot(now: &AssetNow) -> Option<Spot<'_>> {
    let place = now.place()?;
    Some(Spot { x_m: place.x_m, y_m: place.y_m, room: place.zone.as_ref()? })
}

/// Free, and seen lately enough to be sent for.
fn is_free(now: &AssetNow, now_ms: i64) -> bool {
    now.status() == Status::Available
        && matches!(now.freshness(now_ms), Freshness::Live | Freshness::Stale)
}

/// The ward where it stands.
pub(super) fn ward_of<'p>(now: &AssetNow, picture: &'p Picture<'_>) -> Option<&'p WardId> {
    picture.ward_of(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_made_anew_when_the_site_is_another_one_and_kept_while_it_is_the_same() {
        let demo = Site::load(None).expect("valid");
        let text = demo.text().replacen("\"name\":\"Depot\"", "\"name\":\"Depot 1\"", 1);
        let changed = Site::parse(&text).expect("valid");
        let current = CurrentWays::default();
        let first = current.of(&demo);
        assert!(Arc::ptr_eq(&first, &current.of(&demo)));
        let second = current.of(&changed);
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(second.0, changed.version);
    }
}
