//! A filter by current risk as a range of ranks, which an index can serve.

use crate::assessment::RiskScore;
use crate::risk::{EVIDENCE_MAX, Evidence, HalfLife, rank_of};
use crate::time::UnixMs;

/// The rank of a session without evidence: below every rank there is, and finite, so that a cursor can hold it.
pub const NO_RANK: f64 = -1e308;

/// Evidence below this counts as none (`domain::risk`, held by `the_domain_forgets_evidence_below_this`).
const EVIDENCE_MIN: f64 = 1e-6;

/// The ranks, both ends included, of sessions whose risk at `now` is at least `min` and at most `max`.
///
/// - Faded sessions have risk 0 whatever their rank: they meet every `max` and no `min` above 0.
/// - No session has more risk than [`EVIDENCE_MAX`] gives, so a `min` above that is met by none.
/// - Exact up to the rounding of a rank, about 1e-10 of the evidence, if no evidence is later than `now`.
pub fn ranks(min: Option<RiskScore>, max: Option<RiskScore>, now: UnixMs, half_life: HalfLife) -> (f64, f64) {
    let faded = rank(EVIDENCE_MIN, now, half_life);
    let highest = Evidence { amount: EVIDENCE_MAX, at: now }.risk_at(now, half_life);
    let low = match min {
        Some(min) if min > highest => f64::INFINITY,
        Some(min) => rank_of(min, now, half_life).map_or(f64::NEG_INFINITY, |rank| rank.max(faded)),
        None => f64::NEG_INFINITY,
    };
    let high = match max {
        Some(max) if max < highest => {
            let below = faded.next_down();
            rank_of(max, now, half_life).map_or(below, |rank| rank.max(below))
        }
        _ => f64::INFINITY,
    };
    (low, high)
}

fn rank(amount: f64, at: UnixMs, half_life: HalfLife) -> f64 {
    Evidence { amount, at }.rank(half_life).unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const H: HalfLife = HalfLife { ms: 3_600_000 };
    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    #[test]
    fn the_domain_forgets_evidence_below_this() {
        let risk = |amount| Evidence { amount, at: NOW }.risk_at(NOW, H);
        assert!(risk(EVIDENCE_MIN) > RiskScore::ZERO);
        assert_eq!(risk(EVIDENCE_MIN.next_down()), RiskScore::ZERO);
    }

    fn bound() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), 1e-8f64..2e-6, 0.0f64..=1.0]
    }

    proptest! {
        #[test]
        fn a_rank_is_in_range_if_the_risk_is(
            amount in prop_oneof![1e-8f64..2e-6, 1e-3f64..EVIDENCE_MAX, Just(EVIDENCE_MAX)],
            age_ms in prop_oneof![Just(0i64), 0i64..200_000_000],
            (min, max) in (prop::option::of(bound()), prop::option::of(bound())),
        ) {
            let evidence = Evidence { amount, at: NOW.plus_ms(-age_ms) };
            let left = evidence.amount * (-(age_ms as f64) / H.ms as f64).exp2();
            prop_assume!((left - EVIDENCE_MIN).abs() > 1e-14);
            let risk = evidence.risk_at(NOW, H).get();
            prop_assume!([min, max].into_iter().flatten().all(|bound| bound == 0.0 || (bound - risk).abs() > 1e-9));
            let (low, high) = ranks(min.map(RiskScore::saturating), max.map(RiskScore::saturating), NOW, H);
            let expected = min.is_none_or(|min| risk >= min) && max.is_none_or(|max| risk <= max);
            prop_assert_eq!((low..=high).contains(&rank(amount, evidence.at, H)), expected);
        }
    }
}
