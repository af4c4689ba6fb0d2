//! Bytes into MQTT 3.1.1 packets. The fixed header is read by rumqttd's codec; PUBLISH and PUBACK,
//! which are nearly everything, are read here in place, without copying. No input panics.

use rumqttd::protocol::{Error, v4};

/// Why a packet closes its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameError {
    Malformed(&'static str),
    TooLarge(usize),
    QosTwo,
}

impl FrameError {
    /// The word under which it is counted.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge(_) => "too_large",
            Self::QosTwo => "qos_2",
        }
    }
}

/// The types of packet that a client may send, besides those of QoS 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Publish,
    PubAck,
    Subscribe,
    Unsubscribe,
    PingReq,
    Disconnect,
}

/// One complete packet in a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// The low four bits of the first byte.
    flags: u8,
    /// The whole packet.
    pub(super) whole: &'a [u8],
    /// What follows the fixed header.
    pub(super) body: &'a [u8],
}

/// The first packet of `bytes`; `None` while it is not complete.
pub(super) fn next(bytes: &[u8], max_bytes: usize) -> Result<Option<Frame<'_>>, FrameError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    // A wrong type is refused at once, not when the length that it claims has arrived.
    let (kind, flags) = kind(*first)?;
    match v4::check(bytes.iter(), max_bytes) {
        Ok(header) => {
            let end = header.frame_length();
            let whole = bytes.get(..end).ok_or(FrameError::Malformed("length"))?;
            let body = whole.get(header.fixed_header_len..);
            let body = body.ok_or(FrameError::Malformed("length"))?;
            Ok(Some(Frame { kind, flags, whole, body }))
        }
        Err(Error::InsufficientBytes(_)) => Ok(None),
        Err(Error::PayloadSizeLimitExceeded(bytes)) => Err(FrameError::TooLarge(bytes)),
        Err(_) => Err(FrameError::Malformed("length")),
    }
}

fn kind(first: u8) -> Result<(Kind, u8), FrameError> {
    let flags = first & 0x0f;
    let (kind, fixed_flags) = match first >> 4 {
        1 => (Kind::Connect, 0),
        3 => (Kind::Publish, flags),
        4 => (Kind::PubAck, 0),
        8 => (Kind::Subscribe, 2),
        10 => (Kind::Unsubscribe, 2),
        12 => (Kind::PingReq, 0),
        14 => (Kind::Disconnect, 0),
        5..=7 => return Err(FrameError::QosTwo),
        _ => return Err(FrameError::Malformed("packet type")),
    };
    if flags == fixed_flags { Ok((kind, flags)) } else { Err(FrameError::Malformed("flags")) }
}

/// A PUBLISH, its topic not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Publish<'a> {
    pub(super) topic: &'a [u8],
    pub(super) payload: &'a [u8],
    /// The packet id to acknowledge; none at QoS 0.
    pub(super) packet_id: Option<u16>,
}

impl<'a> Frame<'a> {
    /// Reads the frame as a PUBLISH. DUP and RETAIN are of no concern to Spor.
    pub(super) fn publish(&self) -> Result<Publish<'a>, FrameError> {
        let with_id = match (self.flags >> 1) & 3 {
            0 => false,
            1 => true,
            2 => return Err(FrameError::QosTwo),
            _ => return Err(FrameError::Malformed("qos")),
        };
        let short = FrameError::Malformed("publish is too short");
        let (length, rest) = self.body.split_first_chunk::<2>().ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (topic, rest) = rest.split_at_checked(length).ok_or(short)?;
        if !with_id {
            return Ok(Publish { topic, payload: rest, packet_id: None });
        }
        let (id, payload) = rest.split_first_chunk::<2>().ok_or(short)?;
        match u16::from_be_bytes(*id) {
            0 => Err(FrameError::Malformed("packet id 0")),
            id => Ok(Publish { topic, payload, packet_id: Some(id) }),
        }
    }

    /// Reads the frame as a PUBACK: the id that the client acknowledges.
    pub(super) fn pub_ack(&self) -> Result<u16, FrameError> {
        let id: [u8; 2] =
            self.body.try_into().map_err(|_| FrameError::Malformed("puback length"))?;
        Ok(u16::from_be_bytes(id))
    }
}

/// The packet id of an outgoing PUBLISH as the codec wrote it; `None` at QoS 0.
///
/// `Publish.pkid` of the codec is private, so it is read from the frame.
pub(super) fn outgoing_packet_id(written: &[u8]) -> Option<u16> {
    next(written, usize::MAX).ok().flatten()?.publish().ok()?.packet_id
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_publish_is_read_in_place() {
        let bytes = b"\x32\x09\x00\x03a/b\x00\x07hi\xc0\x00";
        let frame = next(bytes, 100).unwrap().unwrap();
        let publish = frame.publish().unwrap();
        assert_eq!(publish, Publish { topic: b"a/b", payload: b"hi", packet_id: Some(7) });
        let rest = next(&bytes[frame.whole.len()..], 100).unwrap().unwrap();
        assert_eq!(rest.kind, Kind::PingReq);
    }

    #[test]
    fn an_incomplete_packet_waits_and_a_wrong_one_does_not() {
        for end in 0..11 {
            assert!(next(&b"\x32\x09\x00\x03a/b\x00\x07hi"[..end], 100).unwrap().is_none());
        }
        assert_eq!(next(b"GET / HTTP/1.1", 100).unwrap_err(), FrameError::Malformed("flags"));
        assert_eq!(next(b"\x00", 100).unwrap_err(), FrameError::Malformed("packet type"));
        assert_eq!(next(b"\x62\x02", 100).unwrap_err(), FrameError::QosTwo);
        assert_eq!(next(b"\x30\xff\x7f", 100).unwrap_err(), FrameError::TooLarge(16_383));
        let endless = next(b"\x30\xff\xff\xff\xff", 100).unwrap_err();
        assert_eq!(endless, FrameError::Malformed("length"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(frame)) = next(&bytes, 1_000) {
                prop_assert!(frame.whole.len() <= bytes.len());
                let _ = frame.publish();
                let _ = frame.pub_ack();
                let _ = outgoing_packet_id(frame.whole);
            }
        }
    }
}
