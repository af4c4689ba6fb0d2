#![allow(clippy::unwrap_used)]

use super::*;
use crate::site;
use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{ConnAck, ConnectReturnCode, Packet, PubAck};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Acknowledges every message except each `forget`th.
async fn broker(forget: Option<u64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut incoming, mut outgoing) = (BytesMut::new(), BytesMut::new());
                let mut count = 0_u64;
                loop {
                    while let Ok(packet) = Packet::read(&mut incoming, 1 << 20) {
                        match packet {
                            Packet::Connect(_) => {
                                let ack = ConnAck::new(ConnectReturnCode::Success, false);
                                ack.write(&mut outgoing).unwrap();
                            }
                            Packet::Publish(publish) if publish.pkid > 0 => {
                                count += 1;
                                if forget.is_none_or(|each| !count.is_multiple_of(each)) {
                                    PubAck::new(publish.pkid).write(&mut outgoing).unwrap();
                                }
                            }
                            _ => {}
                        }
                    }
                    stream.write_all(&outgoing).await.unwrap();
                    outgoing.clear();
                    if stream.read_buf(&mut incoming).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn config(broker: String) -> Config {
    Config {
        broker,
        login: None,
        tags: 50,
        rate: 500,
        connections: 4,
        threads: 1,
        acknowledged: true,
        duration: Duration::from_secs(1),
        cbor: false,
        batch: None,
        window: 100,
        roam_percent: 2,
        still_percent: 0,
        patience: Duration::from_millis(500),
    }
}

async fn load(config: Config) -> Outcome {
    try_load(config).await.unwrap()
}

async fn try_load(config: Config) -> Result<Outcome, LoadError> {
    let site = site::generate(&site::demo_plan());
    let running = move || run(&config, &site, |_| {}, CancellationToken::new());
    tokio::task::spawn_blocking(running).await.unwrap()
}

#[tokio::test]
async fn the_rate_is_kept_and_everything_is_acknowledged() {
    let outcome = load(config(broker(None).await)).await;
    assert!(outcome.is_complete(), "{outcome}");
    assert!((490..=500).contains(&outcome.published), "{outcome}");
    assert_eq!(outcome.acknowledged, outcome.published);
    assert!(outcome.latency_ms.max > 0.0);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_told() {
    let outcome = load(config(broker(Some(10)).await)).await;
    assert!(!outcome.is_complete());
    // A slot that is never acknowledged stays taken, and stops its connection in the end.
    assert!(outcome.unacknowledged >= 40, "{outcome}");
    assert!(outcome.to_string().starts_with("INCOMPLETE"));
}

#[tokio::test]
async fn engines_carry_many_positions_in_a_message() {
    let batched = Config { batch: Some(20), cbor: true, rate: 2_000, ..config(broker(None).await) };
    let outcome = load(batched).await;
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(outcome.messages * 20, outcome.published, "{outcome}");
    assert!(outcome.published > 1_800, "{outcome}");
}

#[tokio::test]
async fn rate_zero_goes_as_fast_as_it_is_acknowledged() {
    let outcome = load(Config { rate: 0, ..config(broker(None).await) }).await;
    assert!(outcome.is_complete(), "{outcome}");
    assert!(outcome.published > 1_000, "{outcome}");
}

#[tokio::test]
async fn without_acknowledgements_the_rate_is_kept_too() {
    let outcome = load(Config { acknowledged: false, ..config(broker(None).await) }).await;
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(outcome.acknowledged, 0);
    assert!((490..=500).contains(&outcome.published), "{outcome}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    for threads in [1, 3] {
        let nowhere = Config { threads, ..config("127.0.0.1:1".to_owned()) };
        let refused = try_load(nowhere).await;
        assert!(refused.unwrap_err().to_string().contains("127.0.0.1:1"));
    }
}

#[tokio::test]
async fn threads_share_the_rate_and_the_connections() {
    let outcome = load(Config { threads: 3, ..config(broker(None).await) }).await;
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(outcome.connections, 4);
    assert!((490..=500).contains(&outcome.published), "{outcome}");
}
