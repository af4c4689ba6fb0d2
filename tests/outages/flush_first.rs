//! A kill can't show a missing flush, since the page cache survives it: the system calls can.

use crate::support::{
    Spor,
    publisher::{connect_packet, publish_packet},
    tool, until,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

const MESSAGES: u16 = 50;

/// What the trace shows, in the order in which it happened.
#[derive(Debug, PartialEq)]
enum Call {
    /// The message of that number was written into the journal.
    Written(u16),
    /// A flush of the journal has returned.
    Flushed,
    /// The acknowledgement of that number left.
    Acknowledged(u16),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledgement_leaves_before_the_flush_that_covers_it_has_returned() {
    let Some(strace) = tool("strace") else { return };
    let Some(spor) = Spor::serve(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trace");
    let mut tracer = Command::new(strace)
        .args([
            "-f",
            "-y",
            "-s",
            "4096",
            "-e",
            "trace=pwrite64,pwritev,write,writev,sendto,fdatasync,fsync",
            "-o",
        ])
        .arg(&log)
        .args(["-p", &spor.pid().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A tick each second shows that the tracer looks.
    until("the trace to begin", 20, async || {
        std::fs::read_to_string(&log).ok()?.contains("fdatasync").then_some(())
    })
    .await;
    let port = spor.mqtt_port();
    tokio::task::spawn_blocking(move || one_at_a_time(port)).await.unwrap();
    let calls = until("the trace to hold everything", 20, async || {
        let calls = read(&std::fs::read_to_string(&log).ok()?);
        calls.contains(&Call::Acknowledged(MESSAGES)).then_some(calls)
    })
    .await;
    tracer.kill().unwrap();
    tracer.wait().unwrap();
    for number in 1..=MESSAGES {
        let at = |call: &Call| calls.iter().position(|c| c == call);
        let written = at(&Call::Written(number)).expect("written");
        let acknowledged = at(&Call::Acknowledged(number)).expect("acknowledged");
        assert!(written < acknowledged, "message {number} was acknowledged unwritten");
        let flushed = calls[written..acknowledged].contains(&Call::Flushed);
        assert!(flushed, "message {number} was acknowledged between write and flush");
    }
}

/// One message in flight: what lies between its write and its acknowledgement is its own flush.
fn one_at_a_time(port: u16) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(&connect_packet("traced")).unwrap();
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).unwrap();
    for number in 1..=MESSAGES {
        let payload = format!(r#"{{"x_m":3.5,"y_m":2.5,"floor":0,"seq":{number}0000}}"#);
        let packet = publish_packet("spor/v1/tags/traced/position", number, payload.as_bytes());
        socket.write_all(&packet).unwrap();
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x40, 2, number.to_be_bytes()[0], number.to_be_bytes()[1]]);
    }
}

/// A call that waits is shown in two lines: only its second one says that it has returned.
fn read(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in trace.lines() {
        let journal = line.contains("/journal/");
        let flush = journal && (line.contains("fdatasync(") || line.contains("fsync("));
        if (flush || line.contains("fdatasync resumed")) && line.contains("= 0") {
            calls.push(Call::Flushed);
        } else if line.contains("pwrite") && journal {
            calls.extend(sequence(line).map(Call::Written));
        } else if line.contains("TCP") || line.contains("socket:") {
            calls.extend(acknowledgement(line).map(Call::Acknowledged));
        }
    }
    calls
}

/// The number that the payload carries.
fn sequence(line: &str) -> Option<u16> {
    let text = line.replace("\\\"", "\"");
    let (_, rest) = text.split_once("\"seq\":")?;
    rest.split_once("0000}")?.0.parse().ok()
}

/// `@\2` and two bytes, as strace writes them.
fn acknowledgement(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("\"@\\2")?;
    let bytes = unescape(rest.split_once("\", ")?.0);
    Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
}

/// C's escapes, so far as strace uses them.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b'v') => bytes.push(0x0b),
            Some(b'f') => bytes.push(0x0c),
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    match rest.peek() {
                        Some(next @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(next - b'0');
                            rest.next();
                        }
                        _ => break,
                    }
                }
                bytes.push(u8::try_from(value).unwrap_or_default());
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    bytes
}
