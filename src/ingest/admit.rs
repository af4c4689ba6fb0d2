//! Does the message speak of a place and a reader of this site?

use super::{Reason, Refusal};
use crate::{model::ReaderId, site::Site};

pub(super) fn place(site: &Site, floor: i16, x_m: f64, y_m: f64) -> Result<(), Refusal> {
    if site.floor_label(floor).is_none() {
        return Err((Reason::UnknownFloor, format!("the site has no floor {floor}")));
    }
    if site.is_on_site(floor, x_m, y_m) {
        Ok(())
    } else {
        Err((Reason::OffSite, format!("({x_m:.1}, {y_m:.1}) is outside floor {floor}")))
    }
}

pub(super) fn reader(site: &Site, reader: &ReaderId) -> Result<(), Refusal> {
    match site.reader(reader) {
        Some(_) => Ok(()),
        None => Err((Reason::UnknownReader, format!("the site has no reader {reader}"))),
    }
}
