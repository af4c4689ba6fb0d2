//! Which assets are meant: by class, status, place, words and freshness; and from where somebody asks.

use super::{
    error::ApiError,
    view::{AssetNow, Picture},
};
use crate::{
    auth::Scope,
    find::{vocabulary, words},
    live::Place,
    model::{AssetId, ClassId, Freshness, Status, WardId, ZoneId},
    site::Site,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What a floor between two places counts for, metres.
const FLOOR_M: f64 = 30.0;
/// Longest `q`, bytes.
const MAX_QUERY: usize = 200;

/// Which assets to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetQuery {
    /// A class, or several with commas between.
    #[param(example = "infusion-pump")]
    pub(super) class: Option<String>,
    /// A status, or several with commas between: available, in_use, dirty, cleaning, maintenance,
    /// reserved, missing, unknown.
    #[param(example = "available")]
    pub(super) status: Option<String>,
    /// A room or a ward that it is in now.
    #[param(example = "C1")]
    pub(super) zone: Option<String>,
    /// A floor that it is on now; 0 is ground.
    #[param(example = 1)]
    pub(super) floor: Option<i16>,
    /// A ward that it is in now.
    #[param(example = "C1")]
    pub(super) ward: Option<String>,
    /// The ward that owns it, wherever it is.
    #[param(example = "C1")]
    pub(super) home: Option<String>,
    /// A ward that a claim takes it to.
    #[param(example = "C1")]
    pub(super) to: Option<String>,
    /// Words in Danish or English; each must occur in its id, label, room name or ward, or be a
    /// word for its class; "free" asks for what is available. Where nothing has them all, slips of
    /// the fingers are forgiven. A scanned code (GS1 GIAI or GRAI), an id or a whole label means
    /// that one asset.
    #[param(example = "ledig infusionspumpe")]
    pub(super) q: Option<String>,
    /// A room, or `x,y,floor` in metres; the list is then sorted by what it costs to fetch each.
    #[param(example = "12.5,8,1")]
    pub(super) near: Option<String>,
    /// With `near`, whose need counts: `nearest`, the asker's alone, when not given; `considerate`,
    /// also that of a ward which would be left with one or none.
    #[param(inline, example = "nearest")]
    pub(super) rank: Option<Rank>,
    /// A state, or several with commas between: live, stale, lost, unknown.
    #[param(example = "live")]
    pub(super) state: Option<String>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    pub(super) limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "0~pump-7")]
    pub(super) cursor: Option<String>,
}

/// Whose need counts when something is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rank {
    /// The asker's alone.
    Nearest,
    /// Also that of the ward that it is taken from.
    Considerate,
}

/// Conditions that all must hold; those that are empty hold always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct AssetFilter {
    /// What the asker may see at all.
    pub(super) scope: Scope,
    classes: Vec<String>,
    statuses: Vec<Status>,
    states: Vec<Freshness>,
    zone: Option<ZoneId>,
    wards: Vec<WardId>,
    home: Option<WardId>,
    to: Option<WardId>,
    floor: Option<i16>,
    /// Folded.
    pub(super) words: Vec<String>,
    /// Words may have slips of the fingers.
    pub(super) forgiving: bool,
    /// A code meant this one.
    pub(super) asset: Option<AssetId>,
}

impl AssetFilter {
    pub(super) fn parse(query: &AssetQuery, scope: &Scope, site: &Site) -> Result<Self, ApiError> {
        let mut filter = Self {
            scope: scope.clone(),
            classes: parse_list(query.class.as_deref(), "class", |text| {
                spor_schemas::ids::is_valid_id(text).then(|| text.to_owned())
            })?,
            statuses: parse_list(query.status.as_deref(), "status", Status::parse)?,
            states: parse_list(query.state.as_deref(), "state", |text| {
                Freshness::ALL.into_iter().find(|state| state.as_str() == text)
            })?,
            floor: query.floor.map(|floor| known_floor(floor, site)).transpose()?,
            ..Self::default()
        };
        let (free, words): (Vec<String>, _) = tokens(query.q.as_deref().unwrap_or_default())?
            .into_iter()
            .partition(|word| vocabulary::means_free(word));
        filter.words = words;
        if !free.is_empty() && filter.statuses.is_empty() {
            filter.statuses.push(Status::Available);
        }
        if let Some(ward) = &query.ward {
            filter.wards.push(known_ward(ward, site).ok_or_else(|| no_such("ward", ward))?);
        }
        if let Some(ward) = &query.home {
            filter.home = Some(known_ward(ward, site).ok_or_else(|| no_such("home", ward))?);
        }
        filter.to = query.to.as_deref().map(|ward| destination(ward, site)).transpose()?;
        if let Some(text) = &query.zone {
            if let Some(zone) = site.zones().find(|zone| zone.id.as_str() == text) {
                filter.zone = Some(zone.id.clone());
            } else {
                filter.wards.push(known_ward(text, site).ok_or_else(|| no_such("zone", text))?);
            }
        }
        Ok(filter)
    }

    /// The same, wherever it is.
    pub(super) fn anywhere(&self) -> Self {
        Self { zone: None, wards: Vec::new(), floor: None, ..self.clone() }
    }

    /// The same, whatever it is doing.
    pub(super) fn in_any_status(&self) -> Self {
        Self { statuses: Vec::new(), ..self.clone() }
    }

    /// True when what is free is meant.
    pub(super) fn means_free(&self) -> bool {
        self.statuses.contains(&Status::Available)
    }

    /// Anything that does as asked.
    pub(super) fn of_any_class(&self) -> Self {
        Self { classes: Vec::new(), words: Vec::new(), ..self.clone() }
    }

    /// True when the class is meant, by its id or by a word for it.
    pub(super) fn means_class(&self, class: &ClassId) -> bool {
        if self.classes.is_empty() {
            return self.words.iter().any(|word| self.is_word_for(class, word));
        }
        self.classes.iter().any(|asked| asked == class.as_str())
    }

    fn is_word_for(&self, class: &ClassId, word: &str) -> bool {
        vocabulary::names(class, word) || (self.forgiving && vocabulary::nearly_names(class, word))
    }

    /// True when the asset is meant.
    pub(super) fn admits(&self, now: &AssetNow, picture: &Picture<'_>) -> bool {
        let place = now.place();
        picture.may_see(now, &self.scope)
            && self.asset.as_ref().is_none_or(|id| *id == now.asset.id)
            && holds(&self.classes, |class| class == now.asset.class.as_str())
            && self.home.as_ref().is_none_or(|home| now.asset.home_ward.as_ref() == Some(home))
            && self.to.as_ref().is_none_or(|to| now.to() == Some(to))
            && holds(&self.statuses, |status| *status == now.status())
            && holds(&self.states, |state| *state == now.freshness(picture.now_ms))
            && self.floor.is_none_or(|floor| place.is_some_and(|place| place.floor == floor))
            && self.admits_zone(place, picture.site())
            && self.admits_words(now, picture.site())
    }

    /// A fence that is no room is asked by geometry, since a tag's place names its room only.
    fn admits_zone(&self, place: Option<&Place>, site: &Site) -> bool {
        if self.zone.is_none() && self.wards.is_empty() {
            return true;
        }
        let Some(place) = place else { return false };
        let room = place.zone.as_ref().and_then(|zone| site.zone(zone));
        let in_zone = self.zone.as_ref().is_none_or(|zone| {
            place.zone.as_ref() == Some(zone)
                || site.zones_at(place.floor, place.x_m, place.y_m).contains(&zone)
        });
        let ward = room.and_then(|room| room.ward.as_ref());
        in_zone && self.wards.iter().all(|asked| ward == Some(asked))
    }

    fn admits_words(&self, now: &AssetNow, site: &Site) -> bool {
        if self.words.is_empty() || self.asset.is_some() {
            return true;
        }
        let room = now.place().and_then(|place| site.zone(place.zone.as_ref()?));
        let text = words::fold(
            &[
                now.asset.id.as_str(),
                &now.asset.label,
                now.asset.class.as_str(),
                room.map_or("", |room| &room.name),
                room.and_then(|room| room.ward.as_ref()).map_or("", WardId::as_str),
                now.asset.home_ward.as_ref().map_or("", WardId::as_str),
            ]
            .join("\n"),
        );
        self.words.iter().all(|word| {
            text.contains(word.as_str())
                || self.is_word_for(&now.asset.class, word)
                // `ip0042` is `IP-0042`.
                || (word.bytes().any(|b| b.is_ascii_digit()) && text.replace(' ', "").contains(word))
                || (self.forgiving && words::nearly(&text, word))
        })
    }
}

/// Where somebody asks from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Near {
    pub(super) x_m: f64,
    pub(super) y_m: f64,
    pub(super) floor: i16,
    /// The room that holds it, or that is near enough to.
    pub(super) room: Option<ZoneId>,
}

impl Near {
    /// A room's or zone's id, or `x,y,floor`.
    pub(super) fn parse(text: &str, site: &Site) -> Result<Self, ApiError> {
        if let Some(zone) = site.zones().find(|zone| zone.id.as_str() == text)
            && let Some((x_m, y_m, floor)) = site.centre(&zone.id)
        {
            let is_room = zone.kind.is_some();
            let held = || site.room_at(floor, x_m, y_m).cloned();
            let room = if is_room { Some(zone.id.clone()) } else { held() };
            return Ok(Self { x_m, y_m, floor, room });
        }
        let mut parts = text.split(',').map(str::trim);
        let mut metres = || parts.next()?.parse().ok().filter(|metres: &f64| metres.is_finite());
        if let (Some(x_m), Some(y_m)) = (metres(), metres())
            && let Some(floor) = parts.next().and_then(|floor| floor.parse().ok())
            && parts.next().is_none()
            && site.floor_label(floor).is_some()
        {
            let room = site.room_at(floor, x_m, y_m).cloned();
            return Ok(Self { x_m, y_m, floor, room });
        }
        Err(ApiError::invalid("near", "must be a room of this site, or x,y,floor in metres"))
    }

    /// In a straight line, with an allowance for each floor between.
    pub(super) fn distance_m(&self, x_m: f64, y_m: f64, floor: i16) -> f64 {
        let floors = f64::from((i32::from(floor) - i32::from(self.floor)).abs());
        (x_m - self.x_m).hypot(y_m - self.y_m) + FLOOR_M * floors
    }
}

/// Folded words of a search.
fn tokens(query: &str) -> Result<Vec<String>, ApiError> {
    if query.len() > MAX_QUERY {
        return Err(ApiError::invalid("q", format!("must be at most {MAX_QUERY} bytes")));
    }
    Ok(words::fold(query).split_whitespace().map(str::to_owned).collect())
}

/// The floor, when the site has it.
pub(super) fn known_floor(floor: i16, site: &Site) -> Result<i16, ApiError> {
    site.floor_label(floor).map(|_| floor).ok_or_else(|| no_such("floor", &floor.to_string()))
}

/// The ward, when a room belongs to it.
pub(super) fn known_ward(text: &str, site: &Site) -> Option<WardId> {
    site.wards().into_iter().find(|ward| ward.as_str() == text).cloned()
}

/// The ward that something is taken to, when a room belongs to it.
pub(super) fn destination(text: &str, site: &Site) -> Result<WardId, ApiError> {
    known_ward(text, site).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        let wards: Vec<&str> = site.wards().into_iter().map(WardId::as_str).collect();
        let wards = wards.join(", ");
        ApiError::invalid("to", format!("this site has no ward {text:?}; its wards are {wards}"))
    })
}

pub(super) fn no_such(field: &'static str, text: &str) -> ApiError {
    let text: String = text.chars().take(80).collect();
    ApiError::invalid(field, format!("this site has no {field} {text:?}"))
}

fn holds<T>(asked: &[T], is: impl Fn(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(is)
}

pub(super) fn parse_list<T>(
    text: Option<&str>,
    field: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, ApiError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parsed = text.split(',').map(|part| parse(part.trim()));
    parsed.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        ApiError::invalid(field, format!("{text:?} is no {field}"))
    })
}
