//! Steps and whole ways in Danish and English, in few words.

use super::{
    route::Route,
    steps::{Step, Turn},
};

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Danish.
    pub da: String,
    /// English.
    pub en: String,
}

impl Spoken {
    fn new(da: impl Into<String>, en: impl Into<String>) -> Self {
        Self { da: da.into(), en: en.into() }
    }
}

impl Step {
    /// In words; `label` gives what the lift's button says of a floor.
    #[must_use]
    pub fn say<'a>(&self, label: impl Fn(i16) -> Option<&'a str>) -> Spoken {
        let floor = |number| label(number).map_or_else(|| number.to_string(), str::to_owned);
        match self {
            Self::Walk { turn, metres } => {
                let metres = about(*metres);
                let (da, en) = match turn {
                    None => ("", ""),
                    Some(Turn::Ahead) => ("ligeud ", "straight on "),
                    Some(Turn::Left) => ("venstre ", "left "),
                    Some(Turn::Right) => ("højre ", "right "),
                    Some(Turn::Back) => ("tilbage ", "back "),
                };
                Spoken::new(format!("{da}{metres} m"), format!("{en}{metres} m"))
            }
            Self::Lift { name, to_floor } | Self::Stairs { name, to_floor } => {
                let floor = floor(*to_floor);
                let da = format!("{name} til etage {floor}");
                Spoken::new(da, format!("{} to floor {floor}", in_english(name)))
            }
            Self::Enter { turn, .. } => match turn {
                Turn::Ahead => Spoken::new("lige frem", "straight ahead"),
                Turn::Left => Spoken::new("på venstre hånd", "on the left"),
                Turn::Right => Spoken::new("på højre hånd", "on the right"),
                // Out of one door and in at another of the same wall.
                Turn::Back => next_door(),
            },
        }
    }
}

impl Route {
    /// The whole way on one line, as in "Lift B to floor 4, left 85 m, 2 min".
    #[must_use]
    pub fn say<'a>(&self, label: impl Fn(i16) -> Option<&'a str> + Copy) -> Spoken {
        let mut steps: Vec<Spoken> = self.steps.iter().map(|step| step.say(label)).collect();
        if steps.is_empty() {
            let doors = self.legs.windows(2).any(|pair| pair[0].room() != pair[1].room());
            steps.push(if doors { next_door() } else { Spoken::new("lige her", "right here") });
        }
        let join = |of: fn(&Spoken) -> &str| {
            let parts: Vec<&str> = steps.iter().map(of).collect();
            format!("{}, {} min", capital(&parts.join(", ")), minutes(self.walk.seconds))
        };
        Spoken { da: join(|step| &step.da), en: join(|step| &step.en) }
    }
}

/// Minutes that are surely enough: rounded up, one at least.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a way lasts minutes")]
pub fn minutes(seconds: f64) -> u32 {
    ((seconds - 1.0) / 60.0).ceil().max(1.0) as u32
}

fn next_door() -> Spoken {
    Spoken::new("lige ved siden af", "next door")
}

/// Metres as one says them: by fives, below ten by ones.
fn about(metres: f64) -> f64 {
    if metres < 10.0 { metres.round().max(1.0) } else { (metres / 5.0).round() * 5.0 }
}

/// The signs of a lift and of stairs that are Danish words; any other name is a name.
fn in_english(name: &str) -> String {
    for (danish, english) in [("Elevator ", "Lift "), ("Trappe ", "Stairs ")] {
        if let Some(rest) = name.strip_prefix(danish) {
            return format!("{english}{rest}");
        }
    }
    name.to_owned()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
