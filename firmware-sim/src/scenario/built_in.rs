//! The scenarios that come with the program: the files of `scenarios/`, by their names.

const ALL: [(&str, &str); 3] = [
    ("normal_day", include_str!("../../scenarios/normal_day.toml")),
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
