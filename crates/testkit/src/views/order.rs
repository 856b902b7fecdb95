//! V4: pages neither skip nor repeat a row that did not change between them.

use std::collections::HashMap;

use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::filter::{Order, SessionQuery, SessionSort};
use tidegate_domain::id::Position;

use super::Fixture;
use super::story::{CODES, Fold, PROJECTS, Step, finding, step};

const SESSIONS: u8 = 60;
/// Sessions from here on change while pages are read.
const RESTLESS: u8 = 40;

/// V4: in every sort and order, with and without a filter, while other sessions come up, go down and are new.
pub async fn pages_hold_every_row_that_did_not_change_once<F: Fixture>() {
    for sort in [SessionSort::RiskScore, SessionSort::LastActivityAt, SessionSort::CreatedAt] {
        for order in [Order::Asc, Order::Desc] {
            for patterns in [vec![], vec![CODES[1].to_owned()]] {
                walk::<F>(sort, order, patterns).await;
            }
        }
    }
}

async fn walk<F: Fixture>(sort: SessionSort, order: Order, patterns: Vec<String>) {
    let fixture = F::empty().await;
    let views = fixture.views();
    let mut fold = Fold::default();
    let steps: Vec<_> = (0..SESSIONS).map(first_step).collect();
    views.commit(&fold.batch(&steps)).await.expect("commit");

    let expected = |n: &u8| patterns.is_empty() || first_step(*n).finding.is_some();
    let now = fold.now;
    let mut query = SessionQuery {
        min_risk: None,
        max_risk: None,
        patterns: patterns.clone(),
        sort,
        order,
        after: None,
        limit: 7,
        now,
    };
    let mut seen: HashMap<String, u32> = HashMap::new();
    for round in 0u8.. {
        let page = views.sessions(PROJECTS[0], &query).await.expect("sessions");
        page.sessions.into_iter().for_each(|row| *seen.entry(row.id).or_default() += 1);
        query.after = page.next;
        if page.next.is_none() || round > 100 {
            break;
        }
        views.commit(&fold.batch(&restless_steps(round))).await.expect("commit");
    }
    for n in (0..RESTLESS).filter(expected) {
        assert_eq!(
            seen.get(&format!("session {n}")),
            Some(&1),
            "session {n}, {sort:?} {order:?} {patterns:?}"
        );
    }
}

/// Half of the sessions have no finding, so they tie in risk; a third has the time of the one before.
fn first_step(n: u8) -> Step {
    let risk = f64::from(n % 8) / 10.0 + 0.05;
    let finding = n.is_multiple_of(2).then(|| finding(risk, Category::Toxic, 1));
    Step { wait_ms: i64::from(n % 3), finding, ..step(0, n) }
}

fn restless_steps(round: u8) -> Vec<Step> {
    let risky = Some(finding(0.5, Category::Toxic, 1));
    let up = Step { wait_ms: 1000, finding: risky.clone(), ..step(0, RESTLESS + round % 20) };
    let down = Step { delay_ms: 100_000, ..step(0, RESTLESS + (round + 7) % 20) };
    let new = Step { finding: risky, ..step(0, SESSIONS + round) };
    vec![up, down, new]
}

/// V4: risky positions in both directions, across pages, while new ones are committed and most rows do not match.
pub async fn risky_pages_hold_every_position_once<F: Fixture>() {
    let fixture = F::empty().await;
    let views = fixture.views();
    let mut fold = Fold::default();
    let steps: Vec<_> = (0..200u8).map(mostly_mild).collect();
    let batch = fold.batch(&steps);
    views.commit(&batch).await.expect("commit");
    let high = RiskScore::saturating(0.8);
    let is_high = |n: &u64| n.is_multiple_of(11);
    for (order, from) in [(Order::Asc, Position(0)), (Order::Desc, Position(199))] {
        let mut expected: Vec<_> = (0..200).filter(is_high).map(Position).collect();
        let (mut listed, mut next) = (Vec::new(), Some(from));
        while let Some(at) = next {
            let page =
                views.risky(PROJECTS[0], Some(Category::Toxic), high, at, order, 4).await.expect("risky");
            listed.extend(page.positions.into_iter().filter(|at| at.0 < 200));
            next = page.next.filter(|at| at.0 < 200);
            views.commit(&fold.batch(&[mostly_mild(0)])).await.expect("commit");
        }
        if order == Order::Desc {
            expected.reverse();
        }
        assert_eq!(listed, expected);
    }
    let none = views.risky(PROJECTS[0], Some(Category::Sexual), high, Position(0), Order::Asc, 4).await;
    assert_eq!(none.expect("risky").positions, []);
}

fn mostly_mild(n: u8) -> Step {
    let risk = if n.is_multiple_of(11) { 0.9 } else { 0.3 };
    Step { finding: Some(finding(risk, Category::Toxic, 0)), ..step(0, n % 5) }
}
