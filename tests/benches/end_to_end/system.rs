//! What is measured: Spor, or one of the yardsticks beside it, each in processes of its own.

use crate::{
    Role,
    database::Database,
    plan::Plan,
    support::{Spor, mosquitto},
    usage::{self, Usage},
};
use serde::Serialize;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Spor,
    /// The real listener and the real journal, and nothing behind them.
    FrontDoor,
    Bare,
    Mosquitto,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spor => "spor",
            Self::FrontDoor => "front door",
            Self::Bare => "bare",
            Self::Mosquitto => "mosquitto",
        }
    }
}

/// A running system.
pub(crate) enum System {
    Spor(Box<Spor>),
    Own(Worker),
    Mosquitto(Box<mosquitto::Mosquitto>, Worker),
}

impl System {
    /// None: something is not installed, which is said.
    pub(crate) async fn start(
        kind: Kind,
        plan: &Plan,
        database: Option<&Database>,
    ) -> Option<Self> {
        let url = database.map_or("", |database| database.url.as_str());
        Some(match kind {
            Kind::Spor => {
                let on_change = if plan.still_percent.is_some() { "true" } else { "false" };
                let days = (plan.history_days + 30).to_string();
                let settings = [
                    ("SPOR_DATABASE__URL", url),
                    ("SPOR_HTTP__OPEN", "true"),
                    ("SPOR_STORAGE__ON_CHANGE", on_change),
                    ("SPOR_STORAGE__POSITION_DAYS", &days),
                ];
                Self::Spor(Box::new(Spor::start(&["serve"], &settings).await))
            }
            Kind::FrontDoor => Self::Own(Worker::start(Role::Door, "")),
            Kind::Bare => Self::Own(Worker::start(Role::Bare, url)),
            Kind::Mosquitto => {
                let broker = mosquitto::Mosquitto::start().await?;
                let mut worker = Worker::start(Role::Subscriber, url);
                worker.address = format!("127.0.0.1:{}", broker.port);
                worker.subscribe(&worker.address.clone(), plan.qos);
                Self::Mosquitto(Box::new(broker), worker)
            }
        })
    }

    /// Where the load goes to.
    pub(crate) fn mqtt(&self) -> &str {
        match self {
            Self::Spor(spor) => &spor.mqtt,
            Self::Own(worker) | Self::Mosquitto(_, worker) => &worker.address,
        }
    }

    /// User and password, where they are asked for.
    pub(crate) fn login(&self) -> Option<(&'static str, &'static str)> {
        matches!(self, Self::Mosquitto(..)).then_some(("device", mosquitto::PASSWORD))
    }

    /// Positions that are stored; of the front door, messages in the journal.
    pub(crate) async fn stored(&self) -> u64 {
        match self {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            Self::Spor(spor) => spor.metric("spor_positions_stored_total").await as u64,
            Self::Own(worker) | Self::Mosquitto(_, worker) => worker.stored.load(Ordering::Relaxed),
        }
    }

    /// Bytes that Spor has written to its logs so far.
    pub(crate) async fn log_bytes(&self) -> u64 {
        match self {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            Self::Spor(spor) => spor.metric("spor_journal_written_bytes_total").await as u64,
            _ => 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        match self {
            Self::Spor(spor) => Usage::of(spor.pid()),
            Self::Own(worker) => Usage::of(worker.child.id()),
            Self::Mosquitto(broker, worker) => {
                let (a, b) = (Usage::of(broker.pid()), Usage::of(worker.child.id()));
                Usage { cpu: a.cpu + b.cpu, written: a.written + b.written }
            }
        }
    }

    /// Bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        match self {
            Self::Spor(spor) => usage::peak_memory(spor.pid()),
            Self::Own(worker) => usage::peak_memory(worker.child.id()),
            Self::Mosquitto(broker, worker) => {
                usage::peak_memory(broker.pid()) + usage::peak_memory(worker.child.id())
            }
        }
    }

    pub(crate) fn http(&self) -> Option<&str> {
        match self {
            Self::Spor(spor) => Some(&spor.http),
            _ => None,
        }
    }

    /// Ends it; it must end well.
    pub(crate) fn stop(self) {
        match self {
            Self::Spor(mut spor) => assert!(spor.stop().success(), "{}", spor.log()),
            Self::Own(worker) => worker.stop(),
            Self::Mosquitto(mut broker, worker) => {
                worker.stop();
                broker.stop();
            }
        }
    }
}

/// This program in another role, as a process of its own. It ends when its input does, and tells
/// on its output where it listens, then how much is stored.
pub(crate) struct Worker {
    child: Child,
    address: String,
    stored: Arc<AtomicU64>,
}

impl Worker {
    fn start(role: Role, url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--role", role.name(), "--url", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.next().expect("a line").unwrap();
        let stored = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&stored);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                count.store(line.parse().unwrap(), Ordering::Relaxed);
            }
        });
        Self { child, address, stored }
    }

    /// Tells a subscriber where to, and waits until it is.
    fn subscribe(&mut self, broker: &str, qos: u8) {
        use std::io::Write as _;
        writeln!(self.child.stdin.as_mut().unwrap(), "{broker} {qos}").unwrap();
        while self.stored.load(Ordering::Relaxed) != SUBSCRIBED {
            assert!(self.child.try_wait().unwrap().is_none(), "the subscriber ended");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.stored.store(0, Ordering::Relaxed);
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "a worker failed");
    }
}

/// What a subscriber tells in place of a count once it is subscribed.
pub(crate) const SUBSCRIBED: u64 = u64::MAX;

impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
