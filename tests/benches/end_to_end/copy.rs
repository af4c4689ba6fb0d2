//! Rows on their way into the table `position`, for the yardsticks: gathered from a bounded queue,
//! copied ten thousand at a time, or what there is after a tenth of a second.

use bytes::{BufMut, Bytes, BytesMut};
use dashmap::DashMap;
use futures_util::SinkExt as _;
use spor_schemas::PositionMessage;
use std::{
    collections::HashMap,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

const FULL: usize = 10_000;
const GATHER: Duration = Duration::from_millis(100);
/// Batches of one read each that wait for the writer; then sockets are read later.
const QUEUE: usize = 256;

/// One row.
pub(crate) struct Row {
    tag: i32,
    time_ms: i64,
    seq: u32,
    x_m: f32,
    y_m: f32,
    floor: i16,
    accuracy_m: f32,
}

/// Where messages become rows.
#[derive(Clone)]
pub(crate) struct Intake {
    keys: Arc<HashMap<String, i32>>,
    /// Where each tag is now.
    places: Arc<DashMap<i32, (i64, f32, f32, i16)>>,
    door: mpsc::Sender<Vec<Row>>,
}

impl Intake {
    /// Reads the keys of all tags; the future is the writer, which tells on the standard output
    /// how many rows are committed.
    pub(crate) async fn open(url: &str) -> (Self, impl Future<Output = ()> + use<>) {
        let client = crate::support::postgres::connect(url).await;
        let rows = client.query("select name, id from tag", &[]).await.unwrap();
        let keys = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let (door, source) = mpsc::channel(QUEUE);
        let intake = Self { keys: Arc::new(keys), places: Arc::default(), door };
        (intake, write(client, source))
    }

    /// Reads one message, of a tag or of an engine.
    pub(crate) fn read(&self, topic: &str, payload: &[u8], rows: &mut Vec<Row>) {
        let own =
            topic.strip_prefix("spor/v1/tags/").and_then(|rest| rest.strip_suffix("/position"));
        let cbor = payload.first().is_some_and(|first| *first >= 0x80);
        match (own, cbor) {
            (Some(tag), false) => self.add(tag, &serde_json::from_slice(payload).unwrap(), rows),
            (Some(tag), true) => self.add(tag, &minicbor::decode(payload).unwrap(), rows),
            (None, false) => {
                self.add_all(&serde_json::from_slice::<Vec<_>>(payload).unwrap(), rows);
            }
            (None, true) => self.add_all(&minicbor::decode::<Vec<_>>(payload).unwrap(), rows),
        }
    }

    fn add_all(&self, positions: &[PositionMessage], rows: &mut Vec<Row>) {
        for position in positions {
            self.add(position.tag.as_ref().unwrap().as_str(), position, rows);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the columns are float4")]
    fn add(&self, tag: &str, position: &PositionMessage, rows: &mut Vec<Row>) {
        let tag = self.keys[tag];
        let time_ms = position.time_ms.unwrap_or_else(now_ms);
        let (x_m, y_m, floor) = (position.x_m as f32, position.y_m as f32, position.floor);
        self.places.insert(tag, (time_ms, x_m, y_m, floor));
        rows.push(Row {
            tag,
            time_ms,
            seq: position.seq.unwrap_or(0),
            x_m,
            y_m,
            floor,
            accuracy_m: position.accuracy_m.unwrap_or(1.0),
        });
    }

    /// Hands rows to the writer; waits while its queue is full.
    pub(crate) async fn store(&self, rows: Vec<Row>) {
        if !rows.is_empty() {
            self.door.send(rows).await.unwrap();
        }
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Until every [`Intake`] is gone.
async fn write(client: tokio_postgres::Client, mut source: mpsc::Receiver<Vec<Row>>) {
    let sql = "copy position (\"time\", until, tag, seq, x_m, y_m, floor, accuracy_m, zone)
        from stdin (format binary)";
    let statement = client.prepare(sql).await.unwrap();
    let mut stored = 0_u64;
    while let Some(mut rows) = source.recv().await {
        let due = Instant::now() + GATHER;
        while rows.len() < FULL {
            match timeout_at(due, source.recv()).await {
                Ok(Some(more)) => rows.extend(more),
                Ok(None) | Err(_) => break,
            }
        }
        let mut sink = pin!(client.copy_in(&statement).await.unwrap());
        sink.send(encode(&rows)).await.unwrap();
        stored += sink.finish().await.unwrap();
        println!("{stored}");
    }
}

/// PostgreSQL's binary COPY form.
fn encode(rows: &[Row]) -> Bytes {
    let mut out = BytesMut::with_capacity(21 + rows.len() * 82);
    out.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for row in rows {
        // PostgreSQL's time begins in the year 2000.
        let us = (row.time_ms - 946_684_800_000) * 1_000;
        out.put_i16(9);
        for _ in 0..2 {
            out.put_i32(8);
            out.put_i64(us);
        }
        out.put_i32(4);
        out.put_i32(row.tag);
        out.put_i32(8);
        out.put_i64(row.seq.into());
        for metres in [row.x_m, row.y_m] {
            out.put_i32(4);
            out.put_f32(metres);
        }
        out.put_i32(2);
        out.put_i16(row.floor);
        out.put_i32(4);
        out.put_f32(row.accuracy_m);
        out.put_i32(-1);
    }
    out.put_i16(-1);
    out.freeze()
}
