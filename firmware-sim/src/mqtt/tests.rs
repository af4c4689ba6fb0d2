#![allow(clippy::unwrap_used)]

use super::*;
use crate::{site, world};
use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{ConnAck, Packet, PubAck, Publish};
use std::collections::HashSet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A broker that hands on what it gets; each connection is cut after `cut_after` messages.
async fn broker(
    cut_after: usize,
    stop: CancellationToken,
) -> (String, mpsc::UnboundedReceiver<Publish>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => {
                    served.spawn(serve(accepted.unwrap().0, cut_after, sender.clone()));
                }
            }
        }
    });
    (address, receiver)
}

async fn serve(mut stream: TcpStream, cut_after: usize, sender: mpsc::UnboundedSender<Publish>) {
    let (mut incoming, mut outgoing) = (BytesMut::new(), BytesMut::new());
    let mut count = 0;
    loop {
        while let Ok(packet) = Packet::read(&mut incoming, 1 << 20) {
            match packet {
                Packet::Connect(_) => {
                    let ack = ConnAck::new(ConnectReturnCode::Success, false);
                    ack.write(&mut outgoing).unwrap();
                }
                Packet::Publish(publish) => {
                    count += 1;
                    if count > cut_after {
                        return;
                    }
                    PubAck::new(publish.pkid).write(&mut outgoing).unwrap();
                    let _ = sender.send(publish);
                }
                Packet::Disconnect => return,
                _ => {}
            }
        }
        if stream.write_all(&outgoing).await.is_err() {
            return;
        }
        outgoing.clear();
        if stream.read_buf(&mut incoming).await.is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
}

fn demo_world(start_ms: i64) -> World {
    let config = world::Config { start_ms, ..world::Config::default() };
    World::new(&site::generate(&site::demo_plan()), config).unwrap()
}

#[tokio::test]
async fn everything_said_is_acknowledged_over_connections_that_break() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(60, stop.clone()).await;
    let config = Config { speed: 5.0, ..Config::new(address) };
    let counters = Arc::clone(&config.counters);
    let running = tokio::spawn(run(config, demo_world(unix_now_ms()), stop.clone()));
    let mut tags = HashSet::new();
    let enough = time::timeout(Duration::from_secs(30), async {
        // What was cut off before its acknowledgement comes again.
        while tags.len() < 300
            || counters.acknowledged.load(Relaxed) < 300
            || counters.reconnected.load(Relaxed) == 0
        {
            let publish = published.recv().await.unwrap();
            if publish.topic.ends_with("/position") {
                tags.insert(publish.topic);
            }
        }
    });
    enough.await.unwrap();
    stop.cancel();
    time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    assert_eq!(counters.dropped.load(Relaxed), 0);
}

#[tokio::test]
async fn a_world_in_a_hurry_is_stamped_with_the_real_time() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(usize::MAX, stop.clone()).await;
    let config = Config { speed: 50.0, ..Config::new(address) };
    let running = tokio::spawn(run(config, demo_world(0), stop.clone()));
    for _ in 0..500 {
        let publish = published.recv().await.unwrap();
        if publish.topic.ends_with("/position") {
            let message: spor_schemas::PositionMessage =
                serde_json::from_slice(&publish.payload).unwrap();
            let age_ms = unix_now_ms() - message.time_ms.unwrap();
            assert!((0..20_000).contains(&age_ms), "{age_ms} ms old");
        }
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_a_world_said_until_its_end_is_acknowledged_through_a_reconnect_storm() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(usize::MAX, stop.clone()).await;
    tokio::spawn(async move { while published.recv().await.is_some() {} });
    let world = demo_world(0);
    let mut faults = Faults::new(&world, &[], 1, 20.0);
    faults.command("reconnect_storm every=5s for=30s").unwrap();
    let config = Config { speed: 20.0, until_ms: Some(60_000), ..Config::new(address) };
    let counters = Arc::clone(&config.counters);
    let show = Show { world, faults, commands: None, witness: None };
    time::timeout(Duration::from_secs(20), play(config, show, stop)).await.unwrap();
    let [said, acknowledged, dropped, reconnected] =
        [&counters.published, &counters.acknowledged, &counters.dropped, &counters.reconnected]
            .map(|count| count.load(Relaxed));
    assert!(said > 500, "{said}");
    assert_eq!((acknowledged, dropped), (said, 0));
    assert!(reconnected >= 3 * 14, "{reconnected}");
    assert_eq!(counters.faults.lock().unwrap()[0].hits, 6);
}

#[tokio::test]
async fn nobody_gets_in_while_the_broker_is_gone_and_then_everything_is_acknowledged() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(usize::MAX, stop.clone()).await;
    let heard = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        let mut before: Option<Instant> = None;
        while published.recv().await.is_some() {
            longest = longest.max(before.map_or(Duration::ZERO, |then| then.elapsed()));
            before = Some(Instant::now());
        }
        longest
    });
    let world = demo_world(0);
    let entry = "kind = \"broker_restart\"\nfrom = \"20s\"\nuntil = \"60s\"";
    let plan: crate::faults::FaultEntry = toml::from_str(entry).unwrap();
    let faults = Faults::new(&world, &[plan.check().unwrap()], 1, 20.0);
    let config = Config { speed: 20.0, until_ms: Some(100_000), ..Config::new(address) };
    let counters = Arc::clone(&config.counters);
    let show = Show { world, faults, commands: None, witness: None };
    time::timeout(Duration::from_secs(20), play(config, show, stop.clone())).await.unwrap();
    let [said, acknowledged, dropped, reconnected] =
        [&counters.published, &counters.acknowledged, &counters.dropped, &counters.reconnected]
            .map(|count| count.load(Relaxed));
    assert!(said > 500, "{said}");
    assert_eq!((acknowledged, dropped, reconnected), (said, 0, 14));
    assert_eq!(counters.waiting.load(Relaxed), 0);
    assert!(counters.faults.lock().unwrap()[0].hits > 100);
    stop.cancel();
    // 40 s at 20 times as fast.
    let longest = heard.await.unwrap();
    assert!(longest > Duration::from_millis(1_700), "{longest:?}");
}

#[tokio::test]
async fn what_was_handed_over_gets_out_when_the_world_ends_without_its_broker() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(usize::MAX, stop.clone()).await;
    tokio::spawn(async move { while published.recv().await.is_some() {} });
    let world = demo_world(0);
    let mut faults = Faults::new(&world, &[], 1, 20.0);
    faults.command("broker_restart").unwrap();
    let config = Config { speed: 20.0, until_ms: Some(20_000), ..Config::new(address) };
    let counters = Arc::clone(&config.counters);
    let show = Show { world, faults, commands: None, witness: None };
    time::timeout(Duration::from_secs(10), play(config, show, stop)).await.unwrap();
    // Nothing but that readers are there, before it was gone perhaps too: what devices keep, they keep.
    let [said, acknowledged] =
        [&counters.published, &counters.acknowledged].map(|count| count.load(Relaxed));
    assert!((8..=16).contains(&said) && acknowledged == said, "{acknowledged} of {said}");
}

#[tokio::test]
async fn a_real_broker_is_restarted_by_a_command_and_breaks_the_connections_itself() {
    let stop = CancellationToken::new();
    let (address, mut published) = broker(usize::MAX, stop.clone()).await;
    tokio::spawn(async move { while published.recv().await.is_some() {} });
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let world = demo_world(0);
    let mut faults = Faults::new(&world, &[], 1, 20.0);
    faults.command("broker_restart for=10s").unwrap();
    let config = Config {
        speed: 20.0,
        until_ms: Some(40_000),
        restart_command: Some(format!("echo again >> {}", told.display())),
        ..Config::new(address)
    };
    let counters = Arc::clone(&config.counters);
    let show = Show { world, faults, commands: None, witness: None };
    time::timeout(Duration::from_secs(10), play(config, show, stop)).await.unwrap();
    assert_eq!(std::fs::read_to_string(told).unwrap(), "again\n");
    assert_eq!(counters.reconnected.load(Relaxed), 0);
    assert!(counters.published.load(Relaxed) > 100);
}

#[tokio::test]
async fn a_command_switches_a_fault_of_a_running_world() {
    let stop = CancellationToken::new();
    let (address, _published) = broker(usize::MAX, stop.clone()).await;
    let world = demo_world(0);
    let faults = Faults::new(&world, &[], 1, 10.0);
    let (commands, receiver) = mpsc::channel(1);
    let config = Config { speed: 10.0, ..Config::new(address) };
    let counters = Arc::clone(&config.counters);
    let show = Show { world, faults, commands: Some(receiver), witness: None };
    let playing = tokio::spawn(play(config, show, stop.clone()));
    let (answer, answered) = oneshot::channel();
    commands.send(Command { line: "loss share=1".to_owned(), answer }).await.unwrap();
    assert_eq!(answered.await.unwrap().unwrap(), "loss is on until `off loss`");
    let lost = async {
        while counters.faults.lock().unwrap().first().is_none_or(|tally| tally.hits < 50) {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    time::timeout(Duration::from_secs(10), lost).await.unwrap();
    stop.cancel();
    playing.await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_not_there_does_not_keep_it_from_stopping() {
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(Config::new("127.0.0.1:1"), demo_world(0), stop.clone()));
    time::sleep(Duration::from_millis(300)).await;
    stop.cancel();
    time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_never_went_out_is_told() {
    let stop = CancellationToken::new();
    let config = Config { speed: 20.0, ..Config::new("127.0.0.1:1") };
    let counters = Arc::clone(&config.counters);
    let running = tokio::spawn(run(config, demo_world(0), stop.clone()));
    time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    running.await.unwrap();
    let [published, waiting] =
        [&counters.published, &counters.waiting].map(|count| count.load(Relaxed));
    assert!(published == 0 && waiting > 100, "{published} {waiting}");
}

#[test]
fn a_password_is_never_shown() {
    let login = Login { user: "sim".to_owned(), password: "hush".to_owned() };
    assert!(!format!("{login:?}").contains("hush"));
}
