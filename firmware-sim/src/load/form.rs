//! A position on the wire, prepared once: the packet is copied and its fields are written over,
//! which costs a tenth of encoding it, so that the load leaves the machine to what is measured.
//!
//! In JSON every number has a width of its own, filled up with spaces in front; in CBOR every
//! integer has its widest form.

use bytes::{BufMut, BytesMut};
use spor_schemas::topic;
use spor_schemas::{EngineId, TagId};

/// First sequence number: of as many digits as all that follow for a while.
pub(super) const FIRST_SEQ: u32 = 1_000_000;

/// What a tag says of itself at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// The tag's number, which is its name's end.
    pub(super) number: u32,
    pub(super) time_ms: i64,
    pub(super) seq: u32,
    /// Hundredths of a metre.
    pub(super) x_cm: i32,
    pub(super) y_cm: i32,
    pub(super) floor: i16,
    pub(super) battery_pct: u8,
    pub(super) moving: bool,
}

/// Where a field begins.
#[derive(Debug, Clone, Copy, Default)]
struct Slots {
    packet: Option<usize>,
    /// Of the name's digits.
    tag: usize,
    time: usize,
    seq: usize,
    x: usize,
    y: usize,
    floor: usize,
    battery: usize,
    moving: usize,
}

/// Messages that all have the same length: a tag's own, or an engine's of as many positions.
pub(super) struct Form {
    cbor: bool,
    digits: usize,
    acknowledged: bool,
    /// The whole packet of a tag, or one element of an engine's array.
    bytes: Vec<u8>,
    at: Slots,
    /// An engine's topic; none: each tag speaks for itself.
    engine: Option<String>,
}

const TIME: usize = 13;
const SEQ: usize = 10;
const METRES: usize = 9;
const SMALL: usize = 3;
const MOVING: usize = 5;
/// What every position claims of itself, metres.
pub(super) const ACCURACY_M: f32 = 0.8;

impl Form {
    /// Of the tags 1 to `tags`, by themselves or by the engine of that name.
    pub(super) fn new(cbor: bool, acknowledged: bool, tags: u32, engine: Option<&str>) -> Self {
        let digits = digits_of(tags);
        let engine = engine
            .map(|name| topic::engine_positions(&EngineId::new(name).expect("fits the pattern")));
        let name = tag_name(0, digits);
        let mut at = Slots::default();
        let named = engine.is_some().then_some(name.as_str());
        let element =
            if cbor { cbor_element(named, &mut at) } else { json_element(named, &mut at) };
        let mut form = Self { cbor, digits, acknowledged, bytes: element, at, engine };
        if form.engine.is_none() {
            form.wrap(&name);
        }
        form
    }

    /// Puts the packet's head in front of the only element.
    fn wrap(&mut self, name: &str) {
        let topic = topic::tag_position(&TagId::new(name).expect("fits the pattern"));
        let mut packet = BytesMut::new();
        put_head(&mut packet, &topic, self.bytes.len(), self.acknowledged.then_some(0));
        let in_topic = topic.find(name).unwrap_or(0) + name.len() - self.digits;
        let at = &mut self.at;
        at.tag = packet.len() - topic.len() - usize::from(self.acknowledged) * 2 + in_topic;
        at.packet = self.acknowledged.then(|| packet.len() - 2);
        for slot in [
            &mut at.time,
            &mut at.seq,
            &mut at.x,
            &mut at.y,
            &mut at.floor,
            &mut at.battery,
            &mut at.moving,
        ] {
            *slot += packet.len();
        }
        packet.put_slice(&self.bytes);
        self.bytes = packet.to_vec();
    }

    /// Adds a PUBLISH of these reports: of an engine any number, of a tag exactly one.
    pub(super) fn put(
        &self,
        out: &mut BytesMut,
        packet: Option<u16>,
        reports: impl ExactSizeIterator<Item = Report>,
    ) {
        let Some(topic) = &self.engine else {
            for report in reports {
                self.put_element(out, packet, &report);
            }
            return;
        };
        let count = reports.len();
        let (opening, commas) = if self.cbor { (3, 0) } else { (2, count.saturating_sub(1)) };
        put_head(out, topic, opening + commas + count * self.bytes.len(), packet);
        if self.cbor {
            out.put_u8(0x99);
            out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
            reports.for_each(|report| self.put_element(out, None, &report));
            return;
        }
        let mut before = b'[';
        for report in reports {
            out.put_u8(before);
            before = b',';
            self.put_element(out, None, &report);
        }
        out.put_u8(b']');
    }

    fn put_element(&self, out: &mut BytesMut, packet: Option<u16>, report: &Report) {
        let start = out.len();
        out.put_slice(&self.bytes);
        let bytes = &mut out[start..];
        let at = &self.at;
        if let (Some(slot), Some(packet)) = (at.packet, packet) {
            bytes[slot..slot + 2].copy_from_slice(&packet.to_be_bytes());
        }
        let tag = &mut bytes[at.tag..at.tag + self.digits];
        tag.fill(b'0');
        put_digits(tag, u64::from(report.number));
        if self.cbor {
            let floor = report.floor;
            let (sign, floor) = if floor < 0 { (0x39, -1 - floor) } else { (0x19, floor) };
            bytes[at.time..at.time + 8].copy_from_slice(&report.time_ms.to_be_bytes());
            bytes[at.seq..at.seq + 4].copy_from_slice(&report.seq.to_be_bytes());
            bytes[at.x..at.x + 8].copy_from_slice(&metres(report.x_cm).to_be_bytes());
            bytes[at.y..at.y + 8].copy_from_slice(&metres(report.y_cm).to_be_bytes());
            bytes[at.floor] = sign;
            bytes[at.floor + 1..at.floor + 3].copy_from_slice(&floor.to_be_bytes());
            bytes[at.battery] = report.battery_pct;
            bytes[at.moving] = if report.moving { 0xf5 } else { 0xf4 };
        } else {
            put_digits(&mut bytes[at.time..at.time + TIME], report.time_ms.unsigned_abs());
            put_digits(&mut bytes[at.seq..at.seq + SEQ], u64::from(report.seq));
            put_metres(&mut bytes[at.x..at.x + METRES], report.x_cm);
            put_metres(&mut bytes[at.y..at.y + METRES], report.y_cm);
            put_signed(&mut bytes[at.floor..at.floor + SMALL], report.floor.into());
            put_digits(&mut bytes[at.battery..at.battery + SMALL], report.battery_pct.into());
            let moving = if report.moving { b" true" } else { b"false" };
            bytes[at.moving..at.moving + MOVING].copy_from_slice(moving);
        }
    }
}

fn digits_of(tags: u32) -> usize {
    tags.max(1).ilog10().max(4) as usize + 1
}

fn tag_name(number: u32, digits: usize) -> String {
    format!("load-{number:0digits$}")
}

fn json_element(tag: Option<&str>, at: &mut Slots) -> Vec<u8> {
    let mut text = String::from("{");
    if let Some(tag) = tag {
        text.push_str(&format!(r#""tag":"{tag}","#));
        at.tag = r#"{"tag":"load-"#.len();
    }
    let mut field = |name: &str, width: usize| {
        text.push_str(&format!("\"{name}\":"));
        let start = text.len();
        text.push_str(&" ".repeat(width));
        text.push(',');
        start
    };
    at.time = field("time_ms", TIME);
    at.seq = field("seq", SEQ);
    at.x = field("x_m", METRES);
    at.y = field("y_m", METRES);
    at.floor = field("floor", SMALL);
    at.battery = field("battery_pct", SMALL);
    at.moving = field("moving", MOVING);
    text.push_str(&format!("\"accuracy_m\":{ACCURACY_M}}}"));
    text.into_bytes()
}

fn cbor_element(tag: Option<&str>, at: &mut Slots) -> Vec<u8> {
    let mut bytes = vec![if tag.is_some() { 0xa9 } else { 0xa8 }];
    if let Some(tag) = tag {
        bytes.extend([0, 0x60 | u8::try_from(tag.len()).expect("below 24")]);
        bytes.extend(tag.as_bytes());
        at.tag = 3 + "load-".len();
    }
    // Its key, the head of the value, and the value's width.
    let mut field = |key: u8, head: &[u8], width: usize| {
        bytes.push(key);
        bytes.extend(head);
        bytes.resize(bytes.len() + width, 0);
        bytes.len() - width
    };
    at.time = field(1, &[0x1b], 8);
    at.seq = field(2, &[0x1a], 4);
    at.x = field(3, &[0xfb], 8);
    at.y = field(4, &[0xfb], 8);
    at.floor = field(5, &[], 3);
    at.battery = field(7, &[0x18], 1);
    bytes.push(6);
    bytes.push(0xfa);
    bytes.extend(ACCURACY_M.to_be_bytes());
    bytes.extend([8, 0]);
    at.moving = bytes.len() - 1;
    bytes
}

fn put_head(out: &mut BytesMut, topic: &str, payload: usize, packet: Option<u16>) {
    out.put_u8(0x30 | u8::from(packet.is_some()) << 1);
    let number = if packet.is_some() { 2 } else { 0 };
    let mut length = 2 + topic.len() + number + payload;
    loop {
        let low = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        out.put_u8(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
    out.put_slice(topic.as_bytes());
    if let Some(packet) = packet {
        out.put_u16(packet);
    }
}

fn metres(centimetres: i32) -> f64 {
    f64::from(centimetres) / 100.0
}

/// Writes the number at the slot's end and leaves the rest as it is.
fn put_digits(slot: &mut [u8], mut value: u64) -> usize {
    let mut at = slot.len();
    while at > 0 {
        at -= 1;
        slot[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    at
}

fn put_signed(slot: &mut [u8], value: i32) {
    let at = put_digits(slot, value.unsigned_abs().into());
    if value < 0 && at > 0 {
        slot[at - 1] = b'-';
    }
}

/// Metres with two decimals.
fn put_metres(slot: &mut [u8], centimetres: i32) {
    let (whole, cents) = slot.split_at_mut(METRES - 3);
    let value = centimetres.unsigned_abs();
    let at = put_digits(whole, u64::from(value / 100));
    if centimetres < 0 && at > 0 {
        whole[at - 1] = b'-';
    }
    cents.copy_from_slice(b".00");
    put_digits(cents.split_at_mut(1).1, u64::from(value % 100));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rumqttc::mqttbytes::v4::Packet;
    use spor_schemas::{Decoded, InboundTopic, PositionMessage, wire};

    fn report(number: u32) -> Report {
        Report {
            number,
            time_ms: 1_795_385_000_123,
            seq: FIRST_SEQ + number,
            x_cm: 1_205 - 100 * i32::try_from(number).unwrap(),
            y_cm: -7,
            floor: -1,
            battery_pct: 87,
            moving: number.is_multiple_of(2),
        }
    }

    fn expected(number: u32, digits: usize) -> PositionMessage {
        let report = report(number);
        PositionMessage {
            tag: Some(TagId::new(&tag_name(number, digits)).unwrap()),
            time_ms: Some(report.time_ms),
            seq: Some(report.seq),
            x_m: metres(report.x_cm),
            y_m: metres(report.y_cm),
            floor: -1,
            accuracy_m: Some(ACCURACY_M),
            battery_pct: Some(87),
            moving: Some(report.moving),
            button: None,
        }
    }

    /// What the packets in `bytes` say, and their packet numbers.
    fn read(mut bytes: BytesMut) -> Vec<(u16, Vec<PositionMessage>)> {
        let mut read = Vec::new();
        while !bytes.is_empty() {
            let Packet::Publish(publish) = Packet::read(&mut bytes, 1 << 20).unwrap() else {
                panic!("not a publish")
            };
            let topic = InboundTopic::parse(&publish.topic).unwrap();
            let Decoded::Positions(all) = wire::decode(&topic, &publish.payload).unwrap() else {
                panic!("no positions")
            };
            read.push((publish.pkid, all));
        }
        read
    }

    #[test]
    fn prepared_packets_say_what_was_reported() {
        for (cbor, tags) in [(false, 500), (true, 500), (false, 200_000), (true, 200_000)] {
            let digits = digits_of(tags);
            let own = Form::new(cbor, true, tags, None);
            let mut out = BytesMut::new();
            own.put(&mut out, Some(7), [report(1)].into_iter());
            own.put(&mut out, Some(515), [report(12)].into_iter());
            let said = [(7, vec![expected(1, digits)]), (515, vec![expected(12, digits)])];
            assert_eq!(read(out), said);

            let engine = Form::new(cbor, false, tags, Some("e-1"));
            for count in [1, 2, 60] {
                let mut out = BytesMut::new();
                engine.put(&mut out, None, (1..=count).map(report).collect::<Vec<_>>().into_iter());
                let said = (1..=count).map(|number| expected(number, digits)).collect::<Vec<_>>();
                assert_eq!(read(out), [(0, said)]);
            }
        }
    }
}
