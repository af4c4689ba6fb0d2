//! A publisher by rumqttc that knows when everything it sent was acknowledged.

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A client without a password.
pub(crate) fn client(port: u16, id: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(30));
    options.set_max_packet_size(4 << 20, 4 << 20);
    AsyncClient::new(options, 100)
}

/// The topic on which a tag tells its position.
pub(crate) fn position_topic(tag: &str) -> String {
    format!("spor/v1/tags/{tag}/position")
}

/// Publishes topics and payloads at QoS 1, and returns when each is acknowledged.
pub(crate) async fn publish_all(
    (client, mut events): (AsyncClient, EventLoop),
    messages: Vec<(String, Vec<u8>)>,
) {
    let waiting = messages.len();
    let sending = tokio::spawn(async move {
        for (topic, payload) in messages {
            client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
        }
        client
    });
    let mut acknowledged = 0;
    while acknowledged < waiting {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.unwrap() {
            acknowledged += 1;
        }
    }
    drop(sending.await.unwrap());
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}
