//! Lists by `limit` and `cursor`. A cursor names the last entry that was told, so what comes and
//! goes between two pages shifts nothing.

use super::error::ApiError;
use jiff::Timestamp;
use std::str::FromStr;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// What is shown when no beginning is asked for, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Where an entry stands in its list: what is quickest to fetch first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Thousandths of metres or seconds, or milliseconds since the Unix epoch, by which the list is
    /// sorted; 0 in a list by name.
    pub(super) order: i64,
    pub(super) name: String,
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    after: Option<Place>,
}

impl Page {
    pub(super) fn new(limit: Option<usize>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let after = cursor.map(Place::from_str).transpose()?;
        Ok(Self { limit: checked_limit(limit)?, after })
    }

    /// The entries of this page in order, and the cursor of the next; none: there is no next.
    pub(super) fn cut<T>(&self, mut entries: Vec<(Place, T)>) -> (Vec<T>, Option<String>) {
        if let Some(after) = &self.after {
            entries.retain(|(place, _)| place > after);
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let next = entries.last().filter(|_| more).map(|(place, _)| place.to_cursor());
        (entries.into_iter().map(|(_, entry)| entry).collect(), next)
    }
}

/// `limit`, 1 to 1000, 100 when not given.
pub(super) fn checked_limit(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::invalid("limit", format!("must be 1 to {MAX_LIMIT}")))
    }
}

/// Beginning and end of a stretch of time in milliseconds: up to now, and a day, when not given.
pub(super) fn stretch_ms(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now_ms: i64,
) -> Result<(i64, i64), ApiError> {
    let to_ms = to.map_or(now_ms, Timestamp::as_millisecond);
    let from_ms = from.map_or(to_ms - DAY_MS, Timestamp::as_millisecond);
    if from_ms > to_ms {
        return Err(ApiError::invalid("from", "must not be after `to`"));
    }
    Ok((from_ms, to_ms))
}

impl Place {
    pub(super) fn named(name: &str) -> Self {
        Self { order: 0, name: name.to_owned() }
    }

    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates")]
    pub(super) fn new(order: Option<f64>, name: &str) -> Self {
        let order = order.map_or(0, |order| (order * 1000.0) as i64);
        Self { order, name: name.to_owned() }
    }

    pub(super) fn to_cursor(&self) -> String {
        format!("{}~{}", self.order, self.name)
    }
}

impl FromStr for Place {
    type Err = ApiError;

    fn from_str(cursor: &str) -> Result<Self, ApiError> {
        let parts = cursor.split_once('~');
        let place = parts.and_then(|(order, name)| {
            Some(Self { order: order.parse().ok()?, name: name.to_owned() })
        });
        place.ok_or_else(|| ApiError::invalid("cursor", "must be a `next_cursor` of this list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<(Place, &'static str)> {
        let list = [("c", 1.5), ("a", 1.5), ("b", 0.2), ("d", 9.0)];
        list.map(|(name, metres)| (Place::new(Some(metres), name), name)).to_vec()
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        let (first, cursor) = Page::new(Some(2), None).expect("valid").cut(entries());
        assert_eq!(first, ["b", "a"]);
        let (second, end) = Page::new(Some(2), cursor.as_deref()).expect("valid").cut(entries());
        assert_eq!(second, ["c", "d"]);
        assert_eq!(end, None);
    }

    #[test]
    fn a_limit_or_cursor_that_makes_no_sense_is_refused() {
        assert!(Page::new(Some(0), None).is_err());
        assert!(Page::new(Some(1001), None).is_err());
        assert!(Page::new(None, Some("no")).is_err());
    }
}
