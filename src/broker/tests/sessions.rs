//! Connections and sessions: take-over, keep-alive, bounds, persistence, stop.

use super::*;
use std::time::Instant;

#[tokio::test]
async fn a_second_connection_takes_the_place_of_the_first() {
    let mut rig = Rig::open().await;
    let will = Some(("spor/v1/readers/r/status", &b"gone"[..]));
    let mut first = rig.socket().await;
    first.send(&connect("r", &Options { will, ..Options::default() })).await;
    first.packet().await;
    let mut second = rig.client("r").await;
    assert!(first.is_closed().await);
    assert_eq!(rig.arrival().await.payload, "gone", "the will comes before the newcomer");
    second.send(&PING).await;
    assert_eq!(second.packet().await, [0xd0, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn many_connections_of_one_client_leave_one() {
    let mut rig = Rig::open().await;
    let mut all = Vec::new();
    for _ in 0..30 {
        let mut raw = rig.socket().await;
        raw.send(&connect("same", &Options::default())).await;
        all.push(raw);
    }
    let mut open = 0;
    for raw in &mut all {
        if raw.stream.write_all(&PING).await.is_err() {
            continue;
        }
        let mut answers = Vec::new();
        while let Ok(Some(packet)) = timeout(Duration::from_millis(300), raw.try_packet()).await {
            answers.push(packet);
            if answers.last().unwrap() == &[0xd0, 0] {
                break;
            }
        }
        open += usize::from(timeout(Duration::from_millis(100), raw.is_closed()).await.is_err());
    }
    assert_eq!(open, 1);
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn no_credential_takes_over_anothers_connection() {
    let rig = Rig::with_credentials().await;
    let mut first = rig.login("same", "device-1").await;
    let _second = rig.login("same", "device-2").await;
    first.send(&PING).await;
    assert_eq!(first.packet().await, [0xd0, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn silence_ends_a_connection_after_one_and_a_half_intervals() {
    let rig = Rig::open().await;
    let mut raw = rig.socket().await;
    raw.send(&connect("a", &Options { keep_alive: 1, ..Options::default() })).await;
    raw.packet().await;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(900)).await;
    raw.send(&PING).await;
    assert_eq!(raw.packet().await, [0xd0, 0]);
    assert!(raw.is_closed().await);
    let seconds = start.elapsed().as_secs_f64();
    assert!((2.3..4.0).contains(&seconds), "{seconds}");
    rig.stop().await;
}

#[tokio::test]
async fn without_keep_alive_silence_is_fine_but_half_a_packet_is_not() {
    let rig = Rig::with(Config { packet_timeout_ms: 200, ..config() }, None).await;
    let options = Options { keep_alive: 0, ..Options::default() };
    let mut raw = rig.socket().await;
    raw.send(&connect("a", &options)).await;
    raw.packet().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    raw.send(&PING).await;
    assert_eq!(raw.packet().await, [0xd0, 0]);
    // One that takes its time is whole in the end.
    let slow = publish("t", b"12345", Some(1));
    raw.send(&slow[..6]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.send(&slow[6..]).await;
    assert_eq!(raw.packet().await, pub_ack(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    raw.send(&slow[..6]).await;
    let start = Instant::now();
    assert!(raw.is_closed().await);
    assert!(start.elapsed() < Duration::from_secs(3));
    rig.stop().await;
}

#[tokio::test]
async fn a_connection_without_connect_is_closed_in_time() {
    let mut rig = Rig::with(Config { connect_timeout_ms: 200, ..config() }, None).await;
    let mut silent = rig.socket().await;
    let mut half = rig.socket().await;
    half.send(&connect("half", &Options::default())[..9]).await;
    rig.works().await;
    assert!(silent.is_closed().await);
    assert!(half.is_closed().await);
    rig.stop().await;
}

#[tokio::test]
async fn only_so_many_connections_are_let_in() {
    let rig = Rig::with(Config { max_connections: 2, ..config() }, None).await;
    let first = rig.client("a").await;
    let _second = rig.client("b").await;
    for _ in 0..5 {
        // The same id each time: a refusal must leave nothing behind that shuts it out.
        let mut third = rig.socket().await;
        let _ = third.stream.write_all(&connect("c", &Options::default())).await;
        // A CONNECT that is not read any more turns the close into a reset, which may be first.
        assert!(third.try_packet().await.is_none_or(|answer| answer == [0x20, 2, 0, 3]));
        assert!(third.is_closed().await);
    }
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.client("c").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_persistent_session_keeps_subscriptions_and_what_was_missed() {
    let rig = Rig::open().await;
    let options = Options { clean: false, ..Options::default() };
    let mut raw = rig.socket().await;
    raw.send(&connect("p", &options)).await;
    assert_eq!(raw.packet().await, [0x20, 2, 0, 0]);
    assert_eq!(raw.subscribe("spor/v1/events/zone/#", 1).await, 1);
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"1".to_vec());
    let (_, _, id, payload) = raw.delivery().await;
    assert_eq!((id, &payload[..]), (Some(1), &b"1"[..]));
    // Gone without an acknowledgement.
    drop(raw);
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"2".to_vec());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut raw = rig.socket().await;
    raw.send(&connect("p", &options)).await;
    assert_eq!(raw.packet().await, [0x20, 2, 1, 0], "the session is present");
    let (flags, _, id, payload) = raw.delivery().await;
    assert_eq!((flags & 8, id, &payload[..]), (8, Some(1), &b"1"[..]), "again, marked as such");
    let (flags, _, id, payload) = raw.delivery().await;
    assert_eq!((flags & 8, id, &payload[..]), (0, Some(2), &b"2"[..]));
    drop(raw);
    // A clean session forgets it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(rig.client("p").await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut raw = rig.socket().await;
    raw.send(&connect("p", &options)).await;
    assert_eq!(raw.packet().await, [0x20, 2, 0, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_closes_every_connection_and_says_so_in_time() {
    let rig = Rig::open().await;
    let mut all = Vec::new();
    for n in 0..20 {
        let mut raw = rig.client(&format!("c{n}")).await;
        assert_eq!(raw.subscribe("spor/v1/events/#", 1).await, 1);
        all.push(raw);
    }
    rig.stop().await;
    for raw in &mut all {
        assert!(raw.is_closed().await);
    }
}

#[tokio::test]
async fn an_idle_connection_is_cheap() {
    let rig = Rig::open().await;
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let shared = Arc::new(Shared {
        config: config(),
        verify: None,
        door: rig.disk.door(),
        registry: Registry::new(&config()),
        hub: Hub::new(&config()),
        commands: rig.publisher.commands(),
        refusals: Refusals::new(),
        bounds: Bounds::new(&config()),
        hashing: Semaphore::new(1),
        stop: CancellationToken::new(),
    });
    let task = connection::serve(
        stream,
        handshake::Caller { peer: rig.address, certificate: None },
        shared,
    );
    // 10,000 of them, with their buffers and sockets, are to fit into 400 MiB.
    let bytes = size_of_val(&task);
    assert!(bytes < 16 * 1024, "{bytes}");
    drop(task);
    rig.stop().await;
}
