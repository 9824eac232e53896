//! "Did you mean".

/// The candidate that is most like `word`, if one is like it at all.
///
/// Two letters out of six may differ (Damerau–Levenshtein, so swapped neighbours count once), and case, `_` and `-` do
/// not matter.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = fold(word);
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let folded = fold(candidate);
            // The distance is at least the difference in length; most candidates end here, without a table.
            if folded.len().abs_diff(word.len()) > limit {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&word, &folded);
            (distance <= limit && distance < word.chars().count()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?``
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

fn fold(word: &str) -> String {
    word.chars().take(100).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let keys = ["command", "requires", "user", "umask"];
        assert_eq!(nearest("comand", keys), Some("command"));
        assert_eq!(nearest("reqiures", keys), Some("requires"));
        assert_eq!(nearest("usr", keys), Some("user"));
        assert_eq!(nearest("USER", keys), Some("user"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
