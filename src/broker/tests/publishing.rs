//! What devices publish: to the door, acknowledged afterwards, refused where it is not theirs.

use super::*;

#[tokio::test]
async fn both_levels_of_service_reach_the_door_in_order() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("pump-7").await;
    let mut bytes = publish("spor/v1/tags/pump-7/position", b"one", None);
    bytes.extend(publish("spor/v1/tags/pump-7/position", b"two", Some(1)));
    bytes.extend(publish("spor/v1/tags/pump-7/status", b"", Some(2)));
    raw.send(&bytes).await;
    for (topic, payload) in [("position", "one"), ("position", "two"), ("status", "")] {
        let arrival = rig.arrival().await;
        assert_eq!(&*arrival.source, "pump-7");
        assert_eq!(&*arrival.topic, format!("spor/v1/tags/pump-7/{topic}"));
        assert_eq!(arrival.payload, payload);
    }
    assert_eq!(raw.packet().await, [0x40, 2, 0, 1]);
    assert_eq!(raw.packet().await, [0x40, 2, 0, 2]);
    rig.stop().await;
}

#[tokio::test]
async fn one_read_is_one_batch() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("gateway").await;
    let mut bytes = Vec::new();
    for id in 1..=10 {
        bytes.extend(publish(&format!("spor/v1/tags/t{id}/position"), b"{}", Some(id)));
    }
    raw.send(&bytes).await;
    let batch = rig.door.recv().await.unwrap();
    assert!(batch.len() > 1, "{}", batch.len());
    rig.stop().await;
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable() {
    let mut rig = Rig::open().await;
    rig.disk.slow_down();
    let mut raw = rig.client("a").await;
    for (n, id) in [(1, Some(1)), (2, Some(2)), (3, None), (4, Some(3))] {
        raw.send(&publish("t", &[n], id)).await;
        // The next message is read although this one is not acknowledged.
        assert_eq!(rig.arrival().await.payload[..], [n]);
    }
    raw.send(&PING).await;
    assert_eq!(raw.packet().await, [0xd0, 0]);
    assert!(raw.is_silent().await);
    rig.disk.sync_up_to(1);
    assert_eq!(raw.packet().await, pub_ack(1));
    assert!(raw.is_silent().await);
    rig.disk.sync_up_to(4);
    assert_eq!(raw.packet().await, pub_ack(2));
    assert_eq!(raw.packet().await, pub_ack(3));
    rig.stop().await;
}

#[tokio::test]
async fn a_client_waits_at_its_bound_of_unacknowledged_messages() {
    let (seen, _recorder) = Seen::new();
    let config = Config { max_in_flight: 10, packet_timeout_ms: 100, ..config() };
    let mut rig = Rig::with(config, None).await;
    rig.disk.slow_down();
    let mut raw = rig.socket().await;
    raw.send(&connect("a", &Options { keep_alive: 1, ..Options::default() })).await;
    raw.packet().await;
    let all: Vec<u8> = (1..=25).flat_map(|id| publish("t", b"x", Some(id))).collect();
    // The end of the last packet comes later than the time-out for half a packet.
    raw.send(&all[..all.len() - 1]).await;
    for _ in 0..10 {
        rig.arrival().await;
    }
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    assert!(rig.door.try_recv().is_err(), "the eleventh waits");
    assert!(raw.is_silent().await, "its silence is not held against it");
    rig.disk.sync_up_to(10);
    for _ in 0..10 {
        rig.arrival().await;
    }
    rig.disk.sync_up_to(20);
    raw.send(&all[all.len() - 1..]).await;
    for _ in 0..5 {
        rig.arrival().await;
    }
    rig.disk.sync_up_to(25);
    for id in 1..=25 {
        assert_eq!(raw.packet().await, pub_ack(id));
    }
    assert_eq!(seen.count("spor_reads_paused_total{reason=\"in_flight\"}"), 2);
    rig.stop().await;
}

#[tokio::test]
async fn a_waiting_publisher_holds_up_neither_a_stop_nor_a_take_over() {
    let rig = Rig::open().await;
    rig.disk.room.send_replace(false);
    let mut raw = rig.client("a").await;
    raw.send(&publish("t", b"1", Some(1))).await;
    assert!(raw.is_silent().await);
    let mut next = rig.client("a").await;
    assert!(raw.is_closed().await);
    next.send(&publish("t", b"2", Some(2))).await;
    assert!(next.is_silent().await);
    rig.stop().await;
    assert!(next.is_closed().await);
}

#[tokio::test]
async fn without_room_only_what_promises_nothing_is_dropped() {
    let (seen, _recorder) = Seen::new();
    let mut rig = Rig::open().await;
    rig.disk.room.send_replace(false);
    let mut pings = rig.client("pings").await;
    let mut raw = rig.socket().await;
    raw.send(&connect("a", &Options { keep_alive: 1, ..Options::default() })).await;
    raw.packet().await;
    raw.send(&publish("t", b"dropped", None)).await;
    raw.send(&PING).await;
    assert_eq!(raw.packet().await, [0xd0, 0]);
    assert_eq!(seen.count("spor_messages_dropped_total{reason=\"journal\"}"), 1);
    let mut bytes = publish("t", b"kept", Some(1));
    bytes.extend(publish("t", b"behind it", None));
    raw.send(&bytes).await;
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    assert!(raw.is_silent().await);
    pings.send(&PING).await;
    assert_eq!(pings.packet().await, [0xd0, 0]);
    rig.disk.room.send_replace(true);
    assert_eq!(raw.packet().await, pub_ack(1));
    assert_eq!(rig.arrival().await.payload, "kept");
    assert_eq!(rig.arrival().await.payload, "behind it");
    assert_eq!(seen.count("spor_messages_dropped_total{reason=\"journal\"}"), 1);
    assert_eq!(seen.count("spor_reads_paused_total{reason=\"journal\"}"), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_will_waits_for_room_as_a_publish_does() {
    let mut rig = Rig::open().await;
    rig.disk.room.send_replace(false);
    for (id, qos) in [("low", 0), ("high", 1)] {
        let mut raw = rig.socket().await;
        let will = Some(("t", id.as_bytes()));
        let mut bytes = connect(id, &Options { will, ..Options::default() });
        bytes[9] = bytes[9] & !0x18 | qos << 3;
        raw.send(&bytes).await;
        raw.packet().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(rig.door.try_recv().is_err());
    rig.disk.room.send_replace(true);
    assert_eq!(rig.arrival().await.payload, "high");
    assert!(rig.door.try_recv().is_err());
    rig.stop().await;
}

#[tokio::test]
async fn what_was_appended_before_a_stop_is_still_acknowledged() {
    let mut rig = Rig::open().await;
    rig.disk.slow_down();
    let mut raw = rig.client("a").await;
    let mut leaves = rig.client("b").await;
    raw.send(&publish("t", b"1", Some(1))).await;
    rig.arrival().await;
    let mut bytes = publish("t", b"2", Some(2));
    bytes.extend(DISCONNECT);
    leaves.send(&bytes).await;
    rig.arrival().await;
    rig.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.disk.sync_up_to(2);
    assert_eq!(raw.packet().await, pub_ack(1));
    assert!(raw.is_closed().await);
    assert_eq!(leaves.packet().await, pub_ack(2));
    rig.stop().await;
}

#[tokio::test]
async fn a_long_read_is_appended_in_pieces() {
    let mut rig = Rig::with(Config { max_in_flight: 10, ..config() }, None).await;
    let mut raw = rig.client("a").await;
    let mut all: Vec<u8> = (1..=95).flat_map(|id| publish("t", b"x", Some(id))).collect();
    all.extend((0..95).flat_map(|_| publish("t", b"x", None)));
    raw.send(&all).await;
    for id in 1..=95 {
        assert_eq!(raw.packet().await, pub_ack(id));
    }
    let mut seen = 0;
    while seen < 190 {
        let batch = rig.door.recv().await.unwrap();
        assert!(batch.len() <= 10);
        seen += batch.len();
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_device_that_publishes_for_another_is_shut_out() {
    let mut rig = Rig::with_credentials().await;
    let mut raw = rig.login("any", "device-7").await;
    let mut bytes = publish("spor/v1/tags/device-7/position", b"mine", Some(1));
    bytes.extend(publish("spor/v1/tags/device-8/position", b"not mine", Some(2)));
    bytes.extend(publish("spor/v1/tags/device-7/position", b"after", Some(3)));
    raw.send(&bytes).await;
    // What came before the fault is taken and acknowledged.
    assert_eq!(raw.packet().await, pub_ack(1));
    assert!(raw.try_packet().await.is_none());
    assert_eq!(rig.arrival().await.payload, "mine");
    let mut engineer = rig.login("any", "engineer").await;
    engineer.send(&publish("anything/else", b"x", Some(1))).await;
    assert_eq!(engineer.packet().await, pub_ack(1));
    assert_eq!(rig.arrival().await.payload, "x");
    rig.stop().await;
}

#[tokio::test]
async fn wrong_credentials_are_answered_with_a_code() {
    let rig = Rig::with_credentials().await;
    for (login, code) in [
        (Some(("device-7", &b"wrong"[..])), 4),
        (Some(("device-7", &b"\xff\xfe"[..])), 4),
        (Some(("nobody", &b"secret"[..])), 4),
        (None, 5),
    ] {
        let mut raw = rig.socket().await;
        raw.send(&connect("a", &Options { login, ..Options::default() })).await;
        assert_eq!(raw.packet().await, [0x20, 2, 0, code], "{login:?}");
        assert!(raw.is_closed().await);
    }
    rig.login("a", "device-7").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_will_is_published_when_the_client_is_lost_and_only_then() {
    let mut rig = Rig::open().await;
    let will = Some(("spor/v1/readers/r1/status", &b"offline"[..]));
    let options = Options { will, ..Options::default() };
    let mut raw = rig.socket().await;
    raw.send(&connect("polite", &options)).await;
    raw.packet().await;
    raw.send(&DISCONNECT).await;
    assert!(raw.is_closed().await);
    let mut raw = rig.socket().await;
    raw.send(&connect("lost", &options)).await;
    raw.packet().await;
    drop(raw);
    let arrival = rig.arrival().await;
    assert_eq!((&*arrival.source, &*arrival.topic), ("lost", "spor/v1/readers/r1/status"));
    assert_eq!(arrival.payload, "offline");
    let mut raw = rig.socket().await;
    raw.send(&connect("stopped", &options)).await;
    raw.packet().await;
    rig.stop.cancel();
    assert!(raw.is_closed().await);
    rig.tracker.close();
    rig.tracker.wait().await;
    assert!(rig.door.try_recv().is_err());
}

#[tokio::test]
async fn a_will_that_is_not_permitted_is_refused_at_connect() {
    let rig = Rig::with_credentials().await;
    let mut raw = rig.socket().await;
    let will = Some(("spor/v1/readers/other/status", &b"offline"[..]));
    let login = Some(("reader-1", &b"secret"[..]));
    raw.send(&connect("r", &Options { will, login, ..Options::default() })).await;
    assert_eq!(raw.packet().await, [0x20, 2, 0, 5]);
    rig.stop().await;
}

#[tokio::test]
async fn an_open_broker_stays_on_this_machine() {
    let config = Config { listen: ([0, 0, 0, 0], 0).into(), ..config() };
    let error = Broker::bind(config.clone(), None).await.err().unwrap().to_string();
    assert!(error.contains("no credentials are configured"), "{error}");
    assert!(Broker::bind(config, Some(verify())).await.is_ok());
}

#[tokio::test]
async fn a_busy_port_is_an_error() {
    let rig = Rig::open().await;
    let config = Config { listen: rig.address, ..config() };
    let error = Broker::bind(config, None).await.err().unwrap();
    assert!(matches!(error, BrokerError::Listen { .. }), "{error}");
    rig.stop().await;
}

#[tokio::test]
async fn what_comes_in_and_what_is_refused_is_counted() {
    let (seen, _recorder) = Seen::new();
    let mut rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    let mut bytes = publish("t", b"1", None);
    bytes.extend(publish("t", b"2", Some(1)));
    raw.send(&bytes).await;
    raw.packet().await;
    assert_eq!(seen.count("spor_messages_received_total{source=\"mqtt\"}"), 2);
    assert_eq!(seen.count("spor_messages_acknowledged_total"), 1);
    assert_eq!(seen.count("spor_connections"), 1);
    rig.disk.room.send_replace(false);
    raw.send(&publish("t", b"3", Some(2))).await;
    assert!(raw.is_silent().await);
    assert_eq!(seen.count("spor_queue_full_total{queue=\"door\"}"), 1);
    rig.disk.room.send_replace(true);
    for _ in 0..3 {
        rig.arrival().await;
    }
    raw.packet().await;
    raw.send(&publish("#", b"4", None)).await;
    assert!(raw.is_closed().await);
    let mut bad = rig.socket().await;
    bad.send(&connect("a/b", &Options::default())).await;
    bad.packet().await;
    assert!(bad.is_closed().await);
    assert_eq!(seen.count("spor_publishes_refused_total{reason=\"bad_topic\"}"), 1);
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"client_id\"}"), 1);
    rig.stop().await;
    assert_eq!(seen.count("spor_connections"), 0);
}
