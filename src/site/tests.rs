use super::*;

fn file(features: &str) -> String {
    format!(
        r#"{{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"Test",
        "time_zone":"Europe/Copenhagen","floors":[{{"number":0,"label":"0"}}],"features":[{features}]}}"#
    )
}

fn room(id: &str, x: f64) -> String {
    let (e, n) = (x + 4.0, 4.0);
    format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Polygon","coordinates":[[[{x},0],[{e},0],[{e},{n}],[{x},{n}],[{x},0]]]}},
        "properties":{{"feature":"room","floor":0,"kind":"patient","name":"{id}","ward":"W"}}}}"#
    )
}

fn door(x: f64, a: &str, b: &str) -> String {
    format!(
        r#"{{"type":"Feature","id":"d1","geometry":{{"type":"Point","coordinates":[{x},2]}},
        "properties":{{"feature":"door","floor":0,"rooms":["{a}","{b}"]}}}}"#
    )
}

fn refusal(features: &[String]) -> String {
    Site::parse(&file(&features.join(","))).expect_err("refused").to_string()
}

#[test]
fn the_built_in_hospital_is_valid_and_of_three_floors() {
    let site = Site::load(None).expect("the demo hospital is valid");
    assert_eq!(site.floors.len(), 3);
    assert!(site.zones().count() > 100);
    assert!(site.readers().count() > 20);
    for zone in site.zones().filter(|z| z.kind.is_some()) {
        let (x_m, y_m, floor) = site.centre(&zone.id).expect("a label point");
        assert_eq!(site.room_at(floor, x_m, y_m), Some(&zone.id), "label point of {}", zone.id);
    }
}

#[test]
fn a_point_is_in_its_room_or_in_the_nearest_within_two_metres() {
    let site = Site::parse(&file(&[room("a", 0.0), room("b", 4.0)].join(","))).expect("valid");
    let at = |x, y| site.room_at(0, x, y).map(ToString::to_string);
    assert_eq!(at(1.0, 1.0).as_deref(), Some("a"));
    assert_eq!(at(5.0, 1.0).as_deref(), Some("b"));
    assert_eq!(at(9.5, 1.0).as_deref(), Some("b"));
    assert_eq!(at(10.5, 1.0), None);
    assert!(site.is_on_site(0, 12.0, 1.0) && !site.is_on_site(0, 14.0, 1.0));
    assert!(!site.is_on_site(1, 1.0, 1.0));
}

#[test]
fn a_wrong_file_is_refused_by_the_feature_that_is_wrong() {
    let overlap = refusal(&[room("a", 0.0), room("b", 3.0)]);
    assert!(overlap.contains("feature b") && overlap.contains("overlaps room a"), "{overlap}");
    let twice = refusal(&[room("a", 0.0), room("a", 4.0)]);
    assert!(twice.contains("feature a") && twice.contains("twice"), "{twice}");
    let nowhere = refusal(&[room("a", 0.0), door(4.0, "a", "x")]);
    assert!(nowhere.contains("feature d1") && nowhere.contains("no room x"), "{nowhere}");
    let astray = refusal(&[room("a", 0.0), room("b", 4.0), door(6.0, "a", "b")]);
    assert!(astray.contains("feature d1") && astray.contains("from the wall"), "{astray}");
    let bow_tie = room("a", 0.0).replace("[4,0],[4,4]", "[4,4],[4,0]");
    assert!(refusal(&[bow_tie]).contains("not a valid polygon"));
    let upstairs = room("a", 0.0).replace("\"floor\":0", "\"floor\":3");
    assert!(refusal(&[upstairs]).contains("floor 3 is not in floors"));
    let unknown_kind = room("a", 0.0).replace("patient", "ballroom");
    let text = refusal(&[unknown_kind]);
    assert!(text.contains("features[0]") && text.contains("ballroom"), "{text}");
}

fn with_shafts(shafts: &str) -> String {
    let lift = room("a", 0.0).replace(r#""kind":"patient""#, r#""kind":"lift","shaft":"A""#);
    let stairs = room("b", 4.0).replace(r#""kind":"patient""#, r#""kind":"stairs","shaft":"T1""#);
    file(&[lift, stairs].join(","))
        .replace(r#""features":"#, &format!(r#""shafts":[{shafts}],"features":"#))
}

#[test]
fn what_is_said_of_a_shaft_is_of_one_that_is_there_and_makes_sense() {
    let good = r#"{"id":"A","wait_s":45,"floor_s":3.5,"beds":false},{"id":"T1","floor_s":20}"#;
    let site = Site::parse(&with_shafts(good)).expect("valid");
    assert!(!site.file().shafts[0].beds && site.file().shafts[1].beds);
    for (shafts, problem) in [
        (r#"{"id":"Z"}"#, "no room belongs to it"),
        (r#"{"id":"A"},{"id":"A"}"#, "twice"),
        (r#"{"id":"A","wait_s":-1}"#, "wait_s must be"),
        (r#"{"id":"A","floor_s":601}"#, "floor_s must be"),
        (r#"{"id":"T1","wait_s":5}"#, "not of stairs"),
    ] {
        let text = Site::parse(&with_shafts(shafts)).expect_err("refused").to_string();
        assert!(text.contains("shaft") && text.contains(problem), "{text}");
    }
}

#[test]
fn a_floor_is_given_as_geojson_with_labels() {
    let site = Site::parse(&file(&room("a", 0.0))).expect("valid");
    let floor = site.floor_geojson(0).expect("floor 0");
    assert_eq!(floor["features"][0]["properties"]["label"], serde_json::json!([2.0, 2.0]));
    assert!(site.floor_geojson(7).is_none());
}

#[test]
fn a_zone_may_be_a_way_out_of_the_building() {
    let zone = |id: &str, more: &str| {
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]]]}},
            "properties":{{"feature":"zone","floor":0,"name":"{id}"{more}}}}}"#
        )
    };
    let zones = [room("a", 0.0), zone("yard", r#","exit":true"#), zone("wing", "")];
    let site = Site::parse(&file(&zones.join(","))).expect("valid");
    let exits: Vec<_> = site.zones().filter(|z| z.is_exit).map(|z| z.id.as_str()).collect();
    assert_eq!(exits, ["yard"]);
}
