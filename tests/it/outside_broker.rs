//! An outside broker, Debian's mosquitto, and what is promised with it: what it acknowledged is
//! not lost, whoever of the two is stopped.

use crate::support::{
    Spor,
    client::{now_ms, position_topic, publish_all},
    disk::SmallDisk,
    mosquitto::{Mosquitto, PASSWORD},
    postgres,
    tls::Files,
    until,
};
use rumqttc::{Event, Packet, QoS};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

fn position(seq: u32) -> String {
    format!(r#"{{"x_m":12.3,"y_m":4.5,"floor":1,"seq":{seq},"time_ms":{}}}"#, now_ms())
}

async fn serve(mosquitto: &Mosquitto, more: &[(&str, &str)]) -> Option<Spor> {
    serve_at(&mosquitto.url(), more).await
}

async fn serve_at(url: &str, more: &[(&str, &str)]) -> Option<Spor> {
    let mut environment = vec![
        ("SPOR_MQTT__URL", url),
        ("MQTT_SPOR_PASSWORD", PASSWORD),
        ("SPOR_STORAGE__ON_CHANGE", "false"),
    ];
    environment.extend_from_slice(more);
    Spor::serve(&environment).await
}

async fn heard(spor: &Spor) {
    until("the broker to be heard", 40, async || {
        (spor.metric("spor_outside_broker_up").await > 0.5).then_some(())
    })
    .await;
}

/// Publishes positions of `tags` in turn, `count` of each at QoS 1, and returns when mosquitto has
/// acknowledged all of them.
async fn publish(mosquitto: &Mosquitto, tags: &[&str], first: u32, count: u32) {
    let messages = (first..first + count)
        .flat_map(|seq| tags.iter().map(move |tag| (position_topic(tag), position(seq).into())))
        .collect();
    publish_all(mosquitto.client(&format!("it-publisher-{first}")), messages).await;
}

/// Rows of positions, and how many different `(tag, seq)` they are.
async fn rows(spor: &Spor) -> (i64, BTreeSet<(String, i64)>) {
    let database = postgres::connect(&spor.database).await;
    let query = "select t.name, p.seq from position p join tag t on t.id = p.tag";
    let rows = database.query(query, &[]).await.unwrap();
    let different = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    (i64::try_from(rows.len()).unwrap(), different)
}

/// Awaits `expected` different messages in rows; says how many are missing and how many double.
async fn all_rows(spor: &Spor, expected: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut count, mut different) = rows(spor).await;
    while different.len() < expected && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        (count, different) = rows(spor).await;
    }
    let seen = i64::try_from(different.len()).unwrap();
    let missing = i64::try_from(expected).unwrap() - seen;
    assert_eq!((missing, count - seen), (0, 0), "missing and double rows of {expected}");
}

#[tokio::test]
async fn what_is_published_while_spor_is_stopped_arrives_after_its_start() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let Some(mut spor) = serve(&mosquitto, &[]).await else { return };
    heard(&spor).await;
    assert_eq!(spor.mqtt, format!("mqtt://127.0.0.1:{}", mosquitto.port));
    let tags = ["away-1", "away-2"];
    publish(&mosquitto, &tags, 0, 50).await;
    all_rows(&spor, 100).await;
    assert!(spor.stop().success());
    publish(&mosquitto, &tags, 50, 1_000).await;
    let _ = std::fs::remove_file(spor.data_dir().join("endpoints.json"));
    spor.start_again().await;
    all_rows(&spor, 2_100).await;
    let (status, ready) = spor.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    // Each message has its acknowledgement: the broker keeps nothing that Spor has.
    until("every acknowledgement", 10, async || {
        (spor.metric("spor_messages_acknowledged_total").await >= 2_000.0).then_some(())
    })
    .await;
    let log = spor.log();
    assert!(!log.contains(PASSWORD), "the password is in the log");
    assert_eq!(log.matches("outside broker connected to").count(), 2, "{log}");
}

#[tokio::test]
async fn a_restarted_broker_is_found_again_and_events_go_out_there() {
    let Some(mut mosquitto) = Mosquitto::start().await else { return };
    let Some(spor) = serve(&mosquitto, &[]).await else { return };
    heard(&spor).await;
    mosquitto.stop();
    let unready = until("readyz to say so", 20, async || {
        let (status, body) = spor.get("/readyz").await;
        (status == 503).then_some(body)
    })
    .await;
    assert!(unready.to_string().contains("is away"), "{unready}");
    assert!(spor.metric("spor_outside_broker_up").await < 0.5);
    tokio::time::sleep(Duration::from_secs(4)).await;
    mosquitto.start_again().await;
    heard(&spor).await;
    let (client, mut events) = mosquitto.client("it-subscriber");
    client.subscribe("spor/v1/events/zone/+", QoS::AtLeastOnce).await.unwrap();
    while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
    publish(&mosquitto, &["back"], 0, 20).await;
    let event = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    });
    assert_eq!(event.await.expect("an event").topic, "spor/v1/events/zone/back");
    all_rows(&spor, 20).await;
    let log = spor.log();
    assert_eq!(log.matches("is away").count(), 1, "said once: {log}");
    assert_eq!(log.matches("outside broker is back").count(), 1, "said once: {log}");
}

#[tokio::test]
async fn a_wrong_password_is_said_once_and_mended_without_a_restart() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong-guess\n").unwrap();
    let more = [("SPOR_MQTT__URL_PASSWORD_FILE", file.to_str().unwrap())];
    let Some(spor) = serve(&mosquitto, &more).await else { return };
    let unready = until("readyz to say so", 20, async || {
        let (status, body) = spor.get("/readyz").await;
        (status == 503 && body.to_string().contains("password")).then_some(body)
    })
    .await;
    assert!(unready.to_string().contains("does not let Spor in"), "{unready}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let log = spor.log();
    assert_eq!(log.matches("the user name or the password").count(), 1, "said once: {log}");
    assert!(!log.contains("wrong-guess"), "the password is in the log");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    heard(&spor).await;
    assert_eq!(spor.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn what_a_broker_retains_is_not_taken_for_news_and_blocks_nothing() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let (client, mut events) = mosquitto.client("it-retainer");
    client.publish(position_topic("retained"), QoS::AtLeastOnce, true, position(1)).await.unwrap();
    while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {}
    let Some(spor) = serve(&mosquitto, &[("SPOR_MQTT__MAX_IN_FLIGHT", "2")]).await else { return };
    heard(&spor).await;
    until("the refusal to be counted", 10, async || {
        let metric = "spor_publishes_refused_total{reason=\"retained\"}";
        (spor.metric(metric).await >= 1.0).then_some(())
    })
    .await;
    publish(&mosquitto, &["fresh"], 0, 300).await;
    all_rows(&spor, 300).await;
}

#[tokio::test]
async fn over_tls_a_known_authority_is_listened_to_and_another_is_refused() {
    let files = Files::new();
    let Some(mosquitto) = Mosquitto::start_with_tls(&files).await else { return };
    let url = mosquitto.tls_url();
    let (right, wrong) = (files.path("ca.pem"), Files::new());
    let Some(spor) = serve_at(&url, &[("SPOR_MQTT__URL_CA", &right)]).await else { return };
    heard(&spor).await;
    assert_eq!(spor.get("/readyz").await.0, 200);
    assert_eq!(spor.mqtt, url.replace("spor@", ""), "without the user");
    publish(&mosquitto, &["over-tls"], 0, 200).await;
    all_rows(&spor, 200).await;
    assert!(!spor.log().contains(PASSWORD), "the password is in the log");

    let settings = [("SPOR_MQTT__URL_CA", wrong.path("ca.pem"))];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let Some(fooled) = serve_at(&url, &settings).await else { return };
    let unready = until("readyz to say so", 20, async || {
        let (status, body) = fooled.get("/readyz").await;
        (status == 503 && body.to_string().contains("is not trusted")).then_some(body)
    })
    .await;
    assert!(unready.to_string().contains("certificate"), "{unready}");
    assert!(fooled.metric("spor_outside_broker_up").await < 0.5);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let log = fooled.log();
    assert_eq!(log.matches("is not trusted").count(), 1, "said once: {log}");
    assert!(!log.contains(PASSWORD), "the password is in the log");
    publish(&mosquitto, &["over-tls"], 200, 50).await;
    all_rows(&spor, 250).await;
    assert_eq!(rows(&fooled).await.0, 0);
}

/// What mosquitto has for Spor stays there while it can't be written down.
#[tokio::test]
async fn without_room_for_the_journal_the_broker_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), "24m") else { return };
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let data = disk.path().join("data").display().to_string();
    let settings = [("SPOR_DATA_DIR", data.as_str()), ("SPOR_JOURNAL__SEGMENT_BYTES", "1048576")];
    let Some(mut spor) = serve(&mosquitto, &settings).await else { return };
    heard(&spor).await;
    let tags = ["full-1", "full-2", "full-3", "full-4"];
    let mut next = 0;
    let acknowledged = "spor_messages_acknowledged_total";
    for is_killed in [false, true] {
        disk.fill();
        until("readyz to name the journal", 60, async || {
            publish(&mosquitto, &tags, next, 250).await;
            next += 250;
            let (status, body) = spor.get("/readyz").await;
            (status == 503 && body.to_string().contains("journal")).then_some(())
        })
        .await;
        // What was under way when the disk filled up may still be answered.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = spor.metric(acknowledged).await;
        publish(&mosquitto, &tags, next, 500).await;
        next += 500;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = spor.metric(acknowledged).await;
        assert!((after - before).abs() < 0.5, "acknowledged without room: {before} to {after}");
        if is_killed {
            spor.kill();
        }
        disk.free();
        if is_killed {
            spor.start_again().await;
        }
        all_rows(&spor, tags.len() * usize::try_from(next).unwrap()).await;
        until("readiness", 30, async || (spor.get("/readyz").await.0 == 200).then_some(())).await;
    }
    eprintln!("{} messages, each in one row", tags.len() * usize::try_from(next).unwrap());
}

/// Publishes for twelve seconds while `end` ends Spor three times, and counts the rows.
async fn ended_under_load(name: &str, end: impl Fn(&mut Spor)) {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let Some(mut spor) = serve(&mosquitto, &[]).await else { return };
    heard(&spor).await;
    let names: Vec<String> = (0..50).map(|i| format!("{name}-{i}")).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    let publishing = async {
        let end = Instant::now() + Duration::from_secs(12);
        let mut next = 0;
        while Instant::now() < end {
            publish(&mosquitto, &tags, next, 20).await;
            next += 20;
        }
        next
    };
    let ending = async {
        for wait_ms in [2_100, 1_700, 2_900] {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            end(&mut spor);
            let _ = std::fs::remove_file(spor.data_dir().join("endpoints.json"));
            spor.start_again().await;
        }
    };
    let (published, ()) = tokio::join!(publishing, ending);
    heard(&spor).await;
    all_rows(&spor, tags.len() * usize::try_from(published).unwrap()).await;
}

#[tokio::test]
async fn a_restart_of_spor_under_load_loses_nothing_and_doubles_nothing() {
    ended_under_load("stopped", |spor| assert!(spor.stop().success())).await;
}

/// Under the rule that an acknowledgement waits for the journal nothing may be missing, whenever
/// Spor dies; and what the broker sends again makes no second row.
#[tokio::test]
async fn what_the_broker_acknowledged_survives_kill_9_of_spor_under_load() {
    ended_under_load("killed", Spor::kill).await;
}

#[test]
fn settings_that_can_not_be_right_end_with_code_2_and_no_password_on_the_screen() {
    for (url, more, says) in [
        ("mqtt://spor:hush-hush@b", None, "mqtt.url_password_file"),
        ("amqp://b", None, "mqtt://"),
        ("mqtts://b", Some(("SPOR_MQTT__URL_CA", "/nowhere/ca.pem")), "/nowhere/ca.pem"),
        ("mqtt://u@b", Some(("SPOR_MQTT__URL_PASSWORD_FILE", "/nowhere/pw")), "/nowhere/pw"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = crate::support::program::command(&folder.path().join("data"));
        command.arg("serve").env("SPOR_MQTT__URL", url).envs(more);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url}: {said}");
        assert!(said.contains(says) && !said.contains("hush-hush"), "{url}: {said}");
    }
}
