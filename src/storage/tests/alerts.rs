//! Alerts in a real database: what is wrong, the life of an alert, and what is told of it.

use super::*;
use crate::{
    model::{
        About, AlertChange, AlertKind, AlertState, AlertStep, Cause, ParLevel, ReaderId, Severity,
    },
    storage::{AlertFilter, AlertLimits},
};

const MINUTE_MS: i64 = 60_000;

/// Asset, class, room, status since 30 min, left the room, battery; all of ward A.
const THINGS: [(&str, &str, &str, &str, bool, i16); 9] = [
    ("ready", "pump", "store-a", "available", false, 90),
    ("waste", "pump", "bin", "missing", false, 90),
    ("lost", "pump", "store-a", "missing", false, 90),
    ("carried", "pump", "door", "available", false, 90),
    ("out", "pump", "door", "available", true, 90),
    ("chair", "wheelchair", "door", "available", false, 90),
    ("weak", "scale", "store-a", "in_use", false, 15),
    ("weaker", "scale", "store-a", "in_use", false, 19),
    ("dirty", "scale", "store-a", "cleaning", false, 20),
];

async fn hospital(storage: &Storage) {
    let client = storage.client().await.unwrap();
    client
        .batch_execute(
            "insert into zone (id, site_version, floor, floor_label, is_room, kind, name, ward)
             values ('store-a', 'v1', 0, '0', true, 'storage', 'Store A', 'A'),
                    ('bin', 'v1', 0, '0', true, 'waste', 'Bin', null),
                    ('door', 'v1', 0, '0', true, 'entrance', 'Door', null),
                    ('yard', 'v1', 0, '0', false, 'exit', 'Yard', null),
                    ('wing', 'v1', 0, '0', false, 'zone', 'Wing', null);
             insert into reader (id, floor, zone, portal, online, changed_at, heard_at)
             values ('works', 0, 'store-a', false, true, now(), now()),
                    ('off', 0, 'store-a', false, false, now() - interval '5 minutes', now()),
                    ('silent', 0, 'bin', false, true, now() - interval '1 day', now() - interval '2 hours'),
                    ('passage', 0, 'bin', true, true, now() - interval '1 day', now() - interval '2 hours');
             insert into person (id, role) values ('p1', 'porter');
             insert into tag (name, battery_pct) values ('badge', 3);
             insert into tag_binding (tag, person, bound_at) select id, 'p1', now() from tag;
             insert into visit (tag, zone, entered_at) select t.id, z.key, now()
             from tag t, zone z where z.id = 'door'",
        )
        .await
        .unwrap();
    for (asset, class, room, status, left, battery) in THINGS {
        let sql = "with a as (insert into asset (id, label, class, home_ward) values ($1, $1, $2, 'A') returning id),
                        t as (insert into tag (name, battery_pct) values ('t-' || $1, $6) returning id),
                        b as (insert into tag_binding (tag, asset, bound_at)
                              select t.id, a.id, now() - interval '2 hours' from t, a),
                        v as (insert into visit (tag, zone, entered_at, left_at)
                              select t.id, z.key, now() - interval '1 hour',
                                     case when $5 then now() - interval '40 minutes' end
                              from t, zone z where z.id = $3)
                   insert into asset_status (asset, status, from_at, basis, rule, zone)
                   select a.id, $4, now() - interval '30 minutes', 'inferred', 'x', z.key
                   from a, zone z where z.id = $3";
        client.execute(sql, &[&asset, &class, &room, &status, &left, &battery]).await.unwrap();
    }
    client
        .batch_execute(
            "insert into asset_status (asset, status, from_at, to_at, basis, rule)
             values ('dirty', 'in_use', now() - interval '3 hours', now() - interval '90 minutes', 'inferred', 'x'),
                    ('dirty', 'dirty', now() - interval '90 minutes', now() - interval '30 minutes', 'inferred', 'x')",
        )
        .await
        .unwrap();
    for (minutes, asset, zone, change) in [
        (50, "weaker", "yard", "entered"),
        (40, "weaker", "yard", "left"),
        (30, "weak", "yard", "left"),
        (20, "weak", "yard", "entered"),
        (20, "weaker", "wing", "entered"),
    ] {
        let sql = "insert into event (id, kind, \"time\", tag, zone, message)
                   select $2::text || $3::text || $1::float8::text, 'fence', now() - $1 * interval '1 minute', t.id, $3,
                          jsonb_build_object('change', $4::text)
                   from tag t where t.name = 't-' || $2";
        client.execute(sql, &[&f64::from(minutes), &asset, &zone, &change]).await.unwrap();
    }
    let level = |class: &str, target, critical| ParLevel {
        class: class.parse().unwrap(),
        ward: "A".parse().unwrap(),
        target,
        critical,
    };
    let levels = [level("pump", 3, 1), level("scale", 2, 1), level("wheelchair", 0, 0)];
    storage.put_par(&levels).await.unwrap();
}

async fn causes(storage: &Storage, listening_since_ms: i64) -> Vec<Cause> {
    let may_leave = ["wheelchair".parse().unwrap()];
    let limits = AlertLimits {
        may_leave: &may_leave,
        reader_silent_s: 3_600,
        listening_since_ms,
        now_ms: now_ms(),
    };
    let mut causes = storage.alert_causes(&limits).await.unwrap();
    causes.sort_by_key(|cause| (cause.kind, cause.subject.clone()));
    causes
}

#[tokio::test]
async fn what_is_wrong_is_found_with_its_beginning_and_nothing_of_people() {
    let Some(storage) = storage("alert_causes").await else { return };
    hospital(&storage).await;
    let long_ago = now_ms() - 300 * MINUTE_MS;
    let found = causes(&storage, long_ago).await;
    let told = |cause: &Cause| {
        let about = &cause.about;
        let since_min = cause.since_ms.map(|since_ms| (now_ms() - since_ms) / MINUTE_MS);
        let ward = about.ward.as_ref().map_or("-", |ward| ward.as_str());
        let (kind, severity) = (cause.kind.as_str(), cause.severity.as_str());
        let since = since_min.map_or_else(|| "-".to_owned(), |min| min.to_string());
        let opens = if cause.opens { "opens" } else { "keeps" };
        format!("{kind} {} {severity} {since} {opens} {ward}: {}", cause.subject, about.reason)
    };
    let found: Vec<_> = found.iter().map(told).collect();
    let expected = [
        "par pump/A low - opens A: 1 of 3 stand ready",
        "par scale/A critical - opens A: 0 of 2 stand ready",
        "missing lost low 30 opens A: last seen in Store A",
        "leaving carried critical 60 opens A: in Door",
        "leaving out critical 40 opens A: went out by Door",
        "leaving weak critical 20 opens A: in Yard",
        "linen waste low 60 opens A: in Bin",
        "battery weak low - opens A: 15 % left",
        "battery weaker low - keeps A: 19 % left",
        "reader off low 5 opens A: offline",
        "reader silent low 60 opens -: silent",
        "cleaning dirty low 90 opens A: cleaning, in Store A",
    ];
    assert_eq!(found, expected);
    // A Spor that has just started can't know who was silent meanwhile.
    let silent = |causes: &[Cause]| causes.iter().find(|c| c.subject == "silent").map(|c| c.opens);
    assert_eq!(silent(&causes(&storage, now_ms()).await), Some(false));
    let heard: ReaderId = "silent".parse().unwrap();
    storage.note_heard(&[(heard, now_ms())]).await.unwrap();
    assert_eq!(silent(&causes(&storage, long_ago).await), None);
}

fn battery(severity: Severity) -> Cause {
    let about = About { reason: "9 % left".to_owned(), ..About::default() };
    let about = About { ward: Some("A".parse().unwrap()), ..about };
    let kind = AlertKind::Battery;
    Cause { kind, subject: "P1".to_owned(), severity, since_ms: None, opens: true, about }
}

impl Storage {
    async fn step_at(&self, at_ms: i64, due_ms: i64, step: AlertStep) {
        self.step_alerts(&[(due_ms, step)], at_ms).await.unwrap();
    }

    async fn told_at(&self, at_ms: i64) -> Vec<AlertChange> {
        let told = self.tell_notices(at_ms, true).await.unwrap();
        told.into_iter().map(|notice| notice.message.change).collect()
    }
}

#[tokio::test]
async fn an_alert_lives_once_is_told_once_and_ends_with_its_cause() {
    use AlertChange::{Acknowledged, Opened, Raised, Resolved};
    let Some(storage) = storage("alert_life").await else { return };
    let open = || AlertStep::Open(battery(Severity::Low));
    storage.step_at(1_000, 1_000, open()).await;
    storage.step_at(2_000, 2_000, open()).await;
    let lasting = storage.lasting_alerts().await.unwrap();
    assert_eq!(lasting.len(), 1, "a second one is none");
    let id = lasting[0].id.clone();
    assert_eq!(storage.told_at(2_000).await, [Opened]);
    assert_eq!(storage.told_at(2_000).await, []);

    let taken = storage.acknowledge_alert(&id, "anna", 3_000).await.unwrap();
    assert_eq!(
        (taken.state(), taken.acknowledged_by.as_deref()),
        (AlertState::Acknowledged, Some("anna"))
    );
    let again = storage.acknowledge_alert(&id, "bo", 4_000).await.unwrap();
    assert_eq!(again, taken, "the first one stays");
    let critical = battery(Severity::Critical);
    storage.step_at(5_000, 5_000, AlertStep::Raise { id: id.clone(), cause: critical }).await;
    let raised = storage.alert(&id).await.unwrap().unwrap();
    assert_eq!((raised.state(), raised.severity), (AlertState::Open, Severity::Critical));
    assert_eq!(storage.told_at(5_000).await, [Acknowledged, Raised]);

    storage.resolve_alert(&id, "bo", 6_000).await.unwrap();
    let late = storage.acknowledge_alert(&id, "bo", 6_500).await;
    assert!(matches!(late, Err(StorageError::Invalid(_))), "{late:?}");
    storage.step_at(7_000, 7_000, open()).await;
    assert_eq!(storage.lasting_alerts().await.unwrap()[0].id, id, "its cause still lasts");
    storage.step_at(8_000, 8_000, AlertStep::End { id: id.clone() }).await;
    assert_eq!(storage.told_at(8_000).await, [Resolved], "told once");
    storage.step_at(9_000, 9_000, open()).await;
    assert_ne!(storage.lasting_alerts().await.unwrap()[0].id, id, "a cause that came again");
    assert!(matches!(
        storage.resolve_alert("none", "bo", 9_000).await,
        Err(StorageError::NotFound { what: "alert", .. })
    ));

    let listed = async |states: &[AlertState], after: Option<(i64, &str)>| {
        let filter = AlertFilter { states: states.to_vec(), ..AlertFilter::default() };
        let listed = storage.alerts(&filter, 10, after).await.unwrap();
        listed.iter().map(|alert| alert.opened_ms).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[], None).await, [9_000, 1_000]);
    assert_eq!(listed(&[AlertState::Open], None).await, [9_000]);
    assert_eq!(listed(&[AlertState::Resolved], None).await, [1_000]);
    assert_eq!(listed(&[], Some((9_000, ""))).await, [1_000]);
    let of =
        |ward: &str| AlertFilter { wards: vec![ward.parse().unwrap()], ..AlertFilter::default() };
    assert_eq!(storage.alerts(&of("A"), 10, None).await.unwrap().len(), 2);
    assert_eq!(storage.alerts(&of("B"), 10, None).await.unwrap().len(), 0);
    let counts = storage.count_alerts().await.unwrap();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [((AlertKind::Battery, AlertState::Open), 1)]
    );
}

#[tokio::test]
async fn quiet_hours_keep_the_news_unless_it_becomes_critical() {
    use AlertChange::{Acknowledged, Opened, Raised, Resolved};
    let Some(storage) = storage("alert_quiet").await else { return };
    let open = || AlertStep::Open(battery(Severity::Low));
    let id = async || storage.lasting_alerts().await.unwrap()[0].id.clone();
    storage.step_at(1_000, 60_000, open()).await;
    assert_eq!(storage.told_at(2_000).await, []);
    storage.step_at(3_000, 3_000, AlertStep::End { id: id().await }).await;
    assert_eq!(storage.told_at(70_000).await, [], "it began and ended in the night");

    storage.step_at(80_000, 160_000, open()).await;
    storage.acknowledge_alert(&id().await, "anna", 90_000).await.unwrap();
    assert_eq!(storage.told_at(100_000).await, [], "not before the news of it");
    assert_eq!(storage.told_at(160_000).await, [Opened, Acknowledged]);
    storage.step_at(170_000, 170_000, AlertStep::End { id: id().await }).await;
    assert_eq!(storage.told_at(170_000).await, [Resolved]);

    storage.step_at(180_000, 260_000, open()).await;
    let cause = battery(Severity::Critical);
    storage.step_at(190_000, 190_000, AlertStep::Raise { id: id().await, cause }).await;
    assert_eq!(storage.told_at(190_000).await, [Opened, Raised]);
}

#[tokio::test]
async fn what_is_sent_waits_in_order_until_it_is_taken_or_given_up() {
    let Some(storage) = storage("alert_notices").await else { return };
    storage.step_at(1_000, 1_000, AlertStep::Open(battery(Severity::Low))).await;
    let id = storage.lasting_alerts().await.unwrap()[0].id.clone();
    storage.resolve_alert(&id, "bo", 2_000).await.unwrap();
    let due = async |at_ms| {
        let due = storage.notices_to_send(at_ms, 10).await.unwrap();
        due.iter().map(|notice| (notice.seq, notice.attempts)).collect::<Vec<_>>()
    };
    assert_eq!(due(2_000).await, [], "nothing is sent that was not told");
    storage.told_at(2_000).await;
    assert_eq!(due(2_000).await, [(1, 0)], "the first of an alert only");
    storage.notice_not_taken(1, 5_000).await.unwrap();
    assert_eq!(due(4_999).await, []);
    assert_eq!(due(5_000).await, [(1, 1)]);
    storage.notice_taken(1, 5_000).await.unwrap();
    assert_eq!(due(5_000).await, [(2, 0)]);
    assert_eq!(storage.give_up_notices(2_000, 1).await.unwrap(), 0);
    assert_eq!(storage.give_up_notices(2_001, 1).await.unwrap(), 1);
    assert_eq!(due(9_000).await, []);

    storage.step_at(3_000, 3_000, AlertStep::End { id }).await;
    for at_ms in [10_000, 20_000, 30_000] {
        storage.step_at(at_ms, at_ms, AlertStep::Open(battery(Severity::Low))).await;
        let id = storage.lasting_alerts().await.unwrap()[0].id.clone();
        storage.told_at(at_ms).await;
        storage.step_at(at_ms + 1, at_ms + 1, AlertStep::End { id }).await;
    }
    assert_eq!(storage.give_up_notices(0, 2).await.unwrap(), 3, "the oldest of five");
    assert_eq!(due(90_000).await, [(6, 0), (7, 0)]);
}
