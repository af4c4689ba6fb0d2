//! Failed logins, counted by address and by name: who guesses is made to wait.
//!
//! An attempt counts as failed until it succeeds, so that many at once are not all let through.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(300);
/// Of one address for one name; a person who mistypes gets by with this.
const PER_NAME: u32 = 5;
/// Of one address for all names: a proxy brings everybody's.
const PER_ADDRESS: u32 = 60;
/// Addresses and names that are remembered; past this nobody new may fail.
const MOST: usize = 20_000;

/// Failures of late.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Who, Failures>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    Name(IpAddr, String),
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Attempts {
    /// Counts an attempt.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn begin(&self, address: IpAddr, name: &str, now: Instant) -> Result<(), Duration> {
        let address = neighbourhood(address);
        let mut failures = self.lock();
        let whom =
            [(Who::Address(address), PER_ADDRESS), (Who::Name(address, name.to_owned()), PER_NAME)];
        for (who, most) in &whom {
            if let Some(held) = failures.get(who)
                && now < held.since + WINDOW
                && held.count >= *most
            {
                return Err(held.since + WINDOW - now);
            }
        }
        if failures.len() + whom.len() > MOST {
            failures.retain(|_, held| now < held.since + WINDOW);
            if failures.len() + whom.len() > MOST {
                return Err(WINDOW);
            }
        }
        for (who, _) in whom {
            let held = failures.entry(who).or_insert(Failures { since: now, count: 0 });
            if now >= held.since + WINDOW {
                *held = Failures { since: now, count: 0 };
            }
            held.count += 1;
        }
        Ok(())
    }

    /// The attempt was right: it doesn't count, and what failed before it for that name neither.
    pub fn succeeded(&self, address: IpAddr, name: &str) {
        let address = neighbourhood(address);
        let mut failures = self.lock();
        failures.remove(&Who::Name(address, name.to_owned()));
        if let Some(held) = failures.get_mut(&Who::Address(address)) {
            held.count = held.count.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who has an IPv6 address has all 2^64 of its network.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sixth_wrong_password_waits_and_another_name_does_not() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..PER_NAME {
            assert_eq!(attempts.begin(HERE, "anna", now), Ok(()));
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(attempts.begin(HERE, "anna", later), Err(WINDOW - Duration::from_secs(60)));
        assert_eq!(attempts.begin(HERE, "bo", later), Ok(()));
        assert_eq!(attempts.begin(HERE, "anna", now + WINDOW), Ok(()));
    }

    #[test]
    fn who_gets_it_right_starts_afresh() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..10 * PER_ADDRESS {
            assert_eq!(attempts.begin(HERE, "anna", now), Ok(()));
            attempts.succeeded(HERE, "anna");
        }
    }

    #[test]
    fn who_tries_many_names_waits_too() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..PER_ADDRESS {
            assert_eq!(attempts.begin(HERE, &n.to_string(), now), Ok(()));
        }
        assert!(attempts.begin(HERE, "one more", now).is_err());
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        for n in 0..5 {
            assert_eq!(attempts.begin(six(n), "anna", now), Ok(()));
        }
        assert!(attempts.begin(six(99), "anna", now).is_err(), "the same network");
    }
}
