//! Clients of `/api/v1/stream`. The first reads what it gets, and measures from when a position was
//! due to when its row was there; the others only take it off the wire.

use crate::latency::{Counted, Latency};
use serde::{
    Deserialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinSet;

/// Open streams; closed when this is dropped.
pub(crate) struct Feeds {
    _clients: JoinSet<()>,
    counted: Arc<Mutex<Counted>>,
}

impl Feeds {
    /// Opens as many and waits until each has its first snapshot.
    pub(crate) async fn open(http: &str, count: usize) -> Self {
        let counted = Arc::new(Mutex::new(Counted::default()));
        let mut clients = JoinSet::new();
        let url = format!("{http}/api/v1/stream");
        for number in 0..count {
            let mut response = reqwest::get(&url).await.unwrap().error_for_status().unwrap();
            let mut reader = Reader { counted: Arc::clone(&counted), ..Reader::default() };
            while !reader.has_snapshot {
                let bytes = response.chunk().await.unwrap().expect("a stream that goes on");
                reader.take(&bytes);
            }
            clients.spawn(async move {
                while let Ok(Some(bytes)) = response.chunk().await {
                    if number == 0 {
                        reader.take(&bytes);
                    }
                }
            });
        }
        Self { _clients: clients, counted }
    }

    pub(crate) fn latency(&self) -> Option<Latency> {
        self.counted.lock().unwrap().summary()
    }
}

/// What one client knows.
#[derive(Default)]
struct Reader {
    counted: Arc<Mutex<Counted>>,
    bytes: Vec<u8>,
    /// Up to where no frame ends.
    looked: usize,
    has_snapshot: bool,
    /// When each asset was seen last, as far as this client was told.
    seen: HashMap<String, i64>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    assets: Vec<Row<'a>>,
}

/// An asset's id, and when it was seen: the first column and the thirteenth.
struct Row<'a>(&'a str, Option<i64>);

const SEEN_COLUMN: usize = 12;

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = (&'de str, Option<i64>);
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row of columns")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Self::Value, A::Error> {
                let id = row.next_element()?.unwrap_or("");
                for _ in 1..SEEN_COLUMN {
                    row.next_element::<IgnoredAny>()?;
                }
                let seen = row.next_element()?.flatten();
                while row.next_element::<IgnoredAny>()?.is_some() {}
                Ok((id, seen))
            }
        }
        let (id, seen) = deserializer.deserialize_seq(Columns)?;
        Ok(Row(id, seen))
    }
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some(end) = self.frame_end() {
            let bytes = std::mem::take(&mut self.bytes);
            self.read(std::str::from_utf8(&bytes[..end]).unwrap());
            self.bytes = bytes;
            self.bytes.drain(..end);
            self.looked = 0;
        }
    }

    /// Behind the empty line that ends a frame.
    fn frame_end(&mut self) -> Option<usize> {
        let from = self.looked.saturating_sub(1);
        let found = self.bytes[from..].windows(2).position(|pair| pair == b"\n\n");
        self.looked = self.bytes.len();
        Some(from + found? + 2)
    }

    fn read(&mut self, frame: &str) {
        let is_snapshot = frame.starts_with("event: snapshot\n");
        if !is_snapshot && !frame.starts_with("event: delta\n") {
            return;
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now_ms = i64::try_from(now_ms).unwrap();
        let data = frame.split_once("\ndata: ").map_or("", |(_, data)| data);
        if is_snapshot {
            assert!(data.contains("\"interval_ms\""), "a snapshot names its columns");
            let columns = data.split("\"columns\":[").nth(1).unwrap_or("").split(',');
            assert_eq!(columns.clone().nth(SEEN_COLUMN), Some("\"seen_ms\""), "the 13th column");
        }
        let frame: Frame<'_> = serde_json::from_str(data).unwrap();
        let mut counted = self.counted.lock().unwrap();
        for Row(id, seen_ms) in frame.assets {
            let Some(seen_ms) = seen_ms else { continue };
            match self.seen.get_mut(id) {
                Some(before) if *before >= seen_ms => continue,
                Some(before) => *before = seen_ms,
                None => {
                    self.seen.insert(id.to_owned(), seen_ms);
                }
            }
            // The first snapshot tells of what was before.
            if self.has_snapshot {
                counted.add(now_ms - seen_ms, 1);
            }
        }
        self.has_snapshot |= is_snapshot;
    }
}
