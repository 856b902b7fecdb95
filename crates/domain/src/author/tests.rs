//! Laws of an author's past, against a list of everything they wrote.

use proptest::prelude::*;

use super::*;
use crate::assessment::{Category, RiskScore};
use crate::event::Reference;

fn assessed(is_risky: bool) -> Assessment {
    let category = if is_risky { Category::Toxic } else { Category::LowRisk };
    Assessment { category, risk_score: RiskScore::saturating(0.5), ..Assessment::default() }
}

fn message<'e>(text: &'e str, channel: &'e str) -> Event<'e> {
    let object = Reference { id: channel.into(), kind: None };
    Event { content: Some(text.into()), object: Some(object), ..Event::default() }
}

/// Counts of a list of (time, risky) within the last `n` slots.
fn listed(list: &[(i64, bool)], now: i64, slot_ms: i64, n: i64) -> (u32, u32) {
    let within = list.iter().filter(|(at, _)| now.div_euclid(slot_ms) - at.div_euclid(slot_ms) < n);
    within.fold((0, 0), |(all, risky), (_, is_risky)| (all + 1, risky + u32::from(*is_risky)))
}

proptest! {
    #[test]
    fn au1_counts_are_those_of_the_window(steps in prop::collection::vec((0i64..40_000_000, any::<bool>()), 1..60), later in 0i64..1_000_000_000) {
        let (mut past, mut list, mut now) = (AuthorPast::default(), Vec::new(), 1_700_000_000_000);
        for (passed, is_risky) in steps {
            now += passed;
            past.apply(&message("x", "c"), UnixMs(now), &assessed(is_risky));
            list.push((now, is_risky));
        }
        for now in [now, now + later] {
            let facts = past.facts(&message("x", "c"), UnixMs(now));
            prop_assert_eq!((facts.messages_hour, facts.risky_hour), listed(&list, now, SLOT_OF_HOUR_MS, 12));
            prop_assert_eq!((facts.messages_day, facts.risky_day), listed(&list, now, HOUR_MS, 24));
            prop_assert_eq!((facts.messages_week, facts.risky_week), listed(&list, now, DAY_MS, 7));
            let minute = list.iter().rev().take(AuthorPast::TIMES_MAX).filter(|(at, _)| now - at < 60_000).count();
            prop_assert_eq!(facts.messages_minute, minute as u32);
        }
    }

    #[test]
    fn au2_time_that_goes_back_loses_nothing(times in prop::collection::vec(0i64..10_000_000, 1..30)) {
        let (mut past, mut newest) = (AuthorPast::default(), 0);
        for (count, at) in times.iter().enumerate() {
            newest = newest.max(*at);
            past.apply(&message("x", "c"), UnixMs(*at), &assessed(false));
            prop_assert_eq!(past.newest(), UnixMs(newest));
            prop_assert_eq!(past.facts(&message("x", "c"), UnixMs(0)).messages_week, count as u32 + 1);
        }
    }

    #[test]
    fn au3_what_was_put_into_bytes_comes_back(steps in prop::collection::vec((0i64..400_000_000, any::<bool>(), "[ab]", "[cd]"), 0..50), cut: prop::sample::Index) {
        let (mut past, mut now) = (AuthorPast::default(), 0);
        for (passed, is_risky, text, channel) in &steps {
            now += passed;
            past.apply(&message(text, channel), UnixMs(now), &assessed(*is_risky));
        }
        let bytes = past.to_bytes();
        prop_assert!(bytes.len() <= 1000, "{}", bytes.len());
        prop_assert_eq!(AuthorPast::from_bytes(&bytes), Some(past));
        prop_assert_eq!(AuthorPast::from_bytes(&bytes[..cut.index(bytes.len())]), None);
    }

    #[test]
    fn any_bytes_are_taken_or_refused_without_panic(bytes: Vec<u8>) {
        let _ = AuthorPast::from_bytes(&bytes);
    }
}

#[test]
fn the_same_text_counts_once_for_each_other_channel_within_the_hour() {
    let mut past = AuthorPast::default();
    for (text, channel, at) in [("a", "1", 0), ("a", "2", 1), ("a", "2", 2), ("b", "3", 3), ("a", "4", 4)] {
        past.apply(&message(text, channel), UnixMs(at), &assessed(false));
    }
    let copies =
        |text: &str, channel: &str, at| past.facts(&message(text, channel), UnixMs(at)).same_text_channels;
    assert_eq!(copies("a", "5", 5), 3);
    assert_eq!(copies(" a\n", "2", 5), 2, "white space around a text does not make it another");
    assert_eq!(copies("c", "5", 5), 0);
    assert_eq!(copies("a", "5", HOUR_MS + 2), 1);
}

#[test]
fn what_the_platform_says_is_read_and_what_it_garbles_is_nothing() {
    let facts = |data: &str| {
        AuthorPast::default().facts(&Event { data: Some(data.into()), ..Event::default() }, UnixMs(0))
    };
    let known = facts(
        r#"{"account_age_days":3,"author_reputation":0.25,"user_reputation":0.9,"previous_violations":2}"#,
    );
    assert_eq!(
        (known.account_age_days, known.reputation, known.previous_violations),
        (Some(3.0), Some(0.25), Some(2))
    );
    assert_eq!(facts(r#"{"user_reputation":0.9}"#).reputation, Some(0.9));
    assert_eq!(facts(r#"{"user_reputation":"good"}"#), Facts::default());
    assert_eq!(facts(r#"{"n":1}"#), Facts::default());
}

#[test]
fn a_trend_compares_the_hour_with_the_week() {
    let facts =
        Facts { messages_hour: 4, risky_hour: 4, messages_week: 8, risky_week: 4, ..Facts::default() };
    assert_eq!(facts.escalation_trend(), 0.5);
    assert_eq!(Facts::default().escalation_trend(), 0.0);
}
