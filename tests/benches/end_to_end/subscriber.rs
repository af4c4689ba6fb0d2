//! The second yardstick's subscriber: takes from mosquitto what devices publish, and writes it to
//! PostgreSQL as the first yardstick does.

use crate::{bare, copy::Intake, support::mosquitto::PASSWORD, system::SUBSCRIBED};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use std::time::Duration;

/// Reads `host:port qos` from its standard input, then serves until that ends.
#[tokio::main]
pub(crate) async fn run(url: &str) {
    let (intake, writer) = Intake::open(url).await;
    let writing = tokio::spawn(writer);
    println!("-");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let (broker, qos) = line.trim().split_once(' ').unwrap();
    let (host, port) = broker.split_once(':').unwrap();
    let qos = if qos == "1" { QoS::AtLeastOnce } else { QoS::AtMostOnce };

    let mut options = MqttOptions::new("yardstick", host, port.parse().unwrap());
    options.set_credentials("spor", PASSWORD);
    options.set_max_packet_size(1 << 20, 1 << 20);
    // While PostgreSQL is behind, the answer to a ping waits behind what was published before it.
    options.set_keep_alive(Duration::from_secs(600));
    let (client, mut events) = AsyncClient::new(options, 100);
    client.subscribe("spor/v1/tags/+/position", qos).await.unwrap();
    client.subscribe("spor/v1/engines/+/positions", qos).await.unwrap();
    let mut ended = bare::until_input_ends();
    let mut answers = 0;
    loop {
        let event = tokio::select! {
            event = events.poll() => event.unwrap(),
            _ = &mut ended => break,
        };
        match event {
            Event::Incoming(Incoming::SubAck(_)) => {
                answers += 1;
                if answers == 2 {
                    println!("{SUBSCRIBED}");
                }
            }
            Event::Incoming(Incoming::Publish(publish)) => {
                let mut rows = Vec::new();
                intake.read(&publish.topic, &publish.payload, &mut rows);
                intake.store(rows).await;
            }
            _ => {}
        }
    }
    drop(intake);
    writing.await.unwrap();
}
