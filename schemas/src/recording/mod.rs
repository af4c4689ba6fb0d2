//! The form of what was received, on disk: the journal's segments, which are also what a recording
//! is made of. Pure functions over bytes; of files only a recording's are read and written here.
//!
//! A segment is a header and records behind each other, up to its end or to the first zeros. Integers
//! are little-endian, CRCs are CRC-32 (IEEE).
//!
//! ```text
//! header   magic "SPORJRNL" | version u32 = 1 | journal id, 16 | first sequence u64
//!          | received_ms of the first i64 | 16 zeros | crc of these u32            (64 bytes)
//! record   len u32 | body crc u32 | sequence u64 | received_ms i64 | crc of these u32 | body
//! body     kind u8 | flags u8 | content, or a sealed box of it when flag 1 is set
//! content  source len u16 | topic len u16 | source | topic | payload
//! ```
//!
//! The highest bit of `len` marks the first record of a commit. Records bear consecutive sequences
//! and a time that never decreases.

mod header;
mod manifest;
mod read;
mod record;
mod write;

pub use header::{HEADER, Header, HeaderFault, VERSION};
pub use manifest::{Manifest, SegmentEntry, TagEntry};
pub use read::{Recorded, Recording, RecordingError, Records};
pub use record::{
    Body, HEAD, Head, Kind, MAX_BODY, find_record, mark_commit, push_body, push_content,
    read_content, record_at, record_len, stamp_all,
};
pub use write::{SegmentWriter, Written};

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of two commits, as version 1 has it on disk.
    const GOLDEN: &str = "\
53504f524a524e4c01000000070707070707070707070707070707072a00000000000000e803000000000000\
000000000000000000000000000000004537e266210000807f7335af2a00000000000000e803000000000000\
486aa7c10100020017006d6573706f722f76312f746167732f612f706f736974696f6e7b7d0800000022f944\
872b00000000000000e803000000000000ee50609a0200020000006d65";

    fn segment() -> Vec<u8> {
        let header = Header { id: [7; 16], first: 42, first_ms: 1_000 };
        let mut records = Vec::new();
        for (kind, topic, payload) in
            [(Kind::Message, "spor/v1/tags/a/position", &b"{}"[..]), (Kind::Tick, "", b"")]
        {
            push_body(&mut records, kind, false, |out| push_content(out, "me", topic, payload));
        }
        assert_eq!(stamp_all(&mut records, 42, 1_000), 43);
        mark_commit(&mut records);
        [&header.encode()[..], &records].concat()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_on_disk_are_those_of_version_1() {
        assert_eq!(hex(&segment()), GOLDEN);
    }

    #[test]
    fn what_is_written_is_read_back_and_a_flipped_bit_is_not() {
        let mut bytes = segment();
        let header = Header::decode(&bytes).expect("a header");
        assert_eq!(header, Header { id: [7; 16], first: 42, first_ms: 1_000 });
        let head = record_at(&bytes, HEADER).expect("a record");
        assert_eq!((head.sequence, head.received_ms, head.begins_commit), (42, 1_000, true));
        let body = Body::read(&bytes[HEADER + HEAD..HEADER + head.record_len()]).expect("a body");
        let (source, topic, payload) = read_content(body.rest).expect("content");
        assert_eq!(
            (source, topic, &body.rest[payload..]),
            ("me", "spor/v1/tags/a/position", &b"{}"[..])
        );
        let next = record_at(&bytes, HEADER + head.record_len()).expect("the next");
        assert_eq!((next.sequence, next.begins_commit), (43, false));
        bytes[HEADER + HEAD + 3] ^= 1;
        assert_eq!(record_at(&bytes, HEADER), None);
        assert_eq!(
            find_record(&bytes, HEADER, &(1..=100)),
            Some((HEADER + head.record_len(), next))
        );
    }
}
