//! Site files as text: one feature a line, so that a change of one room is one line in a diff.

use spor_schemas::site::SiteFile;

/// Writes the file: the head on one line, then a line for each feature.
#[must_use]
pub fn write(site: &SiteFile) -> String {
    let head = SiteFile { features: Vec::new(), ..site.clone() };
    let head = json(&head);
    let lines: Vec<String> = site.features.iter().map(json).collect();
    let head = head.trim_end_matches("]}");
    format!("{head}\n{}\n]}}\n", lines.join(",\n"))
}

/// Reads a file.
///
/// # Errors
/// Not JSON, or not of a site file's shape.
pub fn read(text: &str) -> Result<SiteFile, serde_json::Error> {
    serde_json::from_str(text)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a site file holds nothing that JSON cannot say")
}
