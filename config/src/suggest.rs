//! "Did you mean …": the closest of the names that exist.

/// A hint that names the candidate closest to `written`, if one is close enough to be a slip.
pub(crate) fn did_you_mean<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let written = fold(written);
    let most = (written.len() / 3).max(1);
    let (_, best) = candidates
        .map(|candidate| (fold(candidate), candidate))
        .filter(|(folded, _)| folded.len().abs_diff(written.len()) <= most)
        .map(|(folded, candidate)| (distance(&written, &folded), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)?;
    Some(format!("did you mean {best}?"))
}

/// A text without what does not count: case and the kind of dash.
fn fold(text: &str) -> Vec<char> {
    text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour to get from one text to
/// the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = before_last.clone();
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row[j] = best;
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slips() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("vlan", "vlan", 0),
            ("vlna", "vlan", 1),
            ("prot", "port", 1),
            ("control_core", "control-core", 0),
            ("VLAN", "vlan", 0),
            ("gatewy", "gateway", 1),
            ("vsid", "vlan", 3),
        ] {
            assert_eq!(distance(&fold(a), &fold(b)), expected, "{a} {b}");
            assert_eq!(distance(&fold(b), &fold(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn suggests_only_what_is_close() {
        let keys = || ["name", "device", "mtu"].into_iter();
        assert_eq!(did_you_mean("devise", keys()).as_deref(), Some("did you mean device?"));
        assert_eq!(did_you_mean("mut", keys()).as_deref(), Some("did you mean mtu?"));
        assert_eq!(did_you_mean("colour", keys()), None);
    }
}
