//! Clients that others wrote: rumqttc, and mosquitto's where they are installed.

use super::*;
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test]
async fn rumqttc_publishes_subscribes_and_comes_back() {
    let mut rig = Rig::open().await;
    let mut options = MqttOptions::new("rumqttc", "127.0.0.1", rig.address.port());
    options.set_keep_alive(Duration::from_secs(5)).set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 100);
    let (sender, mut deliveries) = mpsc::channel(1_000);
    let polling = tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(packet)) => drop(sender.send(packet).await),
                Ok(Event::Outgoing(_)) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    client.subscribe("spor/v1/events/zone/#", QoS::AtLeastOnce).await.unwrap();
    for n in 0..100 {
        let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        client.publish("spor/v1/tags/a/position", qos, false, format!("{n}")).await.unwrap();
    }
    for n in 0..100 {
        assert_eq!(rig.arrival().await.payload, format!("{n}"));
    }
    async fn next(deliveries: &mut mpsc::Receiver<Incoming>) -> Incoming {
        loop {
            let packet = timeout(PATIENCE, deliveries.recv()).await.expect("in time").unwrap();
            if !matches!(packet, Incoming::PubAck(_) | Incoming::PingResp) {
                return packet;
            }
        }
    }
    assert!(matches!(next(&mut deliveries).await, Incoming::ConnAck(_)));
    assert!(matches!(next(&mut deliveries).await, Incoming::SubAck(_)));
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"first".to_vec());
    assert!(matches!(next(&mut deliveries).await, Incoming::Publish(p) if p.payload == "first"));
    // The router falls, the client reconnects by itself, the session is there.
    rig.hub.make_fall().await;
    let Incoming::ConnAck(ack) = next(&mut deliveries).await else { panic!("no CONNACK") };
    assert!(ack.session_present);
    rig.publisher.publish("spor/v1/events/zone/a".into(), b"second".to_vec());
    assert!(matches!(next(&mut deliveries).await, Incoming::Publish(p) if p.payload == "second"));
    polling.abort();
    rig.stop().await;
}

/// True when mosquitto's clients are there; says so when not, and fails where they must be.
async fn mosquitto() -> bool {
    let found = Command::new("mosquitto_pub").arg("--help").stdout(Stdio::null()).status().await;
    if found.is_ok() {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "mosquitto-clients are not installed");
    eprintln!("SKIPPED: mosquitto-clients are not installed");
    false
}

#[tokio::test]
async fn mosquitto_pub_and_sub_work_at_both_levels() {
    if !mosquitto().await {
        return;
    }
    let mut rig = Rig::with_credentials().await;
    let port = rig.address.port().to_string();
    for qos in ["0", "1"] {
        let mut sub = Command::new("mosquitto_sub")
            .args(["-p", &port, "-u", "subscriber", "-P", "secret", "-q", qos, "-C", "2"])
            .args(["-t", "spor/v1/events/zone/#", "-v"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let status = Command::new("mosquitto_pub")
            .args(["-p", &port, "-u", "device-1", "-P", "secret", "-q", qos])
            .args(["-t", "spor/v1/tags/device-1/position", "-m", "{\"x_m\":1}"])
            .status()
            .await
            .unwrap();
        assert!(status.success());
        assert_eq!(rig.arrival().await.payload, "{\"x_m\":1}");
        while rig.hub.subscribers() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        for n in 0..2 {
            rig.publisher.publish("spor/v1/events/zone/a".into(), vec![b'0' + n]);
        }
        let mut output = String::new();
        let mut stdout = sub.stdout.take().unwrap();
        timeout(PATIENCE, stdout.read_to_string(&mut output)).await.unwrap().unwrap();
        assert_eq!(output, "spor/v1/events/zone/a 0\nspor/v1/events/zone/a 1\n");
        assert!(sub.wait().await.unwrap().success());
    }
    let refused = Command::new("mosquitto_pub")
        .args(["-p", &port, "-u", "device-1", "-P", "wrong", "-t", "t", "-m", "x"])
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
    assert_eq!(refused.code(), Some(4), "bad user name or password");
    rig.stop().await;
}
