//! Alerts: what is wrong now ([`causes`]), the life of each ([`life`]), and the notices of what becomes of
//! them, which are told once and sent until they are taken ([`notices`]). An alert and the notice of its
//! change are written in one transaction.

mod causes;
mod life;
mod notices;

pub use causes::AlertLimits;
pub use life::AlertFilter;
