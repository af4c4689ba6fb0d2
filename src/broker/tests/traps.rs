//! The faults that were found in other front doors, each tried on ours. After each one the next
//! client must find everything as it should be.

use super::*;
use proptest::{prelude::*, strategy::ValueTree as _};

/// Sends bytes behind a good CONNECT; the connection must be closed, and only that one.
async fn shuts_out(rig: &mut Rig, bytes: &[u8]) {
    let mut bystander = rig.client("bystander").await;
    let mut raw = rig.client("bad").await;
    raw.send(bytes).await;
    assert!(raw.is_closed().await, "{bytes:x?}");
    bystander.send(&PING).await;
    assert_eq!(bystander.packet().await, [0xd0, 0]);
    rig.works().await;
}

#[tokio::test]
async fn topics_that_are_none_close_their_connection_only() {
    let mut rig = Rig::open().await;
    for topic in ["a/+", "#", "a/#", "$SYS/x", "$share/g/x", "", "a\0b"] {
        shuts_out(&mut rig, &publish(topic, b"x", Some(1))).await;
    }
    let mut not_utf8 = publish("ab", b"x", None);
    not_utf8[4] = 0xff;
    shuts_out(&mut rig, &not_utf8).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_topic_that_is_not_ascii_is_an_ordinary_topic() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/#", 0).await, 0);
    for topic in ["é/x", "日本", "ø"] {
        raw.send(&publish(topic, b"x", Some(1))).await;
        assert_eq!(raw.packet().await, pub_ack(1));
        assert_eq!(&*rig.arrival().await.topic, topic);
    }
    let will = Some(("ø/gone", &b""[..]));
    let mut raw = rig.socket().await;
    raw.send(&connect("w", &Options { will, ..Options::default() })).await;
    raw.packet().await;
    drop(raw);
    assert_eq!(&*rig.arrival().await.topic, "ø/gone");
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_will_with_a_wrong_topic_is_refused() {
    let mut rig = Rig::open().await;
    for topic in ["a/+", "#", "$SYS/x", ""] {
        let mut raw = rig.socket().await;
        let will = Some((topic, &b"x"[..]));
        raw.send(&connect("w", &Options { will, ..Options::default() })).await;
        assert_eq!(raw.packet().await, [0x20, 2, 0, 5], "{topic}");
    }
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn client_ids_that_would_break_a_router_are_refused_again_and_again() {
    let mut rig = Rig::open().await;
    for _ in 0..3 {
        for id in ["a+", "$a", "a#b", "a/b", "a\nb"] {
            let mut raw = rig.socket().await;
            raw.send(&connect(id, &Options::default())).await;
            assert_eq!(raw.packet().await, [0x20, 2, 0, 2], "{id:?}");
            assert!(raw.is_closed().await);
        }
    }
    let mut raw = rig.socket().await;
    raw.send(&connect("", &Options { clean: false, ..Options::default() })).await;
    assert_eq!(raw.packet().await, [0x20, 2, 0, 2], "no id and a session to keep");
    let mut one = rig.client("").await;
    let mut two = rig.client("").await;
    for raw in [&mut one, &mut two] {
        raw.send(&publish("t", b"x", None)).await;
        assert!(rig.arrival().await.source.starts_with("anonymous-"));
    }
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn other_versions_of_mqtt_are_told_so() {
    let mut rig = Rig::open().await;
    for level in [3, 5, 0, 132] {
        let mut raw = rig.socket().await;
        raw.send(&connect("a", &Options { level, ..Options::default() })).await;
        assert_eq!(raw.packet().await, [0x20, 2, 0, 1], "{level}");
        assert!(raw.is_closed().await);
    }
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn what_is_no_connect_is_closed_at_once() {
    let mut rig = Rig::open().await;
    let mut reserved = connect("a", &Options::default());
    reserved[9] |= 1;
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01".to_vec(),
        PING.to_vec(),
        publish("t", b"x", None),
        vec![0x10, 0],
        vec![0x10, 0xff, 0xff, 0xff, 0x7f],
        vec![0x10, 2, 0, 9],
        reserved,
    ] {
        let mut raw = rig.socket().await;
        raw.send(&bytes).await;
        assert!(raw.try_packet().await.is_none(), "{bytes:x?}");
    }
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn packets_against_the_protocol_close_their_connection_only() {
    let mut rig = Rig::open().await;
    let mut twice = publish("t", b"x", Some(1));
    twice[0] = 0x34;
    for bytes in [
        connect("bad", &Options::default()),
        twice,
        packet(0x36, b"\x00\x01t\x00\x01"),
        publish("t", b"x", Some(0)),
        packet(0x30, b"\x00"),
        packet(0x30, b"\x00\x09abc"),
        packet(0x80, b"\x00\x01\x00\x01a\x00"),
        packet(0x82, b"\x00\x01"),
        packet(0x82, b"\x00\x00\x00\x01a\x00"),
        packet(0x82, b"\x00\x01\x00\x01a\x03"),
        packet(0x82, b"\x00\x01\x00\x01\xff\x00"),
        packet(0x82, b""),
        packet(0xa2, b"\x00\x01"),
        packet(0xa2, b"\x00\x01\x00\x05a"),
        packet(0xa2, b""),
        packet(0x40, b"\x00"),
        packet(0x62, b"\x00\x01"),
        packet(0x20, b"\x00\x00"),
        vec![0x00, 0x00],
        vec![0xf0, 0x00],
        vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
        vec![0x30, 0xff, 0xff, 0xff, 0x7f],
    ] {
        shuts_out(&mut rig, &bytes).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_large_packet_is_taken_and_one_too_large_is_not_read() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("large").await;
    raw.send(&publish("t", &vec![b'x'; 1024 * 1024], Some(1))).await;
    assert_eq!(rig.arrival().await.payload.len(), 1024 * 1024);
    assert_eq!(raw.packet().await, pub_ack(1));
    let mut head = vec![0x32];
    head.extend([0x81, 0x80, 0x80, 0x01]); // one more than 2 MiB
    raw.send(&head).await;
    assert!(raw.is_closed().await);
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn filters_that_read_everybody_are_refused() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    for filter in [
        "#",
        "+/#",
        "/#",
        "$share/g/#",
        "$share/g/spor/v1/events/#",
        "$SYS/#",
        "spor/#",
        "spor/v1/#",
        "spor/v1/tags/+/position",
        "spor/v1/tags/other/position",
        "spor/v1/commands/other",
        "spor/v1/commands/#",
        "spor/v1/events/#/x",
        "spor/v1/events/a#",
        "",
    ] {
        assert_eq!(raw.subscribe(filter, 1).await, 0x80, "{filter}");
    }
    assert_eq!(rig.hub.generation(), None, "no router was needed");
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn acknowledgements_nobody_asked_for_are_swallowed() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    assert_eq!(raw.subscribe("spor/v1/events/#", 1).await, 1);
    let generation = rig.hub.generation();
    for round in 0..5 {
        let acks: Vec<u8> = (0..300).flat_map(pub_ack).collect();
        raw.send(&acks).await;
        for n in 0..300_u16 {
            rig.publisher.publish("spor/v1/events/zone/a".into(), n.to_be_bytes().to_vec());
        }
        for n in 0..300_u16 {
            let (_, _, id, payload) = raw.delivery().await;
            assert_eq!(payload, n.to_be_bytes(), "round {round}");
            let mut acks = pub_ack(id.unwrap());
            acks.extend(pub_ack(id.unwrap()));
            raw.send(&acks).await;
        }
    }
    assert_eq!(rig.hub.generation(), generation, "the router did not fall");
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_leaves_in_a_burst_does_not_end_the_router() {
    let mut rig = Rig::open().await;
    let mut steady = rig.client("steady").await;
    assert_eq!(steady.subscribe("spor/v1/events/lost/#", 0).await, 0);
    let generation = rig.hub.generation();
    for round in 0..20 {
        let mut raw = rig.client("leaver").await;
        assert_eq!(raw.subscribe("spor/v1/events/zone/#", round % 2).await, round % 2);
        for n in 0..500 {
            rig.publisher.publish(format!("spor/v1/events/zone/{n}"), vec![b'x'; 200]);
        }
        raw.delivery().await;
        if round % 3 == 0 {
            raw.send(&DISCONNECT).await;
        }
        drop(raw);
    }
    rig.publisher.publish("spor/v1/events/lost/a".into(), b"still here".to_vec());
    assert_eq!(steady.delivery().await.3, b"still here");
    assert_eq!(rig.hub.generation(), generation, "the router did not fall");
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn an_empty_retained_publish_is_a_message_like_any_other() {
    let mut rig = Rig::open().await;
    let mut raw = rig.client("a").await;
    let mut bytes = publish("spor/v1/tags/a/status", b"", Some(1));
    bytes[0] |= 1;
    raw.send(&bytes).await;
    assert_eq!(raw.packet().await, pub_ack(1));
    assert!(rig.arrival().await.payload.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn a_packet_in_single_bytes_is_one_packet() {
    let mut rig = Rig::open().await;
    let mut raw = rig.socket().await;
    let mut bytes = connect("slow", &Options::default());
    bytes.extend(publish("t", b"payload", Some(5)));
    for byte in bytes {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.packet().await, [0x20, 2, 0, 0]);
    assert_eq!(raw.packet().await, pub_ack(5));
    assert_eq!(rig.arrival().await.payload, "payload");
    rig.stop().await;
}

/// Bytes that are mostly packets, with something wrong in them.
fn mostly_packets() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(first, body)| packet(first, &body)),
        ("[a-z/#+$é]{0,8}", prop::collection::vec(any::<u8>(), 0..20), any::<Option<u16>>())
            .prop_map(|(topic, payload, id)| publish(&topic, &payload, id)),
        ("(spor/v1/events/)?[a-z/#+$é]{0,8}", any::<u8>())
            .prop_map(|(filter, qos)| subscribe(1, &[(&filter, qos % 4)])),
        any::<u16>().prop_map(pub_ack),
    ];
    prop::collection::vec(one, 1..6).prop_map(|packets| packets.concat())
}

#[test]
fn random_bytes_end_nothing_but_their_own_connection() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rig = runtime.block_on(Rig::with(config(), None));
    let mut runner = proptest::test_runner::TestRunner::default();
    let cases = (any::<bool>(), mostly_packets());
    for _ in 0..150 {
        let (greet, bytes) = cases.new_tree(&mut runner).unwrap().current();
        runtime.block_on(async {
            let mut raw = rig.socket().await;
            if greet {
                raw.send(&connect("fuzz", &Options::default())).await;
            }
            // The server may have closed by now.
            let _ = raw.stream.write_all(&bytes).await;
            let _ = raw.stream.shutdown().await;
            let mut answers = Vec::new();
            let _ = timeout(PATIENCE, raw.stream.read_to_end(&mut answers)).await.expect("an end");
            while rig.door.try_recv().is_ok() {}
            assert!(!rig.running.is_finished(), "{bytes:x?}");
        });
    }
    runtime.block_on(async {
        rig.works().await;
        rig.stop().await;
    });
}
