//! What subscribers get: events through the router, commands from our own map.

use super::*;

#[tokio::test]
async fn a_subscriber_gets_the_events_it_asked_for() {
    let rig = Rig::with_credentials().await;
    let mut raw = rig.login("s", "subscriber").await;
    raw.send(&subscribe(
        9,
        &[
            ("spor/v1/events/zone/#", 2),
            ("#", 0),
            ("spor/v1/events/lost/+", 0),
            ("spor/v1/commands/x", 0),
        ],
    ))
    .await;
    assert_eq!(raw.packet().await, [0x90, 6, 0, 9, 1, 0x80, 0, 0x80], "granted at most 1");
    for kind in ["zone", "button", "lost"] {
        rig.publisher.publish(format!("spor/v1/events/{kind}/a"), kind.into());
    }
    let (flags, topic, id, payload) = raw.delivery().await;
    assert_eq!((flags, &*topic, &payload[..]), (2, "spor/v1/events/zone/a", &b"zone"[..]));
    raw.send(&pub_ack(id.unwrap())).await;
    let (flags, topic, id, _) = raw.delivery().await;
    assert_eq!((flags, &*topic, id), (0, "spor/v1/events/lost/a", None));
    rig.stop().await;
}

#[tokio::test]
async fn nothing_that_devices_publish_reaches_a_subscriber() {
    let mut rig = Rig::with_credentials().await;
    let mut engineer = rig.login("e", "engineer").await;
    assert_eq!(engineer.subscribe("#", 1).await, 1);
    let mut device = rig.login("d", "device-1").await;
    device.send(&publish("spor/v1/tags/device-1/position", b"secret place", Some(1))).await;
    assert_eq!(device.packet().await, pub_ack(1));
    rig.arrival().await;
    assert!(engineer.is_silent().await);
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"1".to_vec());
    let (_, _, _, payload) = engineer.delivery().await;
    assert_eq!(payload, b"1");
    rig.stop().await;
}

#[tokio::test]
async fn an_unsubscribed_filter_is_silent_and_a_new_level_applies() {
    let rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/zone/#", 0).await, 0);
    assert_eq!(raw.subscribe("spor/v1/events/lost/#", 0).await, 0);
    assert_eq!(raw.subscribe("spor/v1/events/lost/#", 1).await, 1);
    let mut body = vec![0, 5];
    body.extend(text(b"spor/v1/events/zone/#"));
    body.extend(text(b"never/subscribed"));
    raw.send(&packet(0xa2, &body)).await;
    assert_eq!(raw.packet().await, [0xb0, 2, 0, 5]);
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"1".to_vec());
    rig.publisher.publish("spor/v1/events/lost/a".into(), b"2".to_vec());
    let (flags, _, _, payload) = raw.delivery().await;
    assert_eq!((flags, &payload[..]), (2, &b"2"[..]));
    rig.stop().await;
}

#[tokio::test]
async fn many_events_at_level_one_flow_past_the_routers_window() {
    let rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/#", 1).await, 1);
    for n in 0..1_000 {
        rig.publisher.publish("spor/v1/events/zone/a".into(), format!("{n}").into_bytes());
    }
    // Acknowledged in pairs, the wrong way round, with one that was never sent.
    let mut held = None;
    for n in 0..1_000 {
        let (_, _, id, payload) = raw.delivery().await;
        assert_eq!(payload, format!("{n}").into_bytes());
        if let Some(held) = held.take() {
            let mut acks = pub_ack(id.unwrap());
            acks.extend(pub_ack(held));
            acks.extend(pub_ack(60_000));
            raw.send(&acks).await;
        } else {
            held = id;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_device_hears_its_own_commands() {
    let rig = Rig::with_credentials().await;
    let mut raw = rig.login("any", "device-1").await;
    assert!(!rig.publisher.command("device-1", b"early".to_vec()));
    assert_eq!(raw.subscribe("spor/v1/commands/device-2", 0).await, 0x80);
    assert_eq!(raw.subscribe("spor/v1/commands/device-1", 1).await, 0);
    assert!(rig.publisher.command("device-1", b"blink".to_vec()));
    assert!(!rig.publisher.command("device-2", b"blink".to_vec()));
    let (_, topic, _, payload) = raw.delivery().await;
    assert_eq!((&*topic, &payload[..]), ("spor/v1/commands/device-1", &b"blink"[..]));
    assert_eq!(rig.hub.subscribers(), 0, "commands need no link");
    raw.send(&DISCONNECT).await;
    assert!(raw.is_closed().await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!rig.publisher.command("device-1", b"late".to_vec()));
    rig.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_closed_and_holds_up_nobody() {
    let config = Config { write_timeout_ms: 500, ..config() };
    let mut rig = Rig::with(config, None).await;
    let mut blocked = rig.socket().await;
    blocked.send(&connect("blocked", &Options { keep_alive: 0, ..Options::default() })).await;
    blocked.packet().await;
    assert_eq!(blocked.subscribe("spor/v1/events/zone/#", 0).await, 0);
    let mut reader = rig.client("reader").await;
    assert_eq!(reader.subscribe("spor/v1/events/lost/#", 0).await, 0);
    let payload = vec![b'x'; 16_000];
    let mut rounds = 0;
    while rig.hub.subscribers() > 1 {
        for n in 0..200 {
            rig.publisher.publish(format!("spor/v1/events/zone/{n}"), payload.clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        rounds += 1;
        assert!(rounds < 200, "the blocked one is still there");
    }
    rig.publisher.publish("spor/v1/events/lost/a".into(), b"found".to_vec());
    assert_eq!(reader.delivery().await.3, b"found");
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn what_a_slow_subscriber_misses_is_counted() {
    let (seen, _recorder) = Seen::new();
    let rig = Rig::with(Config { event_queue: 100_000, ..config() }, None).await;
    let mut slow = rig.client("slow").await;
    assert_eq!(slow.subscribe("spor/v1/events/zone/#", 1).await, 1);
    // What is lost before the first delivery can't be seen.
    rig.publisher.publish("spor/v1/events/zone/first".into(), Vec::new());
    let (_, _, id, _) = slow.delivery().await;
    slow.send(&pub_ack(id.unwrap())).await;
    // More than the router keeps of a filter; the window of 100 is all that is delivered.
    let (count, payload) = (1_000_u64, vec![b'x'; 16_000]);
    for n in 0..count {
        rig.publisher.publish(format!("spor/v1/events/zone/{n}"), payload.clone());
    }
    while rig.publisher.waiting() > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut delivered = 0;
    loop {
        let (_, topic, id, _) = slow.delivery().await;
        slow.send(&pub_ack(id.unwrap())).await;
        delivered += 1;
        if topic == format!("spor/v1/events/zone/{}", count - 1) {
            break;
        }
    }
    let lost = seen.count("spor_events_dropped_total{reason=\"slow_subscriber\"}");
    assert!(lost > 0 && delivered + lost == count, "{delivered} + {lost}");
    rig.stop().await;
}

#[tokio::test]
async fn a_fallen_router_is_started_anew_and_ingest_does_not_notice() {
    let mut rig = Rig::open().await;
    let mut publishing = rig.client("tag").await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/#", 1).await, 1);
    let options = Options { clean: false, ..Options::default() };
    let mut kept = rig.socket().await;
    kept.send(&connect("kept", &options)).await;
    kept.packet().await;
    assert_eq!(kept.subscribe("spor/v1/events/#", 1).await, 1);
    for round in 0..3_u8 {
        rig.hub.make_fall().await;
        assert!(raw.is_closed().await, "a subscriber is asked to come back");
        assert!(kept.is_closed().await);
        publishing.send(&publish("t", &[round], Some(u16::from(round) + 1))).await;
        assert_eq!(publishing.packet().await, pub_ack(u16::from(round) + 1));
        assert_eq!(rig.arrival().await.payload[..], [round]);
        rig.publisher.publish("spor/v1/events/zone/a".into(), b"lost, best effort".to_vec());
        tokio::time::sleep(Duration::from_millis(100)).await;
        raw = rig.client("a").await;
        assert_eq!(raw.subscribe("spor/v1/events/#", 1).await, 1);
        kept = rig.socket().await;
        kept.send(&connect("kept", &options)).await;
        assert_eq!(kept.packet().await, [0x20, 2, 1, 0]);
        rig.publisher.publish("spor/v1/events/zone/a".into(), vec![round]);
        assert_eq!(raw.delivery().await.3, [round]);
        assert_eq!(kept.delivery().await.3, [round]);
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_event_with_a_wrong_topic_does_not_reach_the_router() {
    let rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/#", 0).await, 0);
    for topic in ["", "é/x", "a/+", "$SYS/x"] {
        rig.publisher.publish(topic.into(), b"1".to_vec());
    }
    rig.publisher.publish("spor/v1/events/zone/é".into(), b"2".to_vec());
    assert_eq!(raw.delivery().await.3, b"2");
    rig.stop().await;
}

#[tokio::test]
async fn publishing_never_blocks_and_what_finds_no_room_is_dropped() {
    let broker = Broker::bind(Config { event_queue: 10, ..config() }, None).await.unwrap();
    let publisher = broker.publisher();
    for _ in 0..1_000 {
        publisher.publish("spor/v1/events/zone/a".into(), b"x".to_vec());
    }
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    let config = Config { max_subscribers: 1, max_subscriptions: 2, max_filters: 3, ..config() };
    let rig = Rig::with(config, None).await;
    let mut first = rig.client("a").await;
    assert_eq!(first.subscribe("spor/v1/events/zone/1", 0).await, 0);
    assert_eq!(first.subscribe("spor/v1/events/zone/2", 0).await, 0);
    assert_eq!(first.subscribe("spor/v1/events/zone/3", 0).await, 0x80, "of one client");
    assert_eq!(first.subscribe("spor/v1/events/zone/2", 1).await, 1, "the same again");
    let mut second = rig.client("b").await;
    assert_eq!(second.subscribe("spor/v1/events/zone/1", 0).await, 0x80, "subscribers");
    first.send(&DISCONNECT).await;
    assert!(first.is_closed().await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(second.subscribe("spor/v1/events/zone/3", 0).await, 0);
    assert_eq!(second.subscribe("spor/v1/events/zone/4", 0).await, 0x80, "filters of all");
    rig.stop().await;
}
