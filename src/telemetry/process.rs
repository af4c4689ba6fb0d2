//! Memory and CPU of this process, read from `/proc` where there is one.

/// Brings the gauges up to date; does nothing where `/proc` is missing.
pub(super) fn measure() {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else { return };
    let pages = statm.split(' ').nth(1).and_then(|p| p.parse::<u32>().ok());
    if let Some(pages) = pages {
        let page_bytes = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
        metrics::gauge!("process_resident_memory_bytes")
            .set(f64::from(pages) * f64::from(page_bytes));
    }
    if let Some(ticks) = cpu_ticks() {
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        metrics::counter!("process_cpu_milliseconds_total").absolute(ticks * 1000 / per_second);
    }
}

/// User and system time: fields 14 and 15 of `/proc/self/stat`, counted behind the name, which may
/// hold spaces (proc(5)).
fn cpu_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
