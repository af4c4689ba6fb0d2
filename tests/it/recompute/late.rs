//! A reader that has no network for hours, and then delivers what it heard.

use super::*;

/// What the roll-ups say of the hours before a moment.
async fn figures(spor: &Spor, to_ms: i64) -> Vec<String> {
    rolled_up(spor).await;
    let database = postgres::connect(&spor.database_url()).await;
    let mut figures = Vec::new();
    for view in ["class", "place", "level", "turnaround", "dwell", "transfer", "use", "par"] {
        let sql = format!(
            "select '{view} ' || row_to_json(r)::text from rpt_{view}_hour r
             where hour < to_timestamp($1::int8 / 1000.0) order by 1"
        );
        for row in database.query(&sql, &[&to_ms]).await.unwrap() {
            figures.push(row.get(0));
        }
    }
    figures
}

/// Things go from reader to reader; the one among patients has no network for hours and delivers
/// more than three hours late what it heard. In another hospital all comes in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_delivers_hours_late_changes_the_key_figures_to_what_they_would_have_been() {
    let site = Site::load(None).unwrap();
    let reader_in = |kind: RoomKind| {
        let in_kind = site.readers().filter(|reader| {
            let zone = reader.zone.as_ref().and_then(|zone| site.zone(zone));
            !reader.portal && zone.is_some_and(|zone| zone.kind == Some(kind))
        });
        in_kind.map(|reader| reader.id.to_string()).min().unwrap()
    };
    let (from_ms, to_ms) = (hours_ago(10), hours_ago(3));
    let kinds = [RoomKind::Storage, RoomKind::Patient, RoomKind::SoiledUtility];
    let readers = kinds.map(reader_in);
    let heard = |reader: &str, tag: &str, time_ms: i64| {
        let heard = json!([{ "tag": tag, "rssi_dbm": -55, "time_ms": time_ms }]);
        (time_ms + 40, format!("spor/v1/readers/{reader}/sightings"), heard.to_string())
    };
    let (mut in_time, mut late) = (Vec::new(), Vec::new());
    for (n, tag) in ["t1", "t2", "t3"].into_iter().enumerate() {
        let stay_ms = (31 + 9 * i64::try_from(n).unwrap()) * 60_000;
        for time_ms in (from_ms + 1_300..to_ms).step_by(10_000) {
            let stay = usize::try_from((time_ms - from_ms) / stay_ms).unwrap() + n;
            let reader = &readers[stay % 3];
            let message = heard(reader, tag, time_ms);
            let cut_off = (from_ms + HOUR_MS..to_ms - HOUR_MS).contains(&time_ms);
            let is_late = cut_off && *reader == readers[1];
            if is_late { late.push(message) } else { in_time.push(message) }
        }
    }
    in_time.sort_by_key(|came| came.0);
    late.sort_by_key(|came| came.0);
    assert!(late.len() > 500, "{}", late.len());
    let things: [Thing<'_>; 3] = [
        ("P1", "pump", Some("D1"), "t1"),
        ("P2", "pump", None, "t2"),
        ("B1", "bed", Some("D1"), "t3"),
    ];
    let often = [("SPOR_STORAGE__ROLLUP_SECONDS", "1")];
    let span = (from_ms, to_ms);
    let Some(spor) = with_a_past(&often, None, &things, span, &in_time).await else { return };
    stored(&spor, to_ms).await;
    let without = figures(&spor, to_ms).await;
    publish(&spor, &late).await;
    stored(&spor, to_ms).await;
    let late_figures = figures(&spor, to_ms).await;
    assert_ne!(without, late_figures);
    assert_eq!(overlaps(&spor).await, 0);
    drop(spor);

    in_time.extend(late);
    in_time.sort_by_key(|came| came.0);
    let spor = with_a_past(&often, None, &things, span, &in_time).await.unwrap();
    stored(&spor, to_ms).await;
    let figures = figures(&spor, to_ms).await;
    assert!(figures.len() > 50, "too little to compare: {figures:#?}");
    let differs = figures.iter().zip(&late_figures).find(|(in_time, late)| in_time != late);
    assert!(differs.is_none(), "in time, and late: {differs:#?}");
    assert_eq!(figures.len(), late_figures.len());
}

/// Everything is stored that was said up to a moment: hours later all three are lost.
async fn stored(spor: &Spor, to_ms: i64) {
    for (journal, cursor, few) in [("raw", "pipeline", 1.0), ("decided", "storage", 3.0)] {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let name = format!(r#"spor_journal_lag_messages{{journal="{journal}",cursor="{cursor}"}}"#);
        until(&name, 180, async || {
            spor.metric_if_told(&name).await.is_some_and(|lag| lag < few).then_some(())
        })
        .await;
    }
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select count(*) from asset_status
               where to_at is null and rule = 'lost' and from_at > to_timestamp($1::int8 / 1000.0)";
    until("all three to be lost", 30, async || {
        let lost: i64 = database.query_one(sql, &[&to_ms]).await.unwrap().get(0);
        (lost == 3).then_some(())
    })
    .await;
}
