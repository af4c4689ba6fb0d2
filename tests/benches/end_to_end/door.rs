//! The real front door and the real journal on a real disk, with nothing behind them: what they
//! can take in alone. The door between them is the one that Spor uses.

use crate::bare;
use spor::{
    app,
    broker::{self, Broker},
    journal::{self, Journal},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The journal deletes what is older: nobody reads it.
const JOURNAL_BYTES: u64 = 2_000_000_000;

/// Serves until its standard input ends; tells how many records are on disk.
#[tokio::main]
pub(crate) async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let config = journal::Config { max_bytes: JOURNAL_BYTES, ..journal::Config::default() };
    let journal = Journal::open(&folder.path().join("journal"), &config, now_ms).unwrap();
    let config = broker::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        // What is asked is how fast it can be.
        max_total_messages_per_s: 0,
        max_total_bytes_per_s: 0,
        ..broker::Config::default()
    };
    let broker = Broker::bind(config, None).await.unwrap();
    println!("{}", broker.local_addr());
    let door = app::door(&journal, Arc::default());
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let serving = tokio::spawn(broker.run(door, tracker.clone(), stop.clone()));
    let mut ended = bare::until_input_ends();
    let committed = journal.committed();
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                println!("{}", *committed.borrow());
            }
            _ = &mut ended => break,
        }
    }
    stop.cancel();
    tracker.close();
    serving.await.unwrap();
    tracker.wait().await;
    journal.close();
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}
