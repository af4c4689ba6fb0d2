//! What people call the classes of equipment, in Danish and English, and which do the same work.

use super::words::{begins, fold, nearly};
use crate::model::ClassId;

/// Class; what people call it; what it is for.
type Entry = (&'static str, &'static str, &'static str);

/// Words are folded: no capitals, æ, ø and å written out.
const CLASSES: [Entry; 22] = [
    (
        "infusion-pump",
        "infusionspumpe infusion pump pumpe pumper pumps drop dropstativ dropstang drip iv volumenpumpe volumetric",
        "infusion",
    ),
    (
        "syringe-pump",
        "sproejtepumpe syringe sproejte pump pumpe pumper pumps perfusor driver",
        "infusion",
    ),
    (
        "feeding-pump",
        "ernaeringspumpe ernaering sondepumpe sonde feeding enteral nutrition pump pumpe pumper pumps",
        "feeding",
    ),
    ("bed", "seng senge hospitalsseng bed beds", "lying"),
    ("stretcher", "baare baarer leje stretcher trolley gurney", "lying"),
    ("mattress", "madras madrasser mattress mattresses tryk pressure", "mattress"),
    (
        "wheelchair",
        "koerestol koerestole rullestol stol wheelchair wheelchairs chair chairs",
        "sitting",
    ),
    ("commode", "toiletstol baekkenstol stol commode toilet chair", "commode"),
    ("walker", "rollator gangstativ walker frame", "walking"),
    (
        "patient-monitor",
        "patientmonitor monitor monitorer skop overvaagning vital signs monitors",
        "monitoring",
    ),
    ("telemetry", "telemetri telemetry monitor overvaagning", "monitoring"),
    ("ventilator", "respirator respiratorer ventilator ventilators breathing", "breathing"),
    ("cpap", "cpap niv maske breathing", "breathing"),
    ("oxygen", "ilt iltapparat iltkoncentrator oxygen o2 concentrator", "oxygen"),
    ("suction", "sug suger suction aspirator", "suction"),
    (
        "ultrasound",
        "ultralyd ultralydsscanner ultralydsapparat scanner skanner ultrasound sonography",
        "imaging",
    ),
    (
        "bladder-scanner",
        "blaerescanner blaerescan scanner skanner ultralyd bladder ultrasound",
        "bladder",
    ),
    ("defibrillator", "defibrillator defib hjertestarter aed stoed shock", "defibrillation"),
    ("ecg", "ekg ecg hjerte elektrokardiograf electrocardiograph heart", "ecg"),
    ("hoist", "personloefter loefter lift hoist lifter", "lifting"),
    ("patient-lift", "personloefter loefter lift hoist lifter", "lifting"),
    ("mobile-computer", "mobil computer pc cow rullebord computers", "computing"),
];

/// Words that ask for what is free.
const FREE: [&str; 9] =
    ["ledig", "ledige", "ledigt", "fri", "frie", "frit", "free", "available", "ready"];

/// True for a folded word that asks for what is free.
#[must_use]
pub fn means_free(token: &str) -> bool {
    FREE.contains(&token)
}

fn entry(class: &str) -> Option<&'static Entry> {
    CLASSES.iter().find(|(id, _, _)| *id == class)
}

/// Folded words for a class: what people call it, or those of its id.
fn words(class: &ClassId) -> String {
    let id = fold(class.as_str());
    entry(class.as_str()).map_or_else(|| id.clone(), |(_, words, _)| format!("{id} {words}"))
}

/// True when a folded token begins a word for the class.
#[must_use]
pub fn names(class: &ClassId, token: &str) -> bool {
    begins(&words(class), token)
}

/// The same for a token with a slip in it.
#[must_use]
pub fn nearly_names(class: &ClassId, token: &str) -> bool {
    nearly(&words(class), token)
}

/// True for two classes that can stand in for each other; a porter asks before taking one.
#[must_use]
pub fn same_use(a: &ClassId, b: &ClassId) -> bool {
    let of = |class: &ClassId| entry(class.as_str()).map(|(_, _, used_for)| *used_for);
    a != b && of(a).is_some() && of(a) == of(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(id: &str) -> ClassId {
        id.parse().expect("valid")
    }

    #[test]
    fn both_languages_name_a_class_and_so_does_its_own_id() {
        for token in ["infusion", "infusionspumpe", "drip", "dropstativ", "pump", "iv"] {
            assert!(names(&class("infusion-pump"), token), "{token}");
        }
        assert!(names(&class("wheelchair"), &fold("Kørestol")) && names(&class("bed"), "seng"));
        assert!(names(&class("espresso-machine"), "machine"));
        assert!(!names(&class("bed"), "pump"));
        assert!(nearly_names(&class("wheelchair"), &fold("kørstol")));
    }

    #[test]
    fn every_word_is_folded_or_nobody_would_find_it() {
        for (id, words, _) in CLASSES {
            assert_eq!(fold(words), words, "{id}");
        }
    }

    #[test]
    fn only_what_does_the_same_work_stands_in() {
        assert!(same_use(&class("infusion-pump"), &class("syringe-pump")));
        assert!(same_use(&class("bed"), &class("stretcher")));
        assert!(!same_use(&class("bed"), &class("bed")));
        assert!(!same_use(&class("espresso-machine"), &class("kettle")));
    }
}
