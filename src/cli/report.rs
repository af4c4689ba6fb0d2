//! `spor report`: a month into a folder.

use super::{Failure, admin::with_storage};
use crate::{
    clock::now_ms,
    config::Config,
    model::WardId,
    report::{About, Month, files},
    site::Site,
    storage::Roll,
    utilisation,
};
use anyhow::{Context as _, anyhow};
use std::{path::Path, sync::Arc};

/// Rolls up what is due, unless a running Spor does, and writes the report.
pub(super) fn report(
    config: &Config,
    month: Option<String>,
    ward: Option<&WardId>,
    out: &Path,
) -> Result<(), Failure> {
    let site = Site::load(config.site.file.as_deref()).map_err(|e| Failure::Misused(e.into()))?;
    let zone = &site.time_zone;
    let month = match month {
        Some(text) => Month::parse(&text, zone).ok_or_else(|| {
            Failure::Misused(anyhow!("--month is written as 2026-10, not {text:?}"))
        })?,
        None => Month::at(now_ms(), zone)
            .ok_or_else(|| Failure::Failed(anyhow!("this machine's clock can't be right")))?,
    };
    if let Some(ward) = ward.filter(|ward| !site.wards().contains(ward)) {
        return Err(Failure::Misused(anyhow!("--ward: this site has no ward {ward}")));
    }
    let written = with_storage(config, async |storage| {
        let roll: Roll = Arc::new(utilisation::roll);
        storage.roll_up(&roll).await?;
        let figures = storage.figures(month.from_ms, month.to_ms, ward, zone).await?;
        let about = About { site: &site.name, month: month.clone(), ward, has_files: true };
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        for file in files(&about, &figures) {
            let path = out.join(&file.name);
            std::fs::write(&path, file.text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    });
    written?;
    println!("{}", out.join("index.html").display());
    Ok(())
}
