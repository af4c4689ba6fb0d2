//! Names as numbers: of classes, wards and kinds of rooms, of which there are few.

use crate::model::Name;
use std::collections::HashMap;

/// A list of names, each with its place in it.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<String>,
    numbers: HashMap<String, Name>,
}

impl Names {
    /// The number of a name, which it is given when it has none.
    pub(super) fn number(&mut self, name: &str) -> Name {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = Name::try_from(self.list.len()).unwrap_or(Name::MAX);
        self.list.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name of that number.
    pub(super) fn name(&self, number: Name) -> &str {
        self.list.get(number as usize).map_or("", String::as_str)
    }
}
