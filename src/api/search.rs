//! A question to the register: what a code or words mean, what fits, and what to take where nothing does.

use super::{
    filter::AssetFilter,
    nearest::Nearest,
    view::{AssetNow, AssetView, Picture},
};
use crate::{
    auth::Scope,
    find::{code, vocabulary, words::fold},
    model::{Asset, AssetId, Freshness, Status},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How many of each kind of alternative are told.
const ALTERNATIVES: usize = 3;
/// What may become free, or can be asked for; not what is being mended or gone.
const WORTH_ASKING: [Status; 4] =
    [Status::Available, Status::Dirty, Status::Cleaning, Status::InUse];

/// What to take where nothing fits; each list is in the order of fetching and holds three at most.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alternatives {
    /// The same, but not where it was asked for.
    elsewhere: Vec<AssetView>,
    /// The same, but doing something else now.
    other_status: Vec<AssetView>,
    /// Another class that does the same work: ask before taking it.
    other_class: Vec<AssetView>,
}

/// The one asset that a code, an id or a whole label means, of those that may be seen.
pub(super) fn meant(text: &str, scope: &Scope, picture: &Picture<'_>) -> Option<AssetId> {
    let assets = &picture.registry.assets;
    let seen = |asset: &&Arc<Asset>| picture.may_see(&picture.asset_now(asset), scope);
    let known = code::ids(text).into_iter().find_map(|id| {
        let id: AssetId = id.parse().ok()?;
        assets.get(&id).filter(seen).map(|_| id)
    });
    known.or_else(|| {
        let run_together = |text: &str| fold(text).replace(' ', "");
        let wanted = run_together(text);
        // Words alone may be anybody's label; a number is one thing's.
        if !wanted.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let named = assets.values().filter(|asset| {
            run_together(asset.id.as_str()) == wanted || run_together(&asset.label) == wanted
        });
        let mut same = named.filter(seen);
        let found = same.next()?;
        same.next().is_none().then(|| found.id.clone())
    })
}

/// What fits; where nothing has the words, what nearly has them, and then true.
pub(super) fn matching(filter: &mut AssetFilter, picture: &Picture<'_>) -> (Vec<AssetNow>, bool) {
    let fitting = |filter: &AssetFilter| -> Vec<AssetNow> {
        let all = picture.registry.assets.values().map(|asset| picture.asset_now(asset));
        all.filter(|now| filter.admits(now, picture)).collect()
    };
    let found = fitting(filter);
    // A word that is right, of which nothing is free, is not guessed at.
    let named = |filter: &AssetFilter| {
        picture.registry.assets.values().any(|asset| {
            filter.means_class(&asset.class)
                && picture.may_see(&picture.asset_now(asset), &filter.scope)
        })
    };
    if !found.is_empty() || filter.words.is_empty() || filter.asset.is_some() || named(filter) {
        return (found, false);
    }
    filter.forgiving = true;
    let found = fitting(filter);
    let guessed = !found.is_empty() || named(filter);
    (found, guessed)
}

/// What else would do; none: nothing would, or the question named no kind of thing.
pub(super) fn alternatives(
    asked: &AssetFilter,
    picture: &Picture<'_>,
    nearest: &Nearest<'_>,
) -> Option<Alternatives> {
    if asked.asset.is_some() {
        return None;
    }
    let best = |admits: &dyn Fn(&AssetNow) -> bool| -> Vec<AssetView> {
        let mut found: Vec<_> = picture
            .registry
            .assets
            .values()
            .map(|asset| picture.asset_now(asset))
            .filter(|now| {
                matches!(now.freshness(picture.now_ms), Freshness::Live | Freshness::Stale)
            })
            .filter(admits)
            .map(|now| (nearest.standing(&now), now))
            .collect();
        found.sort_by(|(a, x), (b, y)| a.compare(b).then_with(|| x.asset.id.cmp(&y.asset.id)));
        let first = found.iter().take(ALTERNATIVES);
        first
            .map(|(standing, now)| picture.asset_view(now, Some(nearest.fetch(now, standing))))
            .collect()
    };
    let anywhere = asked.anywhere();
    let (same, others) = (anywhere.in_any_status(), anywhere.of_any_class());
    let named = picture.registry.assets.values().map(|asset| &asset.class);
    let mut named: Vec<_> = named.filter(|class| asked.means_class(class)).collect();
    named.sort();
    named.dedup();
    let all = Alternatives {
        elsewhere: best(&|now| anywhere.admits(now, picture)),
        other_status: best(&|now| {
            WORTH_ASKING.contains(&now.status())
                && same.admits(now, picture)
                && !anywhere.admits(now, picture)
        }),
        other_class: best(&|now| {
            let class = &now.asset.class;
            named.iter().any(|named| vocabulary::same_use(named, class))
                && others.admits(now, picture)
        }),
    };
    let any = [&all.elsewhere, &all.other_status, &all.other_class].iter().any(|l| !l.is_empty());
    any.then_some(all)
}
