//! Real clients at the built program's front door, over TCP and TLS: both levels of service,
//! events, wills, sessions that survive a reconnect.

use crate::support::{
    Spor, program,
    tls::{Files, tls_port},
    tool, until,
};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS, Transport};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

async fn serve(settings: &[(&str, String)]) -> Option<Spor> {
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Spor::serve(&settings).await
}

/// The button of a tag; every press is an event.
fn press(tag: &str, seq: u32) -> (String, String) {
    (format!("spor/v1/tags/{tag}/status"), format!(r#"{{"seq":{seq},"button":true}}"#))
}

/// Polls until a packet fits.
async fn await_packet<T>(events: &mut EventLoop, fits: impl Fn(&Packet) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Ok(Event::Incoming(packet)) = events.poll().await
                && let Some(found) = fits(&packet)
            {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("the packet in time")
}

async fn await_button(events: &mut EventLoop, tag: &str) {
    let topic = format!("spor/v1/events/button/{tag}");
    await_packet(events, |packet| match packet {
        Packet::Publish(publish) => (publish.topic == topic).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn mosquitto_publishes_and_subscribes_over_tcp_and_tls() {
    let (Some(mosquitto_pub), Some(mosquitto_sub)) = (tool("mosquitto_pub"), tool("mosquitto_sub"))
    else {
        return;
    };
    let files = Files::new();
    let Some(spor) = serve(&files.settings()).await else { return };
    let tls = ["--cafile".to_owned(), files.path("ca.pem")];
    for (over, port, options) in
        [("tcp", spor.mqtt_port(), &[][..]), ("tls", tls_port(&spor), &tls[..])]
    {
        for qos in ["0", "1"] {
            let port = port.to_string();
            let tag = format!("{over}-{qos}");
            let mut listens = Command::new(&mosquitto_sub);
            listens.args(["-h", "localhost", "-p", &port, "-q", qos, "-C", "1", "-W", "20"]);
            listens.args(["-t", &format!("spor/v1/events/button/{tag}")]).args(options);
            let listens = listens.stdout(Stdio::piped()).spawn().unwrap();
            let subscribed = "spor_connections";
            until("the subscriber", 10, async || {
                (spor.metric(subscribed).await >= 1.0).then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let (topic, payload) = press(&tag, 1);
            let sent = Command::new(&mosquitto_pub)
                .args(["-h", "localhost", "-p", &port, "-q", qos, "-t", &topic, "-m", &payload])
                .args(options)
                .status()
                .unwrap();
            assert!(sent.success(), "{tag}");
            let heard = tokio::task::spawn_blocking(|| listens.wait_with_output()).await;
            let heard = heard.unwrap().unwrap();
            assert!(heard.status.success() && !heard.stdout.is_empty(), "{tag} {heard:?}");
        }
    }
}

#[tokio::test]
async fn rumqttc_keeps_its_session_and_its_will_over_tcp_and_tls() {
    let files = Files::new();
    let Some(spor) = serve(&files.settings()).await else { return };
    for (over, port, transport) in
        [("tcp", spor.mqtt_port(), Transport::tcp()), ("tls", tls_port(&spor), files.transport())]
    {
        let options = |id: &str| {
            let mut options = MqttOptions::new(format!("{id}-{over}"), "localhost", port);
            options.set_transport(transport.clone()).set_keep_alive(Duration::from_secs(30));
            options
        };
        let mut kept = options("kept");
        kept.set_clean_session(false);
        let (listener, mut heard) = AsyncClient::new(kept.clone(), 10);
        listener.subscribe("spor/v1/events/button/#", QoS::AtLeastOnce).await.unwrap();
        await_packet(&mut heard, |packet| matches!(packet, Packet::SubAck(_)).then_some(())).await;

        let (publisher, mut acks) = AsyncClient::new(options("publisher"), 10);
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            let tag = format!("now-{over}-{}", qos as u8);
            let (topic, payload) = press(&tag, 1);
            publisher.publish(topic, qos, false, payload).await.unwrap();
            if qos == QoS::AtLeastOnce {
                await_packet(&mut acks, |p| matches!(p, Packet::PubAck(_)).then_some(())).await;
            } else {
                await_packet(&mut acks, |p| matches!(p, Packet::ConnAck(_)).then_some(())).await;
                let _ = tokio::time::timeout(Duration::from_millis(300), acks.poll()).await;
            }
            await_button(&mut heard, &tag).await;
        }

        // Away without DISCONNECT; what happens meanwhile is heard after the return.
        drop((listener, heard));
        let (topic, payload) = press(&format!("missed-{over}"), 1);
        publisher.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
        await_packet(&mut acks, |p| matches!(p, Packet::PubAck(_)).then_some(())).await;
        let (_listener, mut heard) = AsyncClient::new(kept, 10);
        let present = await_packet(&mut heard, |packet| match packet {
            Packet::ConnAck(ack) => Some(ack.session_present),
            _ => None,
        });
        assert!(present.await);
        await_button(&mut heard, &format!("missed-{over}")).await;

        let mut mortal = options("mortal");
        let (topic, payload) = press(&format!("will-{over}"), 1);
        mortal.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false));
        let (_mortal, mut alive) = AsyncClient::new(mortal, 10);
        await_packet(&mut alive, |p| matches!(p, Packet::ConnAck(_)).then_some(())).await;
        drop(alive);
        await_button(&mut heard, &format!("will-{over}")).await;
    }
}

#[tokio::test]
async fn a_refusal_says_who_and_why_and_never_a_password() {
    let files = Files::new();
    let credentials = files.path("credentials.toml");
    let added = program::command(files.folder())
        .args(["credentials", "add", "gate", "--role", "reader", "--certificate"])
        .args(["--file", &credentials])
        .status()
        .unwrap();
    assert!(added.success());
    let mut settings = files.settings();
    settings.push(("SPOR_MQTT__CREDENTIALS", credentials));
    settings.push(("SPOR_MQTT__TLS_CLIENT_CA", files.path("ca.pem")));
    let Some(spor) = serve(&settings).await else { return };
    let Some(mosquitto_pub) = tool("mosquitto_pub") else { return };
    let publish = |port: u16, topic: &str, options: &[&str]| {
        let mut command = Command::new(&mosquitto_pub);
        command.args(["-h", "localhost", "-p", &port.to_string(), "-q", "1", "-m", "{}"]);
        command.args(["-t", topic, "-i", "intruder"]).args(options).output().unwrap()
    };
    let own = "spor/v1/readers/gate/status";
    let wrong = publish(spor.mqtt_port(), own, &["-u", "gate", "-P", "hunter-two"]);
    assert!(!wrong.status.success());
    let said = String::from_utf8_lossy(&wrong.stderr).to_lowercase();
    assert!(said.contains("bad user name or password"), "{said}");
    assert!(!publish(spor.mqtt_port(), own, &[]).status.success());
    let (ca, certificate, key) =
        (files.path("ca.pem"), files.path("gate.pem"), files.path("gate.key"));
    let tls = ["--cafile", &ca, "--cert", &certificate, "--key", &key];
    assert!(publish(tls_port(&spor), own, &tls).status.success());
    let log = spor.log();
    assert!(!log.contains("hunter-two") && !log.contains("$argon2id"), "{log}");
    for reason in ["credentials", "no_credentials"] {
        let line = log.lines().find(|line| line.contains(&format!(r#""reason":"{reason}""#)));
        let line = line.unwrap_or_else(|| panic!("no line for {reason}: {log}"));
        assert!(line.contains("intruder") && line.contains("127.0.0.1"), "{line}");
        let metric = format!("spor_connections_refused_total{{reason=\"{reason}\"}}");
        assert!(spor.metric(&metric).await >= 1.0);
    }
}
