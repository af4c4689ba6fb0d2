//! Assets, persons and bindings; what a binding to a person deletes and keeps out.

use super::*;
use crate::model::{Asset, AssetId, CarrierId, Person};

fn pump(id: &str) -> Asset {
    Asset {
        id: id.parse().unwrap(),
        label: format!("Pump {id}"),
        class: "pump".parse().unwrap(),
        home_ward: Some("w1".parse().unwrap()),
    }
}

fn asset(id: &str) -> CarrierId {
    CarrierId::Asset(id.parse().unwrap())
}

fn nurse(id: &str) -> Person {
    Person { id: id.parse().unwrap(), role: "nurse".parse().unwrap() }
}

fn person(id: &str) -> CarrierId {
    CarrierId::Person(id.parse().unwrap())
}

#[tokio::test]
async fn assets_are_put_changed_bound_and_retired() {
    let Some(storage) = storage("assets").await else { return };
    storage.put_assets(&[pump("p1"), pump("p2"), pump("p1")]).await.unwrap();
    let changed = Asset { label: "Other".to_owned(), ..pump("p2") };
    storage.put_assets(std::slice::from_ref(&changed)).await.unwrap();
    storage.bind(&tag("a"), &asset("p1"), 1_000).await.unwrap();
    storage.bind(&tag("b"), &asset("p1"), 2_000).await.unwrap();
    storage.bind(&tag("b"), &asset("p1"), 3_000).await.unwrap();

    let registry = storage.registry().await.unwrap();
    assert_eq!(registry.assets.len(), 2);
    assert_eq!(*registry.assets["p2"], changed);
    assert_eq!(registry.asset_of(&tag("b")).unwrap().id.as_str(), "p1");
    assert!(registry.carrier(&tag("a")).is_none());
    let p1: AssetId = "p1".parse().unwrap();
    let bindings = storage.binding_history(&p1).await.unwrap();
    let seen: Vec<_> =
        bindings.iter().map(|b| (b.tag.as_str(), b.bound_ms, b.unbound_ms)).collect();
    assert_eq!(seen, [("a", 1_000, Some(2_000)), ("b", 2_000, None)]);

    storage.retire_asset(&p1, 4_000).await.unwrap();
    let registry = storage.registry().await.unwrap();
    assert!(!registry.assets.contains_key("p1") && registry.carriers.is_empty());
    let again = storage.retire_asset(&p1, 5_000).await.unwrap_err();
    assert!(matches!(again, StorageError::NotFound { what: "asset", .. }));
    let unknown = storage.bind(&tag("a"), &asset("p9"), 1).await.unwrap_err();
    assert!(matches!(unknown, StorageError::NotFound { .. }), "{unknown}");
    assert!(!storage.unbind(&tag("b"), 6_000).await.unwrap());
}

#[tokio::test]
async fn binding_to_a_person_deletes_the_tags_rows_and_keeps_new_ones_out() {
    let Some(storage) = storage("badge").await else { return };
    let now = this_second_ms();
    storage.put_persons(&[nurse("n1")]).await.unwrap();
    storage.put_assets(&[pump("p1")]).await.unwrap();
    let rows = |at| vec![position("a", at), position("b", at), visit("a", "hall", at, None)];
    storage.store(rows(now)).await;
    assert_eq!(storage.count("select count(*) from position").await, 2);

    storage.bind(&tag("a"), &person("n1"), now + 1).await.unwrap();
    assert_eq!(storage.count("select count(*) from visit").await, 0);
    // What was decided before anyone knew of the binding still waits in a queue.
    storage.store(rows(now + 2)).await;
    let of_a = "select count(*) from position join tag on tag.id = tag where name = 'a'";
    assert_eq!(storage.count(of_a).await, 0);
    assert_eq!(storage.count("select count(*) from position").await, 2);
    let registry = storage.registry().await.unwrap();
    assert!(registry.is_worn(&tag("a")));
    assert!(storage.restore().await.unwrap().tags.iter().all(|t| t.row.tag != tag("a")));

    storage.bind(&tag("a"), &asset("p1"), now + 3).await.unwrap();
    storage.store(rows(now + 4)).await;
    assert_eq!(storage.count(of_a).await, 1);
    let failed = storage.bind(&tag("b"), &person("nobody"), now).await.unwrap_err();
    assert!(matches!(failed, StorageError::NotFound { what: "person", .. }));
    storage.store(rows(now + 5)).await;
    assert_eq!(storage.count(of_a).await, 2);
}

#[tokio::test]
async fn an_assets_history_follows_it_from_tag_to_tag() {
    let Some(storage) = storage("asset_history").await else { return };
    let now = this_second_ms() - 100_000;
    storage.put_assets(&[pump("p1")]).await.unwrap();
    let lying = PositionRow { until_ms: now + 30_000, ..row("a", now) };
    storage
        .store(vec![
            Decided::Position(lying),
            position("a", now + 40_000),
            position("b", now + 20_000),
            position("b", now + 50_000),
        ])
        .await;
    storage.bind(&tag("a"), &asset("p1"), now + 10_000).await.unwrap();
    storage.bind(&tag("b"), &asset("p1"), now + 35_000).await.unwrap();
    let p1 = "p1".parse().unwrap();
    let all = storage.asset_history(&p1, now, now + 90_000, 10, None).await.unwrap();
    let times: Vec<_> = all.iter().map(|row| (row.time_ms - now, row.until_ms - now)).collect();
    assert_eq!(times, [(10_000, 30_000), (50_000, 50_000)]);
    let page = storage.asset_history(&p1, now, now + 90_000, 1, None).await.unwrap();
    let rest =
        storage.asset_history(&p1, now, now + 90_000, 10, Some(page[0].time_ms)).await.unwrap();
    assert_eq!([page, rest].concat(), all);
}

#[tokio::test]
async fn a_deleted_person_leaves_no_binding_behind() {
    let Some(storage) = storage("deleted_person").await else { return };
    storage.put_persons(&[nurse("n1"), nurse("n2")]).await.unwrap();
    storage.bind(&tag("a"), &person("n1"), 1_000).await.unwrap();
    storage.unbind(&tag("a"), 2_000).await.unwrap();
    storage.bind(&tag("b"), &person("n1"), 3_000).await.unwrap();
    storage.bind(&tag("c"), &person("n2"), 4_000).await.unwrap();
    let n1 = "n1".parse().unwrap();
    assert!(storage.delete_person(&n1).await.unwrap());
    let registry = storage.registry().await.unwrap();
    assert_eq!(registry.persons.keys().map(ToString::to_string).collect::<Vec<_>>(), ["n2"]);
    assert!(!registry.is_worn(&tag("b")) && registry.is_worn(&tag("c")));
    assert_eq!(storage.count("select count(*) from tag_binding").await, 1);
    assert!(!storage.delete_person(&n1).await.unwrap(), "nobody of that name any more");
}
