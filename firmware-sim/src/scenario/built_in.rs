//! The scenarios that come with the program: the files of `scenarios/`, by their names.

const ALL: [(&str, &str); 7] = [
    ("normal_day", include_str!("../../scenarios/normal_day.toml")),
    ("mass_event", include_str!("../../scenarios/mass_event.toml")),
    ("pandemic_week", include_str!("../../scenarios/pandemic_week.toml")),
    ("staff_shortage", include_str!("../../scenarios/staff_shortage.toml")),
    ("ward_closed", include_str!("../../scenarios/ward_closed.toml")),
    ("network_outage", include_str!("../../scenarios/network_outage.toml")),
    ("bad_tags", include_str!("../../scenarios/bad_tags.toml")),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// The file of that name; none: there is none built in.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
