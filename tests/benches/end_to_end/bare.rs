//! The first yardstick: the shortest path of the libraries that Spor uses, from a socket to a
//! committed row, in a process of its own. No journal, no zones, no duplicates, no permissions.
//!
//! A PUBLISH is acknowledged once its row is in the writer's bounded queue, not when it is on disk.

use crate::copy::Intake;
use bytes::{Buf, BufMut, BytesMut};
use rumqttd::protocol::v4;
use std::io::Read as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

const MAX_PACKET: usize = 2 << 20;

/// Serves until its standard input ends, then stores what is left.
#[tokio::main]
pub(crate) async fn run(url: &str) {
    let (intake, writer) = Intake::open(url).await;
    let writing = tokio::spawn(writer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let mut ended = until_input_ends();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(serve(accepted.unwrap().0, intake.clone()));
            }
            _ = &mut ended => break,
        }
    }
    connections.shutdown().await;
    drop(intake);
    writing.await.unwrap();
}

/// Whoever started this process closes the pipe to end it.
pub(crate) fn until_input_ends() -> oneshot::Receiver<()> {
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        let _ = end.send(());
    });
    ended
}

async fn serve(mut stream: TcpStream, intake: Intake) {
    stream.set_nodelay(true).unwrap();
    let (mut incoming, mut outgoing) = (BytesMut::new(), BytesMut::new());
    loop {
        incoming.reserve(64 * 1024);
        if stream.read_buf(&mut incoming).await.unwrap_or(0) == 0 {
            return;
        }
        let mut rows = Vec::new();
        while let Ok(header) = v4::check(incoming.iter(), MAX_PACKET) {
            let frame = &incoming[..header.frame_length()];
            take(frame, &frame[header.fixed_header_len..], &intake, &mut rows, &mut outgoing);
            incoming.advance(header.frame_length());
        }
        intake.store(rows).await;
        if stream.write_all_buf(&mut outgoing).await.is_err() {
            return;
        }
    }
}

fn take(
    frame: &[u8],
    body: &[u8],
    intake: &Intake,
    rows: &mut Vec<crate::copy::Row>,
    outgoing: &mut BytesMut,
) {
    match frame[0] >> 4 {
        1 => outgoing.put_slice(&[0x20, 2, 0, 0]),
        3 => {
            let (length, rest) = body.split_at(2);
            let (topic, mut payload) =
                rest.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
            if frame[0] & 2 != 0 {
                outgoing.put_slice(&[0x40, 2, payload[0], payload[1]]);
                payload = &payload[2..];
            }
            intake.read(std::str::from_utf8(topic).unwrap(), payload, rows);
        }
        12 => outgoing.put_slice(&[0xd0, 0]),
        _ => {}
    }
}
