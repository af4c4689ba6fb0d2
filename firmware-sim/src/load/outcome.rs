//! What a load came to: counts and latencies, as a table for people and as JSON for scripts.

use super::{Config, Counts, Share, histogram::Histogram};
use serde::Serialize;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The result. Counts are of positions, except `messages`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What was asked for: positions a second; 0: as fast as acknowledged.
    pub rate: u32,
    /// Tags that reported.
    pub tags: u32,
    /// Connections that were open.
    pub connections: u32,
    /// 0 or 1.
    pub qos: u8,
    /// When it began, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// How long it sent, seconds.
    pub seconds: f64,
    /// From the beginning to the last acknowledgement, seconds; 0 with QoS 0.
    pub acknowledged_seconds: f64,
    /// Positions that were due.
    pub intended: u64,
    /// Positions that were sent.
    pub published: u64,
    /// PUBLISH packets that carried them.
    pub messages: u64,
    /// Positions that the broker acknowledged.
    pub acknowledged: u64,
    /// Positions that were due and were not acknowledged (QoS 0: not sent) in the end.
    pub unacknowledged: u64,
    /// Connections that broke.
    pub lost_connections: u64,
    /// Positions sent a second.
    pub achieved_rate: f64,
    /// From when it was due to its acknowledgement, milliseconds.
    pub latency_ms: Latency,
    /// How far the tool itself was behind its schedule at worst, milliseconds.
    pub own_delay_ms: f64,
    /// CPU time that the tool itself took, seconds; none where that can't be told.
    pub cpu_seconds: Option<f64>,
}

/// When it was, and what it took.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) start: Instant,
    pub(super) start_ms: i64,
    pub(super) elapsed: Duration,
    pub(super) cpu: Option<Duration>,
}

/// Percentiles, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 95 of a hundred.
    pub p95: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// 999 of a thousand.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Outcome {
    pub(super) fn new(
        config: &Config,
        connections: u32,
        timing: Timing,
        counts: Counts,
        shares: &[Share],
    ) -> Self {
        let mut latencies = Histogram::new();
        shares.iter().for_each(|share| latencies.merge(&share.latencies));
        let at = |percent| milliseconds(latencies.percentile_us(percent));
        let kept = if config.acknowledged { counts.acknowledged } else { counts.published };
        let Timing { start, start_ms, elapsed, cpu } = timing;
        let last = shares.iter().filter_map(|share| share.last_acknowledgement).max();
        let own_delay = shares.iter().map(|share| share.own_delay).max().unwrap_or_default();
        Self {
            rate: config.rate,
            tags: config.tags,
            connections,
            qos: u8::from(config.acknowledged),
            start_ms,
            seconds: elapsed.as_secs_f64(),
            acknowledged_seconds: last.map_or(0.0, |last| last.duration_since(start).as_secs_f64()),
            intended: counts.intended,
            published: counts.published,
            messages: counts.messages,
            acknowledged: counts.acknowledged,
            unacknowledged: counts.intended - kept,
            lost_connections: counts.lost_connections,
            achieved_rate: per_second(counts.published, elapsed),
            latency_ms: Latency {
                p50: at(50.0),
                p95: at(95.0),
                p99: at(99.0),
                p999: at(99.9),
                max: milliseconds(latencies.max_us()),
            },
            own_delay_ms: own_delay.as_secs_f64() * 1000.0,
            cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()),
        }
    }

    /// True when nothing was lost.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unacknowledged == 0 && self.lost_connections == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = self.latency_ms;
        let verdict = if self.is_complete() { "complete" } else { "INCOMPLETE" };
        writeln!(
            f,
            "{verdict}: {} positions in {:.1} s, {:.0}/s, {} not acknowledged, p99 {:.2} ms",
            self.published, self.seconds, self.achieved_rate, self.unacknowledged, l.p99
        )?;
        writeln!(f)?;
        let asked = match self.rate {
            0 => "as fast as acknowledged".to_owned(),
            rate => format!("{rate}/s"),
        };
        writeln!(f, "| {:<28} | {:>24} |", "measure", "value")?;
        writeln!(f, "|{:-<30}|{:->26}|", "", ":")?;
        let mut row = |name: &str, value: String| writeln!(f, "| {name:<28} | {value:>24} |");
        row("rate asked for", asked)?;
        row("rate sent", format!("{:.0}/s", self.achieved_rate))?;
        row("tags", self.tags.to_string())?;
        row("connections", self.connections.to_string())?;
        row("QoS", self.qos.to_string())?;
        row("positions due", self.intended.to_string())?;
        row("positions sent", self.published.to_string())?;
        row("PUBLISH packets", self.messages.to_string())?;
        row("positions acknowledged", self.acknowledged.to_string())?;
        row("not acknowledged", self.unacknowledged.to_string())?;
        row("connections lost", self.lost_connections.to_string())?;
        row("PUBACK latency p50", format!("{:.2} ms", l.p50))?;
        row("PUBACK latency p95", format!("{:.2} ms", l.p95))?;
        row("PUBACK latency p99", format!("{:.2} ms", l.p99))?;
        row("PUBACK latency p99.9", format!("{:.2} ms", l.p999))?;
        row("PUBACK latency max", format!("{:.2} ms", l.max))?;
        if let Some(cpu) = self.cpu_seconds {
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
            let us = cpu * 1e6 / self.published.max(1) as f64;
            row("tool's CPU a position", format!("{us:.2} us"))?;
        }
        row("tool behind schedule, max", format!("{:.2} ms", self.own_delay_ms))
    }
}

/// One line on the way.
pub(super) fn progress_line(
    elapsed: Duration,
    interval: Duration,
    before: Counts,
    now: Counts,
    acknowledged: bool,
) -> String {
    let done = if acknowledged { now.acknowledged } else { now.published };
    format!(
        "{:>5.0} s  sent {:>7.0}/s  acknowledged {:>7.0}/s  waiting {}",
        elapsed.as_secs_f64(),
        per_second(now.published - before.published, interval),
        per_second(now.acknowledged - before.acknowledged, interval),
        now.intended - done,
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn per_second(count: u64, over: Duration) -> f64 {
    count as f64 / over.as_secs_f64().max(0.001)
}

#[expect(clippy::cast_precision_loss, reason = "hours in microseconds stay far below 2^53")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}
