//! What one client, one address and all together may use.

use super::*;

/// Sends `count` messages at QoS 1 and waits for all acknowledgements; returns how long it took.
async fn publishes(raw: &mut Raw, count: u16, payload: &[u8]) -> Duration {
    let start = std::time::Instant::now();
    let all: Vec<u8> = (1..=count).flat_map(|id| publish("t", payload, Some(id))).collect();
    raw.send(&all).await;
    for id in 1..=count {
        assert_eq!(raw.packet().await, pub_ack(id));
    }
    start.elapsed()
}

#[tokio::test]
async fn a_client_that_is_too_fast_is_read_more_slowly_and_loses_nothing() {
    let (seen, _recorder) = Seen::new();
    for (config, paused) in [
        (Config { max_messages_per_s: 100, ..config() }, "rate"),
        (Config { max_bytes_per_s: 5_600, ..config() }, "rate"),
        (Config { max_total_messages_per_s: 100, ..config() }, "total_rate"),
        (Config { max_total_bytes_per_s: 5_600, ..config() }, "total_rate"),
    ] {
        let rig = Rig::with(config, None).await;
        let mut raw = rig.socket().await;
        raw.send(&connect("a", &Options { keep_alive: 1, ..Options::default() })).await;
        raw.packet().await;
        // In several reads, because a read is taken whole.
        let mut took = Duration::ZERO;
        for _ in 0..3 {
            took += publishes(&mut raw, 99, &[b'x'; 48]).await;
        }
        // The first hundred are the burst, the last are free to overdraw: one second remains.
        assert!(took > Duration::from_millis(850), "{paused} {took:?}");
        assert!(took < Duration::from_secs(4), "{paused} {took:?}");
        assert!(seen.count(&format!("spor_reads_paused_total{{reason=\"{paused}\"}}")) > 0);
        rig.stop().await;
    }
}

#[tokio::test]
async fn one_client_over_its_rate_slows_no_other() {
    let rig = Rig::with(Config { max_messages_per_s: 20, ..config() }, None).await;
    let mut fast = rig.client("fast").await;
    let flood: Vec<u8> = (0..400).flat_map(|_| publish("t", b"x", None)).collect();
    fast.send(&flood).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut other = rig.client("other").await;
    assert!(publishes(&mut other, 5, b"x").await < Duration::from_millis(500));
    fast.send(&PING).await;
    assert!(fast.is_silent().await, "it is read later");
    rig.stop().await;
}

#[tokio::test]
async fn all_unacknowledged_messages_together_are_bounded() {
    let (seen, _recorder) = Seen::new();
    let mut rig = Rig::with(Config { max_total_in_flight: 10, ..config() }, None).await;
    rig.disk.slow_down();
    let (mut one, mut two) = (rig.client("one").await, rig.client("two").await);
    let ten: Vec<u8> = (1..=10).flat_map(|id| publish("t", b"1", Some(id))).collect();
    one.send(&ten).await;
    for _ in 0..10 {
        rig.arrival().await;
    }
    two.send(&publish("t", b"2", Some(1))).await;
    assert!(two.is_silent().await);
    assert!(rig.door.try_recv().is_err());
    assert_eq!(seen.count("spor_messages_in_flight"), 10);
    rig.disk.sync_up_to(10);
    assert_eq!(rig.arrival().await.payload, "2");
    rig.disk.sync_up_to(11);
    assert_eq!(two.packet().await, pub_ack(1));
    assert!(seen.count("spor_reads_paused_total{reason=\"total_in_flight\"}") > 0);
    rig.stop().await;
    assert_eq!(seen.count("spor_messages_in_flight"), 0);
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let (seen, _recorder) = Seen::new();
    let mut rig = Rig::with(Config { max_connections_per_address: 2, ..config() }, None).await;
    let (one, _two) = (rig.client("one").await, rig.client("two").await);
    for _ in 0..3 {
        let mut third = rig.socket().await;
        assert_eq!(third.packet().await, [0x20, 2, 0, 3]);
    }
    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut elsewhere = Raw { stream: elsewhere.connect(rig.address).await.unwrap() };
    elsewhere.send(&connect("three", &Options::default())).await;
    assert_eq!(elsewhere.packet().await, [0x20, 2, 0, 0]);
    let refused = "spor_connections_refused_total{reason=\"too_many_of_address\"}";
    assert_eq!(seen.count(refused), 3);
    drop(one);
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn one_credential_has_a_bounded_number_of_connections_and_may_take_itself_over() {
    let config = Config { max_connections_per_credential: 2, ..config() };
    let rig = Rig::with(config, Some(verify())).await;
    let _one = rig.login("one", "engine").await;
    let mut two = rig.login("two", "engine").await;
    let mut third = rig.socket().await;
    let options = Options { login: Some(("engine", b"secret")), ..Options::default() };
    third.send(&connect("three", &options)).await;
    assert_eq!(third.packet().await, [0x20, 2, 0, 3]);
    let _other = rig.login("three", "engine-2").await;
    let _again = rig.login("two", "engine").await;
    assert!(two.is_closed().await);
    rig.stop().await;
}

#[tokio::test]
async fn wrong_passwords_are_bounded_and_cost_no_more_hashes_then() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (seen, _recorder) = Seen::new();
    let hashes = Arc::new(AtomicUsize::new(0));
    let verify = Verify {
        remembered: Arc::new(|name, _| (name == "known").then_some(ClientRole::Device)),
        password: Arc::new({
            let hashes = Arc::clone(&hashes);
            move |_, _| {
                hashes.fetch_add(1, Ordering::SeqCst);
                None
            }
        }),
        certificate: Arc::new(|_| None),
    };
    let config = Config { max_failed_logins_per_min: 5, ..config() };
    let rig = Rig::with(config, Some(verify)).await;
    let mut codes = Vec::new();
    for n in 0..20 {
        let mut raw = rig.socket().await;
        let name = format!("guess-{n}");
        let options = Options { login: Some((&name, b"wrong")), ..Options::default() };
        raw.send(&connect("a", &options)).await;
        codes.push(raw.packet().await[3]);
        assert!(raw.is_closed().await);
    }
    assert_eq!(codes[..5], [4; 5]);
    assert_eq!(codes[5..], [5; 15]);
    assert_eq!(hashes.load(Ordering::SeqCst), 5);
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"credentials\"}"), 5);
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"too_many_failures\"}"), 15);
    // A device of the same address whose password was right before is not shut out.
    rig.login("b", "known").await;
    rig.stop().await;
}
