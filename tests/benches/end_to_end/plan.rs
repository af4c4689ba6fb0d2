//! What is run: one plan for each row of the table of figures to reach.

/// A load, and what it is to show.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) cbor: bool,
    pub(crate) qos: u8,
    pub(crate) connections: u32,
    pub(crate) tags: u32,
    /// Positions a second; 0: as fast as they are acknowledged.
    pub(crate) rate: u32,
    /// Positions in a message of an engine; none: each tag speaks for itself.
    pub(crate) batch: Option<u32>,
    /// Messages that may wait for their acknowledgement on each connection.
    pub(crate) window: u16,
    /// Clients of the event stream.
    pub(crate) feeds: usize,
    /// Threads of the load tool.
    pub(crate) threads: u32,
    /// Only front door and journal.
    pub(crate) door_only: bool,
    /// How many of a hundred tags stand still; rows are then stored on change.
    pub(crate) still_percent: Option<u32>,
    /// Days of history in the tables before the load; while it lasts, the API is read.
    pub(crate) history_days: u32,
    /// (measure, what it is to reach).
    pub(crate) goals: &'static [(&'static str, &'static str)],
}

/// JSON at QoS 1 over 64 connections from 25,000 tags, as fast as it goes.
const JSON64: Plan = Plan {
    name: "json64",
    cbor: false,
    qos: 1,
    connections: 64,
    tags: 25_000,
    rate: 0,
    batch: None,
    window: 500,
    feeds: 0,
    threads: 1,
    door_only: false,
    still_percent: None,
    history_days: 0,
    goals: &[("stored/s", "150,000"), ("of --bare", "50 %")],
};

/// Every plan by name.
const PLANS: [Plan; 14] = [
    JSON64,
    Plan { name: "cbor64", cbor: true, goals: &[("stored/s", "200,000")], ..JSON64 },
    Plan { name: "batches", goals: &[("stored/s", "300,000")], ..BATCHES },
    Plan { name: "batches-cbor", cbor: true, goals: &[("stored/s", "300,000")], ..BATCHES },
    Plan {
        name: "fixed50k",
        rate: 50_000,
        feeds: 1,
        goals: &[("PUBACK p50 ms", "2"), ("PUBACK p99 ms", "10"), ("row p99 ms", "200")],
        ..JSON64
    },
    Plan {
        name: "feed50k",
        rate: 50_000,
        feeds: 20,
        goals: &[("feed p99 ms", "150"), ("row p99 ms", "200")],
        ..JSON64
    },
    Plan {
        name: "single",
        connections: 1,
        window: 1,
        goals: &[("PUBACK p50 ms", "0.6")],
        ..JSON64
    },
    Plan {
        name: "front-door",
        window: 1_000,
        door_only: true,
        goals: &[("acknowledged/s", "1,000,000")],
        ..JSON64
    },
    Plan { name: "aarhus", rate: 12_500, goals: &[("its CPU, % of a core", "15")], ..JSON64 },
    Plan { name: "tags1k", tags: 1_000, ..GROWTH },
    Plan { name: "tags10k", tags: 10_000, ..GROWTH },
    Plan {
        name: "tags100k",
        tags: 100_000,
        goals: &[("peak memory MiB", "400"), ("CPU us a position", "1.5 x that of tags1k")],
        ..GROWTH
    },
    Plan {
        name: "on-change",
        rate: 12_500,
        still_percent: Some(80),
        goals: &[("rows of all messages, %", "22"), ("of the still tags', %", "2")],
        ..JSON64
    },
    Plan {
        name: "history",
        tags: 5_000,
        history_days: 90,
        goals: &[
            ("GET assets p99 ms", "50"),
            ("GET assets near p99 ms", "50"),
            ("GET a day of history p99 ms", "50"),
        ],
        ..GROWTH
    },
];

/// The window is small, since 64 times 20 messages of 50 are enough on the way.
const BATCHES: Plan = Plan { batch: Some(50), window: 20, ..JSON64 };
const GROWTH: Plan = Plan { rate: 20_000, goals: &[], ..JSON64 };

/// The plans of these names, `all` being every one; an error names what there is.
pub(crate) fn named(names: &[String]) -> Result<Vec<Plan>, String> {
    let mut plans = Vec::new();
    for name in names {
        let before = plans.len();
        plans.extend(PLANS.iter().filter(|plan| name == "all" || plan.name == name).cloned());
        if plans.len() == before {
            let all: Vec<_> = PLANS.iter().map(|plan| plan.name).collect();
            return Err(format!("no plan {name}: there are all, {}", all.join(", ")));
        }
    }
    Ok(plans)
}
