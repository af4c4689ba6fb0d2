//! One MQTT 3.1.1 connection: bytes out of and into two buffers, over a plain TCP stream.
//!
//! Nothing here waits for more than the socket; who uses it decides about windows and time-outs.

use super::{Login, MqttError};
use bytes::{Buf, BufMut, BytesMut};
use rumqttc::mqttbytes::v4::{Connect, ConnectReturnCode, LastWill, Packet};
use std::time::Duration;
use tokio::{io::Interest, net::TcpStream, time};

/// The broker sends us nothing larger.
const MAX_INCOMING: usize = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker may hear nothing of us, seconds; see [`Link::ping`].
const KEEP_ALIVE_S: u16 = 30;
/// Often enough for [`KEEP_ALIVE_S`].
pub(crate) const PING_EVERY: Duration = Duration::from_secs(10);

/// An open connection.
pub(crate) struct Link {
    stream: TcpStream,
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl Link {
    /// Connects and waits until the broker has let us in.
    pub(crate) async fn open(
        broker: &str,
        client: &str,
        login: Option<&Login>,
        will: Option<LastWill>,
    ) -> Result<Self, MqttError> {
        let mut connect = Connect::new(client);
        connect.keep_alive = KEEP_ALIVE_S;
        connect.last_will = will;
        if let Some(login) = login {
            connect.set_login(&login.user, &login.password);
        }
        time::timeout(CONNECT_TIMEOUT, Self::shake_hands(broker, &connect))
            .await
            .map_err(|_| MqttError::Timeout)?
    }

    async fn shake_hands(broker: &str, connect: &Connect) -> Result<Self, MqttError> {
        let stream = TcpStream::connect(broker).await?;
        stream.set_nodelay(true)?;
        let mut link = Self { stream, incoming: BytesMut::new(), outgoing: BytesMut::new() };
        connect.write(&mut link.outgoing)?;
        loop {
            link.exchange().await?;
            match link.next_packet()? {
                Some(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                    return Ok(link);
                }
                Some(Packet::ConnAck(ack)) => return Err(MqttError::Refused(ack.code)),
                Some(_) => return Err(MqttError::Unexpected),
                None => {}
            }
        }
    }

    /// Bytes that the socket has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.outgoing.len()
    }

    /// Adds a PUBLISH to what goes out; `packet` is its number, none with QoS 0.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        packet: Option<u16>,
        again: bool,
    ) {
        let buffer = &mut self.outgoing;
        let flags = u8::from(packet.is_some()) << 1 | u8::from(again) << 3;
        buffer.put_u8(0x30 | flags);
        let number_length = if packet.is_some() { 2 } else { 0 };
        put_length(buffer, 2 + topic.len() + number_length + payload.len());
        buffer.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
        buffer.put_slice(topic.as_bytes());
        if let Some(packet) = packet {
            buffer.put_u16(packet);
        }
        buffer.put_slice(payload);
    }

    /// What goes out: whole packets may be added to it.
    pub(crate) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    /// Adds a PINGREQ.
    pub(crate) fn ping(&mut self) {
        self.outgoing.put_slice(&[0xc0, 0]);
    }

    /// Adds a DISCONNECT: the broker then forgets the will.
    pub(crate) fn disconnect(&mut self) {
        self.outgoing.put_slice(&[0xe0, 0]);
    }

    /// Breaks the connection as a process that dies does: what neither side has read yet is lost.
    pub(crate) fn reset(self) {
        // Where it can't be, the connection is closed instead.
        let _ = self.stream.set_zero_linger();
    }

    /// Writes what the socket takes at once.
    pub(crate) fn flush_now(&mut self) -> Result<(), MqttError> {
        while !self.outgoing.is_empty() {
            match self.stream.try_write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Waits until something came in or went out. Nothing is lost when it is cancelled.
    pub(crate) async fn exchange(&mut self) -> Result<(), MqttError> {
        let interest = if self.outgoing.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_writable() {
            self.flush_now()?;
        }
        if ready.is_readable() { self.read_now() } else { Ok(()) }
    }

    /// Writes and reads what can be at once.
    pub(crate) fn exchange_now(&mut self) -> Result<(), MqttError> {
        self.flush_now()?;
        self.read_now()
    }

    fn read_now(&mut self) -> Result<(), MqttError> {
        self.incoming.reserve(4096);
        match self.stream.try_read_buf(&mut self.incoming) {
            Ok(0) => Err(MqttError::Closed),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// The packet number of the next PUBACK that came in; whatever else comes is passed over.
    pub(crate) fn next_puback(&mut self) -> Result<Option<u16>, MqttError> {
        loop {
            if let [0x40, 2, high, low, ..] = self.incoming[..] {
                self.incoming.advance(4);
                return Ok(Some(u16::from_be_bytes([high, low])));
            }
            if self.next_packet()?.is_none() {
                return Ok(None);
            }
        }
    }

    /// The next whole packet that came in.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>, MqttError> {
        match Packet::read(&mut self.incoming, MAX_INCOMING) {
            Ok(packet) => Ok(Some(packet)),
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// MQTT's remaining length: seven bits a byte, the lowest first.
fn put_length(buffer: &mut BytesMut, mut length: usize) {
    loop {
        let low = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        if length == 0 {
            buffer.put_u8(low);
            return;
        }
        buffer.put_u8(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lengths_are_written_as_the_codec_reads_them() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 200_000] {
            let mut buffer = BytesMut::new();
            buffer.put_u8(0x30);
            put_length(&mut buffer, length + 3);
            buffer.put_slice(&[0, 1, b't']);
            buffer.resize(buffer.len() + length, 7);
            let Packet::Publish(publish) = Packet::read(&mut buffer, 1 << 20).unwrap() else {
                panic!("not a publish")
            };
            assert_eq!(publish.payload.len(), length);
            assert!(buffer.is_empty());
        }
    }
}
