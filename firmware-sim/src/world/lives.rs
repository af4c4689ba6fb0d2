//! How each class of equipment lives: how long its states last, who asks for it, what goes astray.

use super::roster::{CLASSES, Class};

/// Who asks for what is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// Patients, so often on a day and bed.
    OfPatients {
        /// Times a day for each patient.
        per_day: f64,
    },
    /// The staff, by itself, whether there are patients or not.
    OfStaff,
}

/// The life of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Life {
    /// Who asks for it; in a hospital without patients everything is asked for by the staff.
    pub demand: Demand,
    /// Mean minutes in store when the staff asks.
    pub stored_min: f64,
    /// Mean minutes in use.
    pub used_min: f64,
    /// Mean minutes until somebody cleans it.
    pub soiled_min: f64,
    /// Mean minutes of cleaning.
    pub cleaning_min: f64,
    /// How many uses of 1 end with the engineers.
    pub maintenance: f64,
    /// How many uses of 1 end in a hiding place on the ward.
    pub hoarded: f64,
    /// How many uses of 1 end where nobody looks.
    pub lost: f64,
    /// How many uses of 1 end at the patient's home.
    pub taken_home: f64,
}

impl Life {
    /// The names of the classes, and how they live unless a scenario says otherwise.
    #[must_use]
    pub fn usual() -> [(&'static str, Self); CLASSES.len()] {
        CLASSES.map(|traits| {
            let demand = match traits.class {
                Class::InfusionPump => Demand::OfPatients { per_day: 3.0 },
                Class::SyringePump => Demand::OfPatients { per_day: 1.6 },
                Class::PatientMonitor => Demand::OfPatients { per_day: 0.6 },
                Class::Ventilator => Demand::OfPatients { per_day: 0.13 },
                Class::Ultrasound => Demand::OfPatients { per_day: 0.9 },
                Class::Bed | Class::Wheelchair | Class::MobileComputer => Demand::OfStaff,
            };
            let life = Self {
                demand,
                stored_min: traits.stored_min,
                used_min: traits.used_min,
                soiled_min: 35.0,
                cleaning_min: 12.0,
                maintenance: 0.01,
                hoarded: 0.0,
                lost: 0.0,
                taken_home: 0.0,
            };
            (traits.id, life)
        })
    }
}
