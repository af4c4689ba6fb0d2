//! Ten thousand clients that are only there: what they cost, and that others don't notice.
//! `cargo test --test it idle -- --ignored`, where `ulimit -n` allows it.

use crate::support::{
    Spor,
    publisher::{Fleet, connect_packet},
    until,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const IDLE: usize = 10_000;
const MIB: f64 = 1024.0 * 1024.0;
/// Messages a second of the others.
const RATE: u32 = 5_000;

/// A client that has been let in and says nothing more.
fn idle(port: u16, number: usize) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(&connect_packet(&format!("idle-{number}"))).unwrap();
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
    socket
}

/// Messages a second that are acknowledged over eight seconds.
async fn rate(fleet: &Fleet) -> f64 {
    let before = fleet.acknowledged();
    tokio::time::sleep(Duration::from_secs(8)).await;
    f64::from(u32::try_from(fleet.acknowledged() - before).unwrap()) / 8.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "opens 10,000 sockets"]
async fn ten_thousand_idle_clients_cost_little_and_slow_nobody() {
    let Some(spor) = Spor::serve(&[("SPOR_MQTT__MAX_CONNECTIONS_PER_ADDRESS", "20000")]).await
    else {
        return;
    };
    let fleet = Fleet::start(spor.mqtt_port(), 16, RATE);
    until("work to begin", 30, async || (fleet.acknowledged() > 10_000).then_some(())).await;
    let without = rate(&fleet).await;
    let memory = async || spor.metric("process_resident_memory_bytes").await / MIB;
    let before = memory().await;
    let port = spor.mqtt_port();
    let opening = move || (0..IDLE).map(|number| idle(port, number)).collect::<Vec<_>>();
    let clients = tokio::task::spawn_blocking(opening).await.unwrap();
    until("all to be counted", 30, async || {
        (spor.metric("spor_connections").await > 10_000.0).then_some(())
    })
    .await;
    let with = rate(&fleet).await;
    let after = memory().await;
    eprintln!("{without:.0} and {with:.0} messages/s; {before:.0} and {after:.0} MiB");
    assert!(after < 400.0, "{after:.0} MiB");
    assert!(with > 0.95 * without, "others were slowed from {without:.0}/s to {with:.0}/s");
    drop(clients);
    tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
}
