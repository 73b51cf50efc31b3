/// The one of these that the word is a misspelling of, if any is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|candidate| (distance(word, candidate), candidate)).min_by_key(|(distance, _)| *distance);
    // A third of the letters: what is farther away was not meant.
    near.filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3).map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, replace or swap with the next one (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(letter != other);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == to[j - 1] && from[i - 1] == *other {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    // There is a row for each letter and one more, and likewise in each.
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_slip_away_is_found_and_what_is_not_meant_is_not() {
        let known = ["FAILURES", "FAILURE_RATE", "DELAY", "DELAYS", "MAX_DELAY", "JITTER", "PROBES"];
        let nearest = |word| nearest(word, known.into_iter());
        assert_eq!(nearest("FAILURE"), Some("FAILURES"));
        assert_eq!(nearest("FIALURES"), Some("FAILURES"));
        assert_eq!(nearest("failures"), None, "no letter is the same");
        assert_eq!(nearest("MAXDELAY"), Some("MAX_DELAY"));
        assert_eq!(nearest("JITER"), Some("JITTER"));
        assert_eq!(nearest("LOG_LEVEL"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("ca", "abc", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }
}
