//! A change of the registry: first in the database, then as a new picture for everybody.

use super::{App, error::ApiError};
use crate::{
    clock::now_ms,
    model::{Carrier, CarrierId, TagId},
};
use std::time::Duration;
use tokio::sync::MutexGuard;

/// Held by whoever changes the registry.
pub(super) type Change<'a> = MutexGuard<'a, ()>;

/// Shows everybody what the database says now.
pub(super) async fn reload(app: &App, change: Change<'_>) -> Result<(), ApiError> {
    let registry = app.context.storage.registry().await?;
    (app.context.announce)(registry);
    drop(change);
    Ok(())
}

/// Between two looks at what others changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Shows everybody what a command beside Spor changed in the database, until Spor stops.
pub(super) async fn follow(app: App) {
    if app.context.replay.is_some() {
        return;
    }
    while app.stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        // Who writes says that the database is away, and the next look comes.
        if let Ok(false) = app.context.storage.knows_registry().await {
            let change = app.registry_changes.lock().await;
            let _ = reload(&app, change).await;
        }
    }
}

/// Fastens `tag` to `carrier`, in place of what that carries.
///
/// A tag on something else is a conflict, whatever it is on: nobody learns here that it is a badge,
/// and nobody can follow a person by calling the badge a thing.
pub(super) async fn bind(
    app: &App,
    change: Change<'_>,
    tag: &TagId,
    carrier: Carrier,
) -> Result<(), ApiError> {
    let registry = app.context.registry.load_full();
    match registry.carrier(tag) {
        Some(held) if same(held, &carrier) => return Ok(()),
        Some(_) => {
            let detail = format!("the tag {tag} is fastened to something else; take it off first");
            return Err(ApiError::Conflict(detail));
        }
        None => {}
    }
    app.context.storage.bind(tag, &CarrierId::from(&carrier), now_ms()).await?;
    reload(app, change).await
}

/// Takes the tag off whatever carries it; none: it carries none.
pub(super) async fn unbind(
    app: &App,
    change: Change<'_>,
    tag: Option<TagId>,
) -> Result<(), ApiError> {
    let Some(tag) = tag else { return Ok(()) };
    app.context.storage.unbind(&tag, now_ms()).await?;
    reload(app, change).await
}

fn same(a: &Carrier, b: &Carrier) -> bool {
    match (a, b) {
        (Carrier::Asset(a), Carrier::Asset(b)) => a.id == b.id,
        (Carrier::Person(a), Carrier::Person(b)) => a.id == b.id,
        _ => false,
    }
}
