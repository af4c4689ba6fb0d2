use super::*;
use spor_schemas::recording::{Recorded, Recording};

fn imported(rows: &str, form: Form, columns: &str) -> Result<(Vec<Recorded>, u64), ImportError> {
    let folder = tempfile::tempdir().expect("a folder");
    let columns = columns.parse().expect("a column map");
    let (_, left_out) = import(Foreign {
        from: &mut rows.as_bytes(),
        form,
        columns: &columns,
        site: "",
        name: "some",
        start_ms: 1_795_385_000_000,
        out: folder.path(),
    })?;
    let recording = Recording::open(folder.path()).expect("a recording");
    let records = recording.records().map(|record| record.expect("readable"));
    Ok((records.filter(|record| record.kind == Kind::Message).collect(), left_out))
}

#[test]
fn rows_become_messages_in_the_order_of_their_times() {
    let rows = "when,mac,east,north\n12.5,b,2,3\n10,a,1,2\nnoon,a,1,2\n11,a b,1,2\n";
    let columns = "time=when,tag=mac,x=east,y=north,floor=:1";
    let (records, left_out) = imported(rows, Form::Csv, columns).expect("imported");
    assert_eq!(left_out, 2, "a time and a name that can't be read");
    let told: Vec<_> = records.iter().map(|r| (r.received_ms, r.topic.as_str())).collect();
    assert_eq!(
        told,
        [
            (1_795_385_010_000, "spor/v1/tags/a/position"),
            (1_795_385_012_500, "spor/v1/tags/b/position")
        ]
    );
}

#[test]
fn a_file_without_a_header_and_lines_of_objects_are_read_too() {
    let rows = "1581249601.4086823,r1,t1,-87\n1581249601.5,r2,t1,-77\n";
    let columns = "time=1,reader=2,tag=3,rssi=4";
    let (records, left_out) = imported(rows, Form::Csv, columns).expect("imported");
    assert_eq!((records.len(), left_out), (2, 0));
    assert_eq!(records[0].received_ms, 1_581_249_601_409);
    assert_eq!(records[0].topic, "spor/v1/readers/r1/sightings");
    let rows = "{\"t\":\"2026-05-03T12:32:00Z\",\"id\":\"a\",\"x\":1.5,\"y\":2,\"f\":0}\nnothing\n";
    let columns = "time=t,tag=id,x=x,y=y,floor=f";
    let (records, left_out) = imported(rows, Form::JsonLines, columns).expect("imported");
    assert_eq!((records.len(), left_out), (1, 1));
    assert_eq!(records[0].received_ms, 1_777_811_520_000);
}

#[test]
fn what_is_missing_is_named() {
    for wrong in ["time=1", "time=1,tag=2,x=3,y=4", "time=1,tag=2,colour=3", "time", "time=,tag=2"]
    {
        assert!(wrong.parse::<Columns>().is_err(), "{wrong}");
    }
    let columns = "time=when,tag=who,x=x,y=y,floor=:0";
    let error = imported("when,tag,x,y\n1,2,3,4\n", Form::Csv, columns).expect_err("refused");
    assert!(error.to_string().contains("who") && error.to_string().contains("tag"), "{error}");
    let error =
        imported("1,?,3,4\n", Form::Csv, "time=1,tag=2,x=3,y=4,floor=:0").expect_err("none");
    assert!(error.to_string().contains("tag"), "{error}");
}

#[test]
fn the_unit_of_a_time_is_told_by_its_size() {
    for same in ["1581249601.5", "1581249601500", "1581249601500000", "1581249601500000000"] {
        assert_eq!(time_ms(same, 0), Some(1_581_249_601_500), "{same}");
    }
    assert_eq!(time_ms("1.5", 1_000), Some(2_500));
    assert_eq!(time_ms("NaN", 0), None);
}
