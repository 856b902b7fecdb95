//! What of a long session goes into a prompt (J2): the newest, and the riskiest of the rest.

/// The share of a budget that one text may take, so that a flood does not push everything else out.
const TEXT_SHARE: usize = 4;
/// What a cut text has in its place, without the number.
const MARK_CHARS: usize = 40;

/// `text` in at most about `chars` characters of JSON: its beginning and its end, and how much was cut between. Attacks
/// hide at either end. Cost O(n).
pub(super) fn cut(text: &str, chars: usize) -> String {
    let mut kept = chars;
    loop {
        let cut = cut_plain(text, kept);
        // Control characters take six characters each, so three halvings are enough.
        if json_chars(&cut) <= chars || kept <= MARK_CHARS {
            return cut;
        }
        kept /= 2;
    }
}

fn json_chars(text: &str) -> usize {
    let escaped = |c: char| match c {
        '<' => 6,
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_ascii_control() => 6,
        _ => 1,
    };
    text.chars().map(escaped).sum()
}

fn cut_plain(text: &str, chars: usize) -> String {
    let count = text.chars().count();
    if count <= chars {
        return text.to_owned();
    }
    let kept = chars.saturating_sub(MARK_CHARS);
    let (head, tail) = (kept - kept / 2, kept / 2);
    let at = |index: usize| text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte);
    format!("{}[... {} characters cut ...]{}", &text[..at(head)], count - kept, &text[at(count - tail)..])
}

/// Most characters that one text may take of `budget`.
pub(super) fn text_max(budget: usize) -> usize {
    budget / TEXT_SHARE
}

/// A candidate for the prompt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Characters of its line.
    pub(super) chars: usize,
    /// What screening said, 0..=1.
    pub(super) risk: f64,
}

/// Which of `candidates`, oldest first, are kept: indices in order, together at most `budget` characters.
///
/// Half of the budget goes to the newest, the rest to the riskiest of what is left, and what then remains to the newest
/// again. At least the newest is kept if it fits. Cost O(n log n).
pub(super) fn keep(candidates: &[Candidate], budget: usize) -> Vec<usize> {
    let mut kept = vec![false; candidates.len()];
    let mut used = 0;
    let newest = || (0..candidates.len()).rev();
    let mut risky: Vec<usize> = newest().filter(|index| candidates[*index].risk > 0.0).collect();
    risky.sort_by(|a, b| candidates[*b].risk.total_cmp(&candidates[*a].risk));
    for index in newest() {
        if used > 0 && used + candidates[index].chars > budget / 2 {
            break;
        }
        take(index, candidates, budget, &mut kept, &mut used);
    }
    for index in risky.into_iter().chain(newest()) {
        take(index, candidates, budget, &mut kept, &mut used);
    }
    (0..candidates.len()).filter(|index| kept[*index]).collect()
}

fn take(index: usize, candidates: &[Candidate], budget: usize, kept: &mut [bool], used: &mut usize) {
    if !kept[index] && *used + candidates[index].chars <= budget {
        kept[index] = true;
        *used += candidates[index].chars;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(risks: &[f64]) -> Vec<Candidate> {
        risks.iter().map(|risk| Candidate { chars: 10, risk: *risk }).collect()
    }

    #[test]
    fn all_are_kept_if_they_fit() {
        assert_eq!(keep(&candidates(&[0.0; 5]), 50), [0, 1, 2, 3, 4]);
        assert_eq!(keep(&[], 50), Vec::<usize>::new());
    }

    #[test]
    fn the_newest_and_the_riskiest_are_kept() {
        let risks = [0.1, 0.9, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(keep(&candidates(&risks), 40), [1, 3, 6, 7]);
        assert_eq!(keep(&candidates(&[0.0; 8]), 40), [4, 5, 6, 7]);
    }

    #[test]
    fn a_cut_text_keeps_both_ends_and_says_how_much_is_gone() {
        let text = format!("first{}last", "ä".repeat(500));
        let cut = cut(&text, 100);
        assert!(cut.starts_with("firstä") && cut.ends_with("älast"), "{cut}");
        assert!(cut.contains("[... 449 characters cut ...]"), "{cut}");
        assert_eq!(super::cut("short", 5), "short");
    }

    proptest! {
        #[test]
        fn no_budget_is_exceeded(
            chars in prop::collection::vec((1usize..200, 0f64..1.0), 0..60),
            budget in 0usize..2000,
        ) {
            let candidates: Vec<_> = chars.iter().map(|(chars, risk)| Candidate { chars: *chars, risk: *risk }).collect();
            let kept = keep(&candidates, budget);
            prop_assert!(kept.iter().map(|index| candidates[*index].chars).sum::<usize>() <= budget);
            prop_assert!(kept.is_sorted());
            if let Some(newest) = candidates.last().filter(|newest| newest.chars <= budget) {
                prop_assert_eq!(kept.last(), Some(&(candidates.len() - 1)), "{:?}", newest);
            }
        }

        #[test]
        fn a_cut_text_is_not_longer_than_asked(text in any::<String>(), chars in 0usize..300) {
            prop_assert!(json_chars(&cut(&text, chars)) <= chars.max(MARK_CHARS * 6));
        }
    }
}
