//! What a reader may ask for, and the cursors of pages.

use data_encoding::BASE64URL_NOPAD;

use crate::analysis;
use crate::assessment::{Category, RiskScore};
use crate::event::Event;
use crate::id::Position;
use crate::time::UnixMs;

/// Direction of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest or smallest first.
    #[default]
    Asc,
    /// Newest or largest first.
    Desc,
}

/// Which events of a project a reader wants. `None` means any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Only this session's.
    pub session: Option<String>,
    /// Only this type.
    pub event_type: Option<String>,
    /// Only by this actor id.
    pub actor: Option<String>,
    /// Only from this source.
    pub source: Option<String>,
    /// Only with this category.
    pub category: Option<Category>,
    /// Only with at least this risk score.
    pub min_risk: Option<RiskScore>,
    /// Only that occurred after this moment.
    pub after: Option<UnixMs>,
    /// Only that occurred before this moment.
    pub before: Option<UnixMs>,
}

impl EventFilter {
    /// True if the envelope meets every condition that needs no assessment. An analysis is no event of its session: it is
    /// admitted if its type is asked for by name, and only then.
    pub fn admits_event(&self, event: &Event<'_>, recorded_at: UnixMs) -> bool {
        let occurred_at = event.occurred_at_ms.map_or(recorded_at, UnixMs);
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        (self.event_type.is_some() || !analysis::is_reserved(&event.event_type))
            && is(&self.session, event.session_id.as_deref())
            && is(&self.event_type, Some(&event.event_type))
            && is(&self.actor, event.actor.as_ref().map(|a| a.id.as_ref()))
            && is(&self.source, Some(&event.source))
            && self.after.is_none_or(|after| occurred_at > after)
            && self.before.is_none_or(|before| occurred_at < before)
    }

    /// True if an assessment of this category and risk meets the conditions on it.
    pub fn admits_assessment(&self, category: Category, risk: RiskScore) -> bool {
        self.category.is_none_or(|wanted| wanted == category) && self.min_risk.is_none_or(|min| risk >= min)
    }

    /// True if only events with a stored assessment can match, so that the list may start from those.
    pub fn wants_risk(&self) -> bool {
        self.min_risk.is_some_and(|min| min > RiskScore::ZERO)
            || self.category.is_some_and(|category| category != Category::LowRisk)
    }
}

/// Which sessions of a project a reader wants, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionQuery {
    /// Only with at least this risk now.
    pub min_risk: Option<RiskScore>,
    /// Only with at most this risk now.
    pub max_risk: Option<RiskScore>,
    /// Only with any of these patterns; empty means any session.
    pub patterns: Vec<String>,
    /// What to sort by.
    pub sort: SessionSort,
    /// Direction of the sort.
    pub order: Order,
    /// Where the page starts; `None` for the first.
    pub after: Option<SessionCursor>,
    /// Most sessions on the page, 1..=1000.
    pub limit: usize,
    /// The moment of asking: risk has decayed up to it.
    pub now: UnixMs,
}

/// What sessions can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionSort {
    /// Current risk.
    RiskScore,
    /// Latest activity.
    #[default]
    LastActivityAt,
    /// First event's recording.
    CreatedAt,
}

impl SessionSort {
    /// The name in queries and cursors.
    pub fn name(self) -> &'static str {
        match self {
            Self::RiskScore => "riskScore",
            Self::LastActivityAt => "lastActivityAt",
            Self::CreatedAt => "createdAt",
        }
    }

    /// The sort of this `name`, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::RiskScore, Self::LastActivityAt, Self::CreatedAt].into_iter().find(|s| s.name() == name)
    }
}

/// The last session of a page: its sort value and the store's number for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionCursor {
    /// The sort the page was made with; a cursor is no good for another.
    pub sort: SessionSort,
    /// Value of the sort column.
    pub value: f64,
    /// Tie-breaker.
    pub row: i64,
}

impl SessionCursor {
    /// The opaque text of this cursor.
    pub fn encode(&self) -> String {
        let text = format!("s1.{}.{:x}.{}", self.sort.name(), self.value.to_bits(), self.row);
        BASE64URL_NOPAD.encode(text.as_bytes())
    }

    /// Reads a cursor that [`SessionCursor::encode`] wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        Self::read(&decoded(text)?).filter(|cursor| cursor.encode() == text)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        (parts.next()? == "s1").then_some(())?;
        let sort = SessionSort::parse(parts.next()?)?;
        let value = f64::from_bits(u64::from_str_radix(parts.next()?, 16).ok()?);
        let row = parts.next()?.parse().ok()?;
        (parts.next().is_none() && !value.is_nan()).then_some(Self { sort, value, row })
    }
}

/// Where the next page of events starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCursor {
    /// Direction of the list.
    pub order: Order,
    /// First position that the page may hold.
    pub position: Position,
}

impl EventCursor {
    /// The opaque text of this cursor.
    pub fn encode(&self) -> String {
        let order = if self.order == Order::Asc { 'a' } else { 'd' };
        BASE64URL_NOPAD.encode(format!("e1.{order}.{}", self.position).as_bytes())
    }

    /// Reads a cursor that [`EventCursor::encode`] wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        Self::read(&decoded(text)?).filter(|cursor| cursor.encode() == text)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        (parts.next()? == "e1").then_some(())?;
        let order = match parts.next()? {
            "a" => Order::Asc,
            "d" => Order::Desc,
            _ => return None,
        };
        let position = Position(parts.next()?.parse().ok()?);
        (parts.next().is_none() && position <= Position::MAX).then_some(Self { order, position })
    }
}

/// A cursor is short; longer text is not decoded at all.
const CURSOR_MAX_BYTES: usize = 128;

fn decoded(text: &str) -> Option<String> {
    let bytes = (text.len() <= CURSOR_MAX_BYTES).then(|| BASE64URL_NOPAD.decode(text.as_bytes()).ok())??;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_come_back_as_they_went(position in 0u64..1 << 48, desc: bool, value in -1e300f64..1e300, row: i64) {
            let order = if desc { Order::Desc } else { Order::Asc };
            let event = EventCursor { order, position: Position(position) };
            prop_assert_eq!(EventCursor::decode(&event.encode()), Some(event));
            prop_assert_eq!(SessionCursor::decode(&event.encode()), None);
            for sort in [SessionSort::RiskScore, SessionSort::LastActivityAt, SessionSort::CreatedAt] {
                prop_assert_eq!(SessionSort::parse(sort.name()), Some(sort));
                let session = SessionCursor { sort, value, row };
                prop_assert_eq!(SessionCursor::decode(&session.encode()), Some(session));
                prop_assert_eq!(EventCursor::decode(&session.encode()), None);
            }
        }

        #[test]
        fn any_text_is_a_cursor_of_ours_or_none(
            text in "\\PC{0,200}", inside in "(e1|s1)\\.(a|d|riskScore)\\.[+0-9a-f]{1,17}(\\.[-+0-9]{1,4})?",
        ) {
            for text in [text.clone(), BASE64URL_NOPAD.encode(text.as_bytes()), BASE64URL_NOPAD.encode(inside.as_bytes())] {
                if let Some(cursor) = EventCursor::decode(&text) {
                    prop_assert_eq!(cursor.encode(), text.as_str());
                }
                if let Some(cursor) = SessionCursor::decode(&text) {
                    prop_assert_eq!(cursor.encode(), text.as_str());
                }
            }
        }

        #[test]
        fn a_filter_admits_what_meets_all_of_its_conditions(
            wanted in conditions(), session in prop::option::of("[ab]"), (kind, source) in ("[ab]", "[ab]"),
            actor in prop::option::of("[ab]"), occurred in prop::option::of(0i64..9), recorded in 0i64..9,
        ) {
            let event = Event {
                session_id: session.clone().map(Into::into),
                event_type: kind.clone().into(),
                source: source.clone().into(),
                actor: actor.clone().map(|id| crate::event::Reference { id: id.into(), kind: None }),
                occurred_at_ms: occurred,
                ..Event::default()
            };
            let at = UnixMs(occurred.unwrap_or(recorded));
            let met = [
                wanted.session.is_none() || wanted.session == session,
                wanted.event_type.clone().is_none_or(|wanted| wanted == kind),
                wanted.actor.is_none() || wanted.actor == actor,
                wanted.source.clone().is_none_or(|wanted| wanted == source),
                wanted.after.is_none_or(|after| at > after),
                wanted.before.is_none_or(|before| at < before),
            ];
            prop_assert_eq!(wanted.admits_event(&event, UnixMs(recorded)), met.iter().all(|met| *met));
        }

        #[test]
        fn only_a_filter_that_wants_risk_may_start_from_stored_assessments(wanted in conditions()) {
            let admits_clear = wanted.admits_assessment(Category::LowRisk, RiskScore::ZERO);
            prop_assert_eq!(wanted.wants_risk(), !admits_clear, "a clear text has no stored assessment");
        }
    }

    prop_compose! {
        fn conditions()(
            session in prop::option::of("[ab]"), event_type in prop::option::of("[ab]"),
            actor in prop::option::of("[ab]"), source in prop::option::of("[ab]"),
            category in prop::option::of(prop::sample::select(&Category::ALL[..])),
            min_risk in prop::option::of(prop_oneof![Just(0.0), 0.0f64..=1.0]),
            after in prop::option::of(0i64..9), before in prop::option::of(0i64..9),
        ) -> EventFilter {
            let min_risk = min_risk.map(RiskScore::saturating);
            let (after, before) = (after.map(UnixMs), before.map(UnixMs));
            EventFilter { session, event_type, actor, source, category, min_risk, after, before }
        }
    }

    #[test]
    fn a_filter_without_conditions_admits_everything() {
        let filter = EventFilter::default();
        assert!(filter.admits_event(&Event::default(), UnixMs(0)));
        assert!(filter.admits_assessment(Category::LowRisk, RiskScore::ZERO));
        assert!(!filter.wants_risk());
    }

    #[test]
    fn an_analysis_is_admitted_by_its_name_only() {
        let analysis = Event { event_type: "session.analyzed".into(), ..Event::default() };
        assert!(!EventFilter::default().admits_event(&analysis, UnixMs(0)));
        let by_name = EventFilter { event_type: Some("session.analyzed".into()), ..EventFilter::default() };
        assert!(by_name.admits_event(&analysis, UnixMs(0)));
    }

    #[test]
    fn an_event_without_the_wanted_field_is_not_admitted() {
        let filter = EventFilter { session: Some("s".into()), ..EventFilter::default() };
        assert!(!filter.admits_event(&Event::default(), UnixMs(0)));
        assert!(filter.admits_event(&Event { session_id: Some("s".into()), ..Event::default() }, UnixMs(0)));
    }
}
