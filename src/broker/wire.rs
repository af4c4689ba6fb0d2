//! One client's byte stream: a read buffer that is small while the client is idle, a write buffer
//! that goes out in one call, and a limit on how long the client may refuse to read.

use bytes::{BufMut as _, Bytes, BytesMut};
use rumqttd::protocol::{
    ConnAck, ConnectReturnCode, Packet, Protocol as _, Publish, SubAck, SubscribeReasonCode,
    UnsubAck, v4::V4,
};
use std::{io, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const SMALLEST_READ: usize = 2 * 1024;
const LARGEST_READ: usize = 128 * 1024;

/// Reads into `input`, writes from `output`.
pub(super) struct Wire<S> {
    stream: S,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    /// Room to make for the next read.
    room: usize,
    /// Something was written that TLS may still hold.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            room: SMALLEST_READ,
            unflushed: false,
        }
    }

    /// Reads once; 0 means that the client has closed. Safe to cancel.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        // A burst leaves a large buffer behind; a client that has calmed down gives it back.
        if self.input.is_empty()
            && self.room == SMALLEST_READ
            && self.input.capacity() > 4 * self.room
        {
            self.input = BytesMut::new();
        }
        self.input.reserve(self.room);
        let count = self.stream.read_buf(&mut self.input).await?;
        self.room = if count >= self.room {
            (self.room * 4).min(LARGEST_READ)
        } else if count < self.room / 8 {
            (self.room / 2).max(SMALLEST_READ)
        } else {
            self.room
        };
        Ok(count)
    }

    /// Writes all output, within `limit`.
    pub(super) async fn flush(&mut self, limit: Duration) -> io::Result<()> {
        if self.output.is_empty() && !self.unflushed {
            return Ok(());
        }
        self.unflushed = true;
        // What is written leaves the buffer at once: when this is cancelled, `close` goes on there.
        let writing = async {
            self.stream.write_all_buf(&mut self.output).await?;
            self.stream.flush().await
        };
        let written = tokio::time::timeout(limit, writing).await;
        self.unflushed = !matches!(written, Ok(Ok(())));
        if self.output.is_empty() && self.output.capacity() > LARGEST_READ {
            self.output = BytesMut::new();
        }
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sends what is left, then closes; gives up after `limit`.
    pub(super) async fn close(mut self, limit: Duration) {
        let closing = async {
            let _ = self.stream.write_all_buf(&mut self.output).await;
            let _ = self.stream.shutdown().await;
        };
        let _ = tokio::time::timeout(limit, closing).await;
    }

    pub(super) fn put_conn_ack(&mut self, session_present: bool, code: ConnectReturnCode) {
        self.put(Packet::ConnAck(ConnAck { session_present, code }, None));
    }

    pub(super) fn put_sub_ack(&mut self, pkid: u16, return_codes: Vec<SubscribeReasonCode>) {
        self.put(Packet::SubAck(SubAck { pkid, return_codes }, None));
    }

    pub(super) fn put_unsub_ack(&mut self, pkid: u16) {
        self.put(Packet::UnsubAck(UnsubAck { pkid, reasons: Vec::new() }, None));
    }

    /// Returns where in the output the packet begins.
    pub(super) fn put_publish(&mut self, publish: Publish) -> usize {
        let start = self.output.len();
        self.put(Packet::Publish(publish, None));
        start
    }

    pub(super) fn put_message(&mut self, topic: String, payload: Bytes) {
        self.put_publish(Publish::new(Bytes::from(topic), payload, false));
    }

    pub(super) fn put_pub_ack(&mut self, id: u16) {
        self.output.put_slice(&[0x40, 2]);
        self.output.put_u16(id);
    }

    pub(super) fn put_ping_resp(&mut self) {
        self.output.put_slice(&[0xd0, 0]);
    }

    fn put(&mut self, packet: Packet) {
        let start = self.output.len();
        if let Err(error) = V4.write(packet, &mut self.output) {
            // Only a publish beyond 256 MiB, or one at QoS 1 without an id; neither is ever made.
            self.output.truncate(start);
            tracing::error!(%error, "a packet could not be written");
        }
    }
}
