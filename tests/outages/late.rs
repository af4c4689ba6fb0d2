//! What comes late leaves the past that it would have left in time, also where the program dies
//! while it comes.

use super::{kept_journal, on_a_copy, stop_when_decided};
use crate::support::{
    Spor,
    client::{now_ms, position_topic},
    postgres,
    publisher::{Sent, connect_packet, publish_packet},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

const TAGS: usize = 24;
/// Before now, when the walks begin, milliseconds.
const AGO_MS: i64 = 4 * 3_600_000;
const EVERY_MS: i64 = 10_000;
/// In a store, a corridor, linen, an entrance and a waste room of the demo's ground floor: metres
/// east and north.
const ROOMS: [(f64, f64); 5] =
    [(-7.0, 42.5), (20.0, 47.6), (-11.5, 42.5), (20.0, 42.5), (-2.0, 42.5)];

/// What storage knows of a tag, whatever its name.
const OF_TAG: [(&str, &str); 2] = [
    (
        "visits",
        "select z.id, v.entered_at, v.left_at from visit v join zone z on z.key = v.zone
         join tag t on t.id = v.tag where t.name = $1 order by v.entered_at",
    ),
    (
        "positions",
        "select p.\"time\", p.until, p.seq, p.x_m, p.y_m, z.id from position p
         left join zone z on z.key = p.zone join tag t on t.id = p.tag
         where t.name = $1 order by p.\"time\"",
    ),
];

/// A walk of four hours: `number` decides how long it stays where.
fn walk(number: usize, start_ms: i64) -> Vec<(i64, (f64, f64))> {
    let stay_ms = 240_000 + 37_000 * i64::try_from(number).unwrap();
    let room = |time_ms: i64| usize::try_from((time_ms - start_ms) / stay_ms).unwrap();
    (start_ms..start_ms + AGO_MS - 5_000)
        .step_by(usize::try_from(EVERY_MS).unwrap())
        .map(|time_ms| (time_ms, ROOMS[(room(time_ms) + number) % ROOMS.len()]))
        .collect()
}

fn position(tag: &str, seq: usize, (time_ms, (x_m, y_m)): (i64, (f64, f64))) -> Sent {
    let payload = format!(
        r#"{{"time_ms":{time_ms},"seq":{seq},"x_m":{x_m},"y_m":{y_m},"floor":0,"accuracy_m":0.8}}"#
    );
    (position_topic(tag), payload.into_bytes())
}

/// Sends at QoS 1 until each is acknowledged, by whatever program listens there at the time.
fn publish_through_kills(port: &AtomicU16, messages: &[Sent]) {
    let mut left = messages;
    while !left.is_empty() {
        let window = &left[..left.len().min(100)];
        if try_publish(port.load(Ordering::Relaxed), window).is_ok() {
            left = &left[window.len()..];
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn try_publish(port: u16, window: &[Sent]) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.write_all(&connect_packet("late"))?;
    socket.read_exact(&mut [0; 4])?;
    let packets: Vec<u8> = (1u16..)
        .zip(window)
        .flat_map(|(id, (topic, payload))| publish_packet(topic, id, payload))
        .collect();
    socket.write_all(&packets)?;
    socket.read_exact(&mut vec![0; 4 * window.len()])
}

async fn known_of(spor: &Spor, name: &str) -> Vec<Vec<String>> {
    let database = postgres::connect(&spor.database_url()).await;
    let mut known = Vec::new();
    for (_, sql) in OF_TAG {
        let sql = format!("select row_to_json(r)::text from ({sql}) r");
        let rows = database.query(&sql, &[&name]).await.unwrap();
        known.push(rows.iter().map(|row| row.get(0)).collect());
    }
    known
}

async fn overlaps(spor: &Spor) -> i64 {
    let database = postgres::connect(&spor.database_url()).await;
    database.query_one("select count(*) from overlap", &[]).await.unwrap().get(0)
}

fn assert_same(first: &[Vec<String>], second: &[Vec<String>], what: &str) {
    for ((first, second), (table, _)) in first.iter().zip(second).zip(OF_TAG) {
        assert!(!first.is_empty(), "{what}: no {table}");
        let differs = first.iter().zip(second).find(|(first, second)| first != second);
        assert!(differs.is_none(), "{what}, {table}: {differs:#?}");
        assert_eq!(first.len(), second.len(), "{what}, {table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_while_the_program_is_killed_leaves_the_same_past() {
    let every_fix = [("SPOR_STORAGE__ON_CHANGE", "false")];
    let Some(mut spor) = Spor::serve(&every_fix).await else { return };
    let start_ms = i64::try_from(now_ms()).unwrap() - AGO_MS;
    let (mut in_time, mut late) = (Vec::new(), Vec::new());
    for number in 0..TAGS {
        for (seq, fix) in walk(number, start_ms).into_iter().enumerate() {
            in_time.push(position(&format!("in-order-{number}"), seq, fix));
            // Half an hour in the middle comes last, and every third fix before it.
            let is_late = (500..680).contains(&seq) || (seq < 500 && seq % 3 == 0 && seq > 0);
            let own = position(&format!("late-{number}"), seq, fix);
            if is_late { late.push(own) } else { in_time.push(own) }
        }
    }
    let port = std::sync::Arc::new(AtomicU16::new(spor.mqtt_port()));
    let sending = {
        let port = port.clone();
        tokio::task::spawn_blocking(move || {
            publish_through_kills(&port, &in_time);
            publish_through_kills(&port, &late);
        })
    };
    let mut kills = 0;
    while !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(900 + 350 * (kills % 4))).await;
        spor.kill();
        spor.start_again().await;
        port.store(spor.mqtt_port(), Ordering::Relaxed);
        kills += 1;
    }
    sending.await.unwrap();
    let spor = stop_when_decided(spor).await;
    eprintln!("{kills} kills");
    assert_eq!(overlaps(&spor).await, 0, "overlapping visits");
    let mut pasts = Vec::new();
    for number in 0..TAGS {
        let in_order = known_of(&spor, &format!("in-order-{number}")).await;
        let late = known_of(&spor, &format!("late-{number}")).await;
        assert_same(&in_order, &late, &format!("tag {number}"));
        pasts.push(late);
    }
    let journal = kept_journal(&spor);
    let mut again = on_a_copy(journal.path(), &every_fix).await;
    again.start_again().await;
    let again = stop_when_decided(again).await;
    for (number, past) in pasts.iter().enumerate() {
        let folded = known_of(&again, &format!("late-{number}")).await;
        assert_same(past, &folded, &format!("tag {number}, folded again"));
    }
}
