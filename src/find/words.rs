//! Words as people type them: folded for comparing, matched at their beginning, forgiven a slip.

/// Lower case, Danish letters written out, accents taken off, everything else that is no letter or
/// digit a space.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 4);
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'æ' | 'ä' => folded.push_str("ae"),
            'ø' | 'ö' => folded.push_str("oe"),
            'å' => folded.push_str("aa"),
            'é' | 'è' | 'ê' => folded.push('e'),
            'ü' => folded.push('u'),
            'ß' => folded.push_str("ss"),
            letter if letter.is_alphanumeric() => folded.push(letter),
            // A combining mark of a decomposed letter changes nothing.
            '\u{300}'..='\u{36f}' => {}
            _ if folded.ends_with(' ') || folded.is_empty() => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// True when one of the words begins with the token; all are folded.
#[must_use]
pub fn begins(words: &str, token: &str) -> bool {
    words.split(' ').any(|word| word.starts_with(token))
}

/// True when the token is one of the words but for a slip of the fingers: one letter missing, too
/// many, wrong, or two swapped; two such slips in a long word. Numbers are never guessed.
#[must_use]
pub fn nearly(words: &str, token: &str) -> bool {
    let letters = token.chars().count();
    let slips = match letters {
        0..4 => return false,
        4..8 => 1,
        _ => 2,
    };
    if token.chars().any(|c| c.is_ascii_digit()) {
        return false;
    }
    words.split(' ').any(|word| {
        let length = word.chars().count();
        // Somebody may not have typed to the end.
        let typed: String = word.chars().take(letters).collect();
        length >= 3
            && (within(token, word, slips) || (length > letters && within(token, &typed, slips)))
    })
}

/// True when at most `slips` letters must be put in, taken out, changed, or swapped with the next.
fn within(a: &str, b: &str, slips: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > slips {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let changed = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()] <= slips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn danish_letters_and_signs_fold_to_what_any_keyboard_has() {
        assert_eq!(fold("  Kørestol, Ærø-3 "), "koerestol aeroe 3");
        assert_eq!(fold("Cafe\u{301} å/Å"), "cafe aa aa");
        assert_eq!(fold(" -- "), "");
    }

    #[test]
    fn a_slip_is_forgiven_and_another_word_is_not() {
        let words = "infusion pump drop koerestol seng";
        for token in ["infusoin", "infsuion", "pumpp", "koerstol", "korestol", "infusi", "snegg"] {
            assert_eq!(nearly(words, token), token != "snegg", "{token}");
        }
        assert!(!nearly(words, "bed"), "short words are not guessed");
        assert!(!nearly("pump 42", "pump43"), "numbers are not guessed");
        assert!(!nearly(words, "zeppelin"));
    }
}
