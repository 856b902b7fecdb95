//! Any story, committed in any batches: every read answers what the model does.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::filter::{Order, SessionQuery, SessionSort};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, SessionPage, Views};
use tidegate_domain::session::Session;

use super::model::{Model, sort_value};
use super::story::{CODES, Fold, PROJECTS, Step, any_step, author, key};
use super::{Fixture, HALF_LIFE};
use crate::property;

/// More pages than any list of a story has.
const PAGES_MAX: usize = 200;

/// What one property run asks.
#[derive(Clone, Debug)]
struct Questions {
    min_risk: Option<f64>,
    max_risk: Option<f64>,
    patterns: Vec<&'static str>,
    sort: SessionSort,
    limit: usize,
    category: Option<Category>,
    from: u64,
    desc: bool,
    /// How long after the last event the question is asked.
    wait_ms: i64,
}

fn questions() -> impl Strategy<Value = Questions> {
    let tenths = || prop::option::of((0..=10).prop_map(|n| f64::from(n) / 10.0));
    let sort = prop::sample::select(vec![
        SessionSort::RiskScore,
        SessionSort::LastActivityAt,
        SessionSort::CreatedAt,
    ]);
    let patterns = prop::sample::subsequence(
        [&CODES[..], &["policy_probing", "cot_deception", "unheard of"]].concat(),
        0..=2,
    );
    let category = prop::option::of(prop::sample::select(Category::ALL.to_vec()));
    let wait = prop_oneof![Just(0), 0..2 * HALF_LIFE.ms, 20 * HALF_LIFE.ms..30 * HALF_LIFE.ms];
    (tenths(), tenths(), patterns, sort, 1usize..4, category, 0u64..60, any::<bool>(), wait).prop_map(
        |(min_risk, max_risk, patterns, sort, limit, category, from, desc, wait_ms)| Questions {
            min_risk,
            max_risk,
            patterns,
            sort,
            limit,
            category,
            from,
            desc,
            wait_ms,
        },
    )
}

/// V1 to V4 for random stories: what is read is what was committed, page by page, in order and of one project.
pub fn every_read_agrees_with_the_model<F: Fixture>() {
    let story = prop::collection::vec(prop::collection::vec(any_step(), 0..12), 0..5);
    let asked = prop::collection::vec(questions(), 1..6);
    property::holds(48, (story, asked), async |(batches, asked): (Vec<Vec<Step>>, Vec<Questions>)| {
        let fixture = F::empty().await;
        let (mut fold, mut model) = (Fold::default(), Model::default());
        for steps in batches {
            let batch = fold.batch(&steps);
            fixture.views().commit(&batch).await.expect("commit");
            model.commit(&batch);
        }
        check_states(fixture.views(), &model).await;
        for questions in asked {
            for project in PROJECTS {
                check_sessions(fixture.views(), &model, project, &questions, &fold).await;
                check_risky(fixture.views(), &model, project, &questions).await;
                check_by_position(fixture.views(), &model, project, Position(questions.from)).await;
            }
        }
    });
}

async fn check_states(views: &dyn Views, model: &Model) {
    assert_eq!(views.checkpoint().await.expect("checkpoint"), model.checkpoint);
    let keys: Vec<_> = (0..PROJECTS.len()).flat_map(|project| (0..7).map(move |n| key(project, n))).collect();
    let expected: Vec<_> = keys.iter().map(|key| model.sessions.get(key).cloned()).collect();
    assert_eq!(views.load_sessions(&keys).await.expect("load"), expected);
    for (key, expected) in keys.iter().zip(expected) {
        assert_eq!(views.session(key).await.expect("session"), expected);
        for max in [2, 1000] {
            assert_eq!(views.snapshots(key, max).await.expect("snapshots"), model.snapshots(key, max));
        }
    }
    let keys: Vec<_> =
        (0..PROJECTS.len()).flat_map(|project| (0..5).map(move |n| author(project, n))).collect();
    let expected: Vec<_> = keys.iter().map(|key| model.authors.get(key).cloned()).collect();
    assert_eq!(views.load_authors(&keys).await.expect("load"), expected);
}

async fn check_sessions(views: &dyn Views, model: &Model, project: &str, asked: &Questions, fold: &Fold) {
    let mut query = SessionQuery {
        min_risk: asked.min_risk.map(RiskScore::saturating),
        max_risk: asked.max_risk.map(RiskScore::saturating),
        patterns: asked.patterns.iter().map(|code| (*code).to_owned()).collect(),
        sort: asked.sort,
        order: if asked.desc { Order::Desc } else { Order::Asc },
        after: None,
        limit: asked.limit,
        now: fold.now.plus_ms(asked.wait_ms),
    };
    let Some(expected) = model.matching(project, &query) else { return };
    let mut listed: Vec<(String, Session)> = Vec::new();
    for page in 0.. {
        assert!(page < PAGES_MAX, "the pages never end");
        let page: SessionPage = views.sessions(project, &query).await.expect("sessions");
        assert_eq!(page.total, expected.len() as u64, "total of {query:?}");
        assert!(page.sessions.len() == query.limit || page.next.is_none(), "only the last page is short");
        listed.extend(page.sessions.into_iter().map(|row| (row.id, row.session)));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let values: Vec<_> = listed.iter().map(|(_, session)| sort_value(session, &query)).collect();
    // Ranks are rounded at about 1e-10, so risks a hair apart may come in either order.
    let in_order =
        |pair: &[f64]| if asked.desc { pair[0] >= pair[1] - 1e-9 } else { pair[0] <= pair[1] + 1e-9 };
    assert!(values.windows(2).all(in_order), "{values:?} for {query:?}");
    assert_eq!(listed.len(), expected.len(), "each session once");
    assert_eq!(listed.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

async fn check_risky(views: &dyn Views, model: &Model, project: &str, asked: &Questions) {
    let min = RiskScore::saturating(asked.min_risk.unwrap_or_default());
    let order = if asked.desc { Order::Desc } else { Order::Asc };
    let expected = model.risky(project, asked.category, min, Position(asked.from), order);
    let (mut listed, mut from) = (Vec::new(), Some(Position(asked.from)));
    for page in 0.. {
        assert!(page < PAGES_MAX, "the pages never end");
        let Some(at) = from else { break };
        let page = views.risky(project, asked.category, min, at, order, asked.limit).await.expect("risky");
        assert!(page.positions.len() <= asked.limit);
        listed.extend(page.positions);
        from = page.next;
    }
    assert_eq!(listed, expected);
}

async fn check_by_position(views: &dyn Views, model: &Model, project: &str, from: Position) {
    let mine = |name: &str| name == project;
    let expected: HashMap<_, _> = model
        .assessed
        .iter()
        .filter(|((name, _), _)| mine(name))
        .map(|((_, at), a)| (*at, a.clone()))
        .collect();
    let positions: Vec<_> = (0..60).map(Position).collect();
    assert_eq!(views.assessments(project, &positions).await.expect("assessments"), expected);

    let cots = model.cots.iter().filter(|((name, _), _)| mine(name));
    let cots: HashMap<_, _> = cots.map(|((_, at), cot)| (*at, cot.clone())).collect();
    assert_eq!(views.cot_analyses(project, &positions).await.expect("analyses"), cots);

    for exemplar in [0, 1].map(Position) {
        let is_near = |a: &&Assessed| a.assessment.similar.iter().any(|s| s.exemplar == exemplar);
        let mut touched: Vec<_> = expected.values().filter(is_near).map(|a| a.position).collect();
        touched.retain(|at| *at >= from);
        touched.sort_unstable();
        let page = views.touched(project, exemplar, from, 2).await.expect("touched");
        assert_eq!(
            (page.positions, page.next),
            (touched.iter().copied().take(2).collect(), touched.get(2).copied())
        );
    }
    let parked =
        model.parked.iter().filter(|((name, at), _)| mine(name) && *at >= from).map(|(_, p)| p.clone());
    let expected: Vec<_> = parked.take(2).collect();
    assert_eq!(views.parked(project, from, 2).await.expect("parked"), expected);
}
