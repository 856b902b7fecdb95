//! Overlaps: of findings that share a byte, a format beats a guess, then the longer wins, then the first.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::finding::Finding;

/// The findings that win, sorted by start, none sharing a byte with another.
///
/// The best of all is kept, then the best of those apart from it, and so on: what is left out shares a byte
/// with something better that is kept. Cost O(n log n) in the number of findings.
pub(crate) fn resolve(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| {
        let best_first = |f: &Finding| (Reverse(rank(f)), f.span.start, Reverse(f.severity));
        best_first(a).cmp(&best_first(b)).then_with(|| a.rule.cmp(&b.rule))
    });
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for next in found {
        let before = kept.range(..next.span.end).next_back();
        if before.is_none_or(|(_, before)| before.span.end <= next.span.start) {
            kept.insert(next.span.start, next);
        }
    }
    kept.into_values().collect()
}

/// A URL says least: it would swallow the password in it. A format says more than a guess.
fn rank(finding: &Finding) -> (bool, bool, usize) {
    (finding.entity != "URL", !finding.is_generic(), finding.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Kind, Severity};
    use proptest::prelude::*;
    use tidegate_domain::assessment::Span;

    fn finding(rule: &'static str, start: usize, end: usize) -> Finding {
        Finding::new((rule, "SECRET"), Kind::Secret, Severity::High, Span { start, end })
    }

    fn kept(found: Vec<Finding>) -> Vec<String> {
        resolve(found).into_iter().map(|f| f.rule.into_owned()).collect()
    }

    #[test]
    fn a_format_wins_then_the_longer() {
        assert_eq!(kept(vec![finding("a", 0, 5), finding("b", 3, 12)]), ["b"]);
        assert_eq!(kept(vec![finding("generic-secret", 0, 9), finding("z", 0, 5)]), ["z"]);
        assert_eq!(kept(vec![finding("a", 0, 5), finding("b", 5, 6)]), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_sorted_and_apart(spans in prop::collection::vec((0_usize..40, 1_usize..20), 0..12)) {
            let all: Vec<_> = spans.iter().map(|&(start, bytes)| finding("a", start, start + bytes)).collect();
            let kept = resolve(all.clone());
            prop_assert!(kept.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            prop_assert_eq!(kept.is_empty(), all.is_empty());
            prop_assert!(kept.iter().all(|one| all.contains(one)));
            let apart = |a: &Finding, b: &Finding| a.span.end <= b.span.start || b.span.end <= a.span.start;
            prop_assert!(all.iter().all(|one| kept.contains(one) || kept.iter().any(|other| !apart(one, other))));
        }
    }
}
