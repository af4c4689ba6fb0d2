//! Scanned codes: which ids a GS1 element string may mean, or a plain id.
//!
//! A GIAI (AI 8004) is a company's prefix and its own number of the thing; a GRAI (AI 8003) is the
//! type of the thing and a serial number. A register may hold the whole of it or the own part only.

/// The separator that scanners send for FNC1.
const FNC1: char = '\u{1d}';
/// Digits of a GRAI before its serial number: a filling 0, prefix, type, check digit.
const GRAI_DIGITS: usize = 14;
/// Lengths of a GS1 company's prefix.
const PREFIX_DIGITS: std::ops::RangeInclusive<usize> = 6..=12;
/// Identifiers with a fixed number of characters behind them, which need no separator.
const FIXED: [(&str, usize); 10] = [
    ("00", 18),
    ("01", 14),
    ("02", 14),
    ("11", 6),
    ("12", 6),
    ("13", 6),
    ("15", 6),
    ("16", 6),
    ("17", 6),
    ("20", 2),
];

/// The ids that a scanned or typed code may mean, the likeliest first; the code itself is always one.
#[must_use]
pub fn ids(code: &str) -> Vec<String> {
    let code = code.trim();
    let mut ids = vec![code.to_owned()];
    match asset_number(code) {
        Some(Number::Giai(number)) => {
            ids.push(number.to_owned());
            let digits = number.chars().take_while(char::is_ascii_digit).count();
            let own = PREFIX_DIGITS.filter(|prefix| *prefix <= digits && *prefix < number.len());
            ids.extend(own.map(|prefix| number[prefix..].to_owned()));
        }
        Some(Number::Grai(number)) => {
            ids.push(number.to_owned());
            ids.push(number[1..].to_owned());
            ids.push(number[GRAI_DIGITS..].to_owned());
        }
        None => {}
    }
    ids
}

enum Number<'a> {
    Giai(&'a str),
    Grai(&'a str),
}

fn number<'a>(identifier: &str, value: &'a str) -> Option<Number<'a>> {
    let is_ascii = value.bytes().all(|b| b.is_ascii_graphic());
    match identifier {
        "8004" if is_ascii && (1..=30).contains(&value.len()) => Some(Number::Giai(value)),
        "8003"
            if is_ascii
                && (GRAI_DIGITS + 1..=GRAI_DIGITS + 16).contains(&value.len())
                && value[..GRAI_DIGITS].bytes().all(|b| b.is_ascii_digit()) =>
        {
            Some(Number::Grai(value))
        }
        _ => None,
    }
}

fn asset_number(code: &str) -> Option<Number<'_>> {
    // What kind of symbol it was: `]C1`, `]d2`, `]Q3`.
    let code = if code.starts_with(']') { code.get(3..)? } else { code };
    if let Some((_, path)) = code.split_once("://") {
        let parts: Vec<&str> = path.split(['/', '?']).collect();
        return parts.windows(2).find_map(|pair| number(pair[0], pair[1]));
    }
    if code.starts_with('(') {
        let elements = code.split('(').filter_map(|element| element.split_once(')'));
        return elements.into_iter().find_map(|(identifier, value)| {
            number(identifier, value.trim_matches(|c| c == FNC1 || c == ' '))
        });
    }
    code.split(FNC1).find_map(|mut rest| {
        while let Some((identifier, length)) = FIXED.iter().find(|(id, _)| rest.starts_with(id)) {
            rest = rest.get(identifier.len() + length..)?;
        }
        number(rest.get(..4)?, rest.get(4..)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(code: &str, id: &str) -> bool {
        ids(code).iter().any(|candidate| candidate == id)
    }

    #[test]
    fn a_giai_means_its_whole_number_or_the_hospitals_own_part() {
        for code in [
            "80045712345PUMP-0042",
            "\u{1d}80045712345PUMP-0042",
            "]C180045712345PUMP-0042",
            "]d2010571234500001580045712345PUMP-0042",
            "(8004)5712345PUMP-0042",
            "(01)05712345000015(8004)5712345PUMP-0042",
            "https://id.example.org/8004/5712345PUMP-0042",
            "1720123121ABC\u{1d}80045712345PUMP-0042",
        ] {
            assert!(means(code, "PUMP-0042"), "{code}: {:?}", ids(code));
            assert!(means(code, "5712345PUMP-0042"), "{code}");
        }
    }

    #[test]
    fn a_grai_means_its_serial_number() {
        for code in ["(8003)05712345000015SENG-0007", "800305712345000015SENG-0007"] {
            assert!(means(code, "SENG-0007"), "{code}: {:?}", ids(code));
            assert!(means(code, "5712345000015SENG-0007"), "{code}");
        }
        assert_eq!(ids("(8003)05712345000015").len(), 1, "a type is no thing");
    }

    #[test]
    fn a_plain_code_means_itself_and_nothing_breaks_the_reader() {
        assert_eq!(ids(" PUMP-0042\n"), ["PUMP-0042"]);
        for code in
            ["", "]", "]C1", "(", "(8004)", "8004", "01", "011", "8003é", "æøå", "://", "]øå"]
        {
            assert_eq!(ids(code), [code]);
        }
    }
}
