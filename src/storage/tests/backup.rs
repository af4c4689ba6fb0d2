//! A backup brings everything back, and a failed restore changes nothing.

use super::*;
use crate::storage::{backup, restore_backup};

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_whole() {
    let folder = folder();
    let config = Config::default();
    let storage = match Storage::open(&config, folder.path(), quiet).await {
        Ok(storage) => storage,
        Err(error) => return skip_or_fail(&error),
    };
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    let now = this_second_ms();
    storage.store(vec![position("a", now), visit("a", "hall", now, None)]).await;
    let file = folder.path().join("spor.backup");
    backup(&config, folder.path(), &file, quiet).await.unwrap();
    storage.store(vec![position("a", now + 1), position("b", now + 1)]).await;
    let error = restore_backup(&config, folder.path(), &file, quiet).await.unwrap_err();
    assert!(matches!(error, StorageError::Served), "{error}");
    storage.stop().await;

    let broken = folder.path().join("broken.backup");
    std::fs::write(&broken, "not a backup").unwrap();
    let error = restore_backup(&config, folder.path(), &broken, quiet).await.unwrap_err();
    assert!(matches!(error, StorageError::Backup { program: "pg_restore", .. }), "{error}");
    let storage = Storage::open(&config, folder.path(), quiet).await.unwrap();
    assert_eq!(storage.count("select count(*) from position").await, 3);
    storage.stop().await;

    restore_backup(&config, folder.path(), &file, quiet).await.unwrap();
    assert!(!PrivateServer::is_running(folder.path()));
    let storage = Storage::open(&config, folder.path(), quiet).await.unwrap();
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    assert_eq!(storage.count("select count(*) from position").await, 1);
    let granted =
        "select count(*) from information_schema.role_table_grants where grantee = 'spor_grafana'";
    assert!(storage.count(granted).await > 5, "the reports' role can't read the restored views");
    assert_eq!(storage.restore().await.unwrap().tags[0].visit, Some((zone("hall"), now)));
    storage.store(vec![position("c", now + 2)]).await;
    assert_eq!(storage.count("select count(*) from position").await, 2);
    storage.stop().await;
}

#[tokio::test]
async fn a_backup_is_not_restored_over_somebody_elses_tables() {
    let Some(url) = database("not_empty").await else { return };
    let config = Config { url: Some(url), ..Config::default() };
    let folder = folder();
    Storage::open(&config, folder.path(), quiet).await.unwrap();
    let file = folder.path().join("spor.backup");
    backup(&config, folder.path(), &file, quiet).await.unwrap();
    let error = restore_backup(&config, folder.path(), &file, quiet).await.unwrap_err();
    assert!(matches!(error, StorageError::NotEmpty), "{error}");

    let empty = Config { url: database("empty").await, ..Config::default() };
    restore_backup(&empty, folder.path(), &file, quiet).await.unwrap();
    Storage::open(&empty, folder.path(), quiet).await.unwrap();
}
