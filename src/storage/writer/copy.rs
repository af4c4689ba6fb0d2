//! PostgreSQL's binary COPY form of positions: a header, per row its fields with their lengths, a trailer.

use super::batch::Position;
use crate::storage::connection::Ms;
use bytes::{BufMut, Bytes, BytesMut};

/// The statement that takes [`encode`]'s bytes.
pub(super) const COPY_POSITION: &str = "copy position (\"time\", until, tag, seq, x_m, y_m, floor, accuracy_m, zone, moving, portal) \
     from stdin (format binary)";

const FIELDS: i16 = 11;
/// Signature, flags and length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Bytes of one row with all its fields.
const ROW: usize = 2 + 11 * 4 + 8 + 8 + 4 + 8 + 4 + 4 + 2 + 4 + 4 + 1 + 1;

/// The rows as one COPY stream.
#[must_use]
pub fn encode(rows: &[Position]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER.len() + rows.len() * ROW + 2);
    out.put_slice(HEADER);
    for row in rows {
        out.put_i16(FIELDS);
        put_i64(&mut out, Ms(row.time_ms).to_postgres());
        put_i64(&mut out, Ms(row.until_ms).to_postgres());
        put_i32(&mut out, row.tag);
        match row.seq {
            Some(seq) => put_i64(&mut out, i64::from(seq)),
            None => put_null(&mut out),
        }
        put_metres(&mut out, row.x_m);
        put_metres(&mut out, row.y_m);
        out.put_i32(2);
        out.put_i16(row.floor);
        out.put_i32(4);
        out.put_f32(row.accuracy_m);
        match row.zone {
            Some(zone) => put_i32(&mut out, zone),
            None => put_null(&mut out),
        }
        put_bool(&mut out, row.moving);
        put_bool(&mut out, row.portal);
    }
    out.put_i16(-1);
    out.freeze()
}

fn put_i64(out: &mut BytesMut, value: i64) {
    out.put_i32(8);
    out.put_i64(value);
}

fn put_i32(out: &mut BytesMut, value: i32) {
    out.put_i32(4);
    out.put_i32(value);
}

fn put_bool(out: &mut BytesMut, value: Option<bool>) {
    match value {
        Some(value) => {
            out.put_i32(1);
            out.put_u8(value.into());
        }
        None => put_null(out),
    }
}

fn put_null(out: &mut BytesMut) {
    out.put_i32(-1);
}

/// float4 holds a coordinate of a site to better than a centimetre.
#[expect(clippy::cast_possible_truncation, reason = "the column is float4")]
fn put_metres(out: &mut BytesMut, value: f64) {
    out.put_i32(4);
    out.put_f32(value as f32);
}
