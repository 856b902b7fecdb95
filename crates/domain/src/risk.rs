//! Session risk: how the risks of events add up, and how they fade.
//!
//! Each risky event leaves **evidence** `e = -ln(1 - r)`, where `r` is its risk score. Evidence adds up and
//! halves every half-life `h`; the risk of the session is what the evidence left says:
//!
//! ```text
//! E(t) = Σ e_i · 2^(-(t - t_i) / h)        risk(t) = 1 - exp(-E(t))
//! ```
//! - **RI1** events at one moment combine by noisy-or: `risk = 1 - Π (1 - r_i)`; one certain event is enough.
//! - **RI2** risk rises with each risky event, and between events only falls; it stays in [0, 1).
//! - **RI3** every contribution can be listed: event `i` holds the share `e_i · 2^(-(t - t_i)/h) / E(t)`.
//! - **RI4** the order of sessions by risk does not change while nothing happens, because all fade alike. So
//!   `log2(E) + t/h` ([`Evidence::rank`]) sorts sessions by current risk for ever, and an index can hold it.
//!
//! Evidence is capped at [`EVIDENCE_MAX`], so that a flood of risky events fades in a bounded time too.
//! `t` is the log's own time (`recordedAt`): a client cannot age its risk away by its clock.
//! Arithmetic is by `libm`, so the same log gives the same bytes on every machine (law 5).
//!
//! Source: noisy-or, Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 4.3.

use serde::{Deserialize, Serialize};

use crate::assessment::RiskScore;
use crate::time::UnixMs;

/// Most evidence a session can hold: a risk of 0.999.
pub const EVIDENCE_MAX: f64 = 6.907_755_278_982_137;
/// The highest risk score that counts as it is; one above it would be infinite evidence.
const RISK_MAX: f64 = 0.999;
/// Evidence below this is no evidence: risk under a millionth.
const EVIDENCE_MIN: f64 = 1e-6;
/// Evidence that is no risk, and yet sorts its session among those that had some.
const TRACE: f64 = EVIDENCE_MIN / 2.0;

/// How fast risk fades.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfLife {
    /// Time in which evidence halves, in ms; at least 1.
    pub ms: i64,
}

impl HalfLife {
    fn factor(self, elapsed_ms: i64) -> f64 {
        libm::exp2(-(elapsed_ms.max(0) as f64) / self.ms.max(1) as f64)
    }
}

/// What a session remembers of the risk it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Evidence at the moment `at`, 0..=[`EVIDENCE_MAX`].
    pub amount: f64,
    /// When it was last added to.
    pub at: UnixMs,
}

impl Evidence {
    /// The evidence one event of risk `score` leaves.
    pub fn of(score: RiskScore) -> f64 {
        -libm::log1p(-score.get().min(RISK_MAX))
    }

    /// This evidence after an event of risk `score` at `at`. Time that runs backwards counts as no time.
    #[must_use]
    pub fn add(self, score: RiskScore, at: UnixMs, half_life: HalfLife) -> Self {
        let amount = (self.amount_at(at, half_life) + Self::of(score)).min(EVIDENCE_MAX);
        Self { amount, at: self.at.max(at) }
    }

    /// This evidence after somebody who had seen `seen` of it says at `at` that it amounts to `score`: what came beside
    /// `seen` stays. Never below 0, never above the cap.
    #[must_use]
    pub fn replace(self, seen: Self, score: RiskScore, at: UnixMs, half_life: HalfLife) -> Self {
        let at = self.at.max(at);
        let beside = (self.amount_at(at, half_life) - seen.amount_at(at, half_life)).max(0.0);
        Self { amount: (beside + Self::of(score)).min(EVIDENCE_MAX), at }
    }

    /// This evidence, or `floor` where that is more.
    #[must_use]
    pub fn at_least(self, floor: Self, half_life: HalfLife) -> Self {
        let at = self.at.max(floor.at);
        Self { amount: self.amount_at(at, half_life).max(floor.amount_at(at, half_life)), at }
    }

    /// This evidence, or a trace where there is none: no risk, but a rank.
    #[must_use]
    pub fn or_trace(self) -> Self {
        Self { amount: self.amount.max(TRACE), ..self }
    }

    /// How much of it is left at `now`.
    pub fn amount_at(self, now: UnixMs, half_life: HalfLife) -> f64 {
        let left = self.amount * half_life.factor(now.0.saturating_sub(self.at.0));
        if left < EVIDENCE_MIN { 0.0 } else { left }
    }

    /// The session's risk at `now`.
    pub fn risk_at(self, now: UnixMs, half_life: HalfLife) -> RiskScore {
        RiskScore::saturating(-libm::expm1(-self.amount_at(now, half_life)))
    }

    /// A number that sorts sessions by current risk at any later moment (RI4); `None` without evidence.
    pub fn rank(self, half_life: HalfLife) -> Option<f64> {
        (self.amount > 0.0).then(|| libm::log2(self.amount) + self.at.0 as f64 / half_life.ms.max(1) as f64)
    }
}

/// The rank that a session of exactly this `risk` at `now` has: the bound for a filter by risk.
/// `None` for a risk of 0, which every session meets.
pub fn rank_of(risk: RiskScore, now: UnixMs, half_life: HalfLife) -> Option<f64> {
    Evidence { amount: Evidence::of(risk), at: now }.rank(half_life)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const H: HalfLife = HalfLife { ms: 3_600_000 };

    fn risk(value: f64) -> RiskScore {
        RiskScore::try_from(value).unwrap()
    }

    fn at(ms: i64) -> UnixMs {
        UnixMs(1_800_000_000_000 + ms)
    }

    #[test]
    fn after_one_half_life_half_the_evidence_is_left() {
        let evidence = Evidence::default().add(risk(0.75), at(0), H);
        let later = evidence.risk_at(at(H.ms), H).get();
        assert!((later - 0.5).abs() < 1e-12, "1 - sqrt(1 - 0.75) = 0.5, got {later}");
    }

    proptest! {
        /// AN2: what an analysis has seen is replaced, what came after it stays, and firm findings are its floor.
        #[test]
        fn an_analysis_replaces_what_it_has_seen(before in 0.0f64..0.9, after in 0.0f64..0.6, said in 0.0f64..0.6, firm in 0.0f64..0.9) {
            let seen = Evidence::default().add(risk(before), at(0), H);
            let now = seen.add(risk(after), at(0), H).replace(seen, risk(said), at(0), H);
            let expected = 1.0 - (1.0 - after) * (1.0 - said);
            prop_assert!((now.risk_at(at(0), H).get() - expected).abs() < 1e-6);
            let floor = Evidence::default().add(risk(firm), at(0), H);
            let held = now.at_least(floor, H).risk_at(at(0), H).get();
            prop_assert!((held - expected.max(firm)).abs() < 1e-6);
        }

        #[test]
        fn events_at_one_moment_combine_by_noisy_or(scores in prop::collection::vec(0.0f64..0.6, 0..6)) {
            let evidence = scores.iter().fold(Evidence::default(), |e, s| e.add(risk(*s), at(0), H));
            let expected = 1.0 - scores.iter().map(|s| 1.0 - s).product::<f64>();
            prop_assert!((evidence.risk_at(at(0), H).get() - expected).abs() < 1e-6);
        }

        #[test]
        fn risk_rises_with_an_event_and_falls_with_time(
            first in 0.01f64..1.0, second in 0.01f64..1.0, wait in -10_000_000i64..10_000_000, later in 1i64..100_000_000,
        ) {
            let one = Evidence::default().add(risk(first), at(0), H);
            let two = one.add(risk(second), at(wait), H);
            prop_assert!(two.risk_at(at(wait), H) >= one.risk_at(at(wait), H));
            prop_assert!(two.risk_at(at(wait.max(0) + later), H) <= two.risk_at(at(wait.max(0)), H));
            prop_assert!(two.risk_at(at(wait), H).get() < 1.0);
        }

        /// A clock that jumps by days and years neither grows risk nor makes it anything but a risk.
        #[test]
        fn a_clock_that_jumps_only_adds_what_events_add(
            steps in prop::collection::vec((0.0f64..=1.0, -400i64..400), 1..30), asked_days in -400i64..4000,
        ) {
            const DAY_MS: i64 = 86_400_000;
            let (mut evidence, mut now, mut most) = (Evidence::default(), 0, 0.0);
            for (score, days) in steps {
                now += days * DAY_MS;
                evidence = evidence.add(risk(score), at(now), H);
                most += Evidence::of(risk(score));
                prop_assert!((0.0..=EVIDENCE_MAX).contains(&evidence.amount), "{evidence:?}");
                prop_assert!(evidence.amount <= most + 1e-9, "no more than all events left");
                let asked = evidence.risk_at(at(now + asked_days * DAY_MS), H).get();
                prop_assert!((0.0..1.0).contains(&asked), "{asked}");
                prop_assert!(asked <= -libm::expm1(-evidence.amount) + 1e-9, "asking never makes it grow");
            }
        }

        #[test]
        fn the_rank_sorts_by_current_risk_at_any_later_moment(
            a in (0.01f64..0.99, 0i64..50_000_000), b in (0.01f64..0.99, 0i64..50_000_000), wait in 0i64..20_000_000,
        ) {
            let session = |(score, t)| Evidence::default().add(risk(score), at(t), H);
            let now = at(a.1.max(b.1) + wait);
            let (x, y) = (session(a), session(b));
            let (left, right) = (x.amount_at(now, H), y.amount_at(now, H));
            prop_assume!((left - right).abs() > 1e-5);
            prop_assert_eq!(x.rank(H) > y.rank(H), left > right);
        }

        #[test]
        fn a_bound_by_rank_is_a_bound_by_risk(score in 0.01f64..0.99, bound in 0.01f64..0.98, wait in 0i64..20_000_000) {
            let evidence = Evidence::default().add(risk(score), at(0), H);
            let current = evidence.risk_at(at(wait), H).get();
            prop_assume!((current - bound).abs() > 1e-6);
            prop_assert_eq!(evidence.rank(H) >= rank_of(risk(bound), at(wait), H), current >= bound);
        }

        #[test]
        fn after_whole_half_lives_the_evidence_is_halved_as_often(score in 0.1f64..0.99, half_lives in 0i32..12, ms in 1i64..1 << 40) {
            let half_life = HalfLife { ms };
            let evidence = Evidence::default().add(risk(score), at(0), half_life);
            let left = evidence.amount_at(at(ms * i64::from(half_lives)), half_life);
            prop_assert!((left - evidence.amount * 0.5f64.powi(half_lives)).abs() < 1e-12);
        }

        #[test]
        fn the_shares_of_all_events_make_the_whole(events in prop::collection::vec((0.05f64..0.4, 0i64..5_000_000), 1..8)) {
            let mut events = events;
            events.sort_by_key(|(_, t)| *t);
            let all = events.iter().fold(Evidence::default(), |e, (s, t)| e.add(risk(*s), at(*t), H));
            prop_assume!(all.amount < EVIDENCE_MAX);
            let left = |(s, t): &(f64, i64)| Evidence { amount: Evidence::of(risk(*s)), at: at(*t) }.amount_at(all.at, H);
            prop_assert!((events.iter().map(left).sum::<f64>() - all.amount).abs() < 1e-5);
        }

        #[test]
        fn whatever_happens_risk_stays_a_risk_and_time_does_not_go_back(
            events in prop::collection::vec((0.0f64..=1.0, any::<i64>()), 0..20), now: i64, ms: i64,
        ) {
            let half_life = HalfLife { ms };
            let mut evidence = Evidence::default();
            for (score, t) in events {
                let next = evidence.add(risk(score), UnixMs(t), half_life);
                prop_assert!(next.at >= evidence.at && (0.0..=EVIDENCE_MAX).contains(&next.amount));
                evidence = next;
            }
            prop_assert!(evidence.risk_at(UnixMs(now), half_life).get() < 1.0);
            prop_assert!(evidence.rank(half_life).is_none_or(f64::is_finite));
        }
    }
}
