//! V1 to V3: whole batches, kept, and of one project.

use std::collections::BTreeMap;

use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::filter::{Order, SessionQuery, SessionSort};
use tidegate_domain::id::Position;
use tidegate_domain::ports::ViewsBatch;
use tidegate_domain::time::UnixMs;

use super::story::{Fold, PROJECTS, Step, analyses, author, finding, key, step};
use super::{Fixture, Moment};

fn everything() -> SessionQuery {
    SessionQuery {
        min_risk: None,
        max_risk: None,
        patterns: Vec::new(),
        sort: SessionSort::CreatedAt,
        order: Order::Asc,
        after: None,
        limit: 1000,
        now: UnixMs(1_763_650_000_000),
    }
}

/// Steps of sessions `sessions`, each risky, one that is parked, and two analyses.
fn risky_steps(project: usize, sessions: std::ops::Range<u8>) -> Vec<Step> {
    let risky = |n| Step { finding: Some(finding(0.6, Category::Toxic, 0)), ..step(project, n) };
    let parked = Step { parked: true, ..step(project, 0) };
    let analyses = analyses(project, sessions.start, 0.4);
    sessions.map(risky).chain([parked]).chain(analyses).collect()
}

/// V1: a commit that fails half-way leaves no row, no checkpoint, and nothing that confuses the next one.
pub async fn a_failed_commit_leaves_nothing<F: Fixture>() {
    let first = risky_steps(0, 0..3);
    let lost = [risky_steps(0, 0..9), risky_steps(1, 0..9)].concat();
    // The same sessions in another order: a remembered row of the lost commit would be the wrong one.
    let second: Vec<_> = [risky_steps(1, 0..9), risky_steps(0, 0..9)].concat().into_iter().rev().collect();
    let untroubled = folded::<F>(&[&first, &second]).await.views().dump().await.expect("dump");

    for moment in [Moment::Assessment, Moment::Checkpoint] {
        let fixture = F::empty().await;
        let views = fixture.views();
        let mut fold = Fold::default();
        views.commit(&fold.batch(&first)).await.expect("commit");
        let before = views.dump().await.expect("dump");

        fixture.fail_commits(Some(moment)).await;
        assert!(views.commit(&Fold::default().batch(&lost)).await.is_err(), "the fixture makes commits fail");
        fixture.fail_commits(None).await;
        assert_eq!(views.dump().await.expect("dump"), before, "{moment:?}");
        assert_eq!(views.checkpoint().await.expect("checkpoint"), Position(6), "{moment:?}");
        assert_eq!(views.load_sessions(&[key(0, 8), key(1, 0)]).await.expect("load"), [None, None]);

        views.commit(&fold.batch(&second)).await.expect("commit");
        assert_eq!(views.dump().await.expect("dump"), untroubled, "{moment:?}");
    }
}

async fn folded<F: Fixture>(pieces: &[&[Step]]) -> F {
    let (fixture, mut fold) = (F::empty().await, Fold::default());
    for steps in pieces {
        fixture.views().commit(&fold.batch(steps)).await.expect("commit");
    }
    fixture
}

/// V1: while batches are committed, a reader sees every session of a batch or none of it.
pub async fn readers_see_whole_batches<F: Fixture>() {
    const SESSIONS: u8 = 200;
    const BATCHES: u64 = 60;
    let fixture = F::empty().await;
    let views = fixture.views();
    let steps: Vec<_> = (0..SESSIONS).map(|n| step(0, n)).collect();
    let write = async {
        let mut fold = Fold::default();
        for _ in 0..BATCHES {
            views.commit(&fold.batch(&steps)).await.expect("commit");
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        let mut last = 0;
        while last < BATCHES {
            let checkpoint = views.checkpoint().await.expect("checkpoint");
            let page = views.sessions(PROJECTS[0], &everything()).await.expect("sessions");
            let counts: Vec<_> = page.sessions.iter().map(|row| row.session.event_count).collect();
            assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "half a batch: {counts:?}");
            assert!(
                counts.is_empty() || counts.len() == usize::from(SESSIONS),
                "half a batch of new sessions"
            );
            last = counts.first().copied().unwrap_or(0);
            assert!(last * u64::from(SESSIONS) >= checkpoint.0, "the checkpoint is ahead of its rows");
        }
    };
    tokio::join!(write, read);
}

/// V2: reopened Views answer as before, and go on where they stopped.
pub async fn what_was_committed_is_there_after_reopening<F: Fixture>() {
    let fixture = F::empty().await;
    let mut fold = Fold::default();
    fixture.views().commit(&fold.batch(&risky_steps(0, 0..5))).await.expect("commit");
    fixture.views().commit(&fold.batch(&risky_steps(1, 3..9))).await.expect("commit");
    let before = fixture.views().dump().await.expect("dump");
    assert_eq!(fixture.views().sync().await.expect("sync"), Position(17));

    let fixture = fixture.reopen().await;
    let views = fixture.views();
    assert_eq!(views.sync().await.expect("sync"), Position(17), "with nothing to do, too");
    assert_eq!(views.dump().await.expect("dump"), before);
    assert_eq!(views.checkpoint().await.expect("checkpoint"), Position(17));
    views.commit(&fold.batch(&risky_steps(0, 2..7))).await.expect("commit");
    let page = views.sessions(PROJECTS[0], &everything()).await.expect("sessions");
    let counts: Vec<_> = page.sessions.iter().map(|row| row.session.event_count).collect();
    assert_eq!(counts, [1, 1, 2, 2, 2, 1, 1]);
}

/// V3: two projects with the same session ids see their own rows only; an unknown one sees none.
pub async fn no_read_returns_another_projects_row<F: Fixture>() {
    let fixture = F::empty().await;
    let views = fixture.views();
    let mut fold = Fold::default();
    let mine = fold.batch(&risky_steps(0, 0..4));
    let theirs = fold.batch(&risky_steps(1, 0..4));
    for batch in [&mine, &theirs] {
        views.commit(batch).await.expect("commit");
    }
    let all: Vec<_> = (0..20).map(Position).collect();
    let nobody = ViewsBatch::default();
    for (project, own) in [(PROJECTS[0], &mine), (PROJECTS[1], &theirs), (PROJECTS[2], &nobody)] {
        let number = PROJECTS.iter().position(|name| *name == project).expect("a project of the story");
        let page = views.sessions(project, &everything()).await.expect("sessions");
        let own_states: Vec<_> = own.sessions.iter().map(|(_, session)| session.clone()).collect();
        assert_eq!(page.sessions.into_iter().map(|row| row.session).collect::<Vec<_>>(), own_states);
        assert_eq!(page.total, own_states.len() as u64);
        let own_positions: Vec<_> = own.assessed.iter().map(|assessed| assessed.position).collect();
        let page =
            views.risky(project, None, RiskScore::ZERO, Position(0), Order::Asc, 100).await.expect("risky");
        assert_eq!((page.positions, page.next), (own_positions, None));
        let mut found: Vec<_> =
            views.assessments(project, &all).await.expect("assessments").into_values().collect();
        found.sort_by_key(|assessed| assessed.position);
        assert_eq!(found, own.assessed);
        let snapshots = views.snapshots(&key(number, 0), 100).await.expect("snapshots");
        assert_eq!(snapshots, own.snapshots);
        let cots = views.cot_analyses(project, &all).await.expect("analyses");
        assert_eq!(cots.into_values().collect::<Vec<_>>(), own.cot_analyses);
        assert_eq!(views.parked(project, Position(0), 100).await.expect("parked"), own.parked);
        let authors: Vec<_> = (0..3).map(|n| author(number, n)).collect();
        let pasts: BTreeMap<_, _> = own.authors.iter().cloned().collect();
        let expected: Vec<_> = authors.iter().map(|key| pasts.get(key).cloned()).collect();
        assert_eq!(views.load_authors(&authors).await.expect("authors"), expected);
    }
    let stranger = key(2, 0);
    assert_eq!(views.session(&stranger).await.expect("session"), None);
    assert_eq!(views.load_sessions(&[stranger]).await.expect("load"), [None]);
}

/// V4: of many snapshots of a session the newest are read, and the oldest of them comes first.
pub async fn the_newest_snapshots_come_oldest_first<F: Fixture>() {
    let fixture = F::empty().await;
    let mut steps = risky_steps(0, 0..1);
    let analysed = (1..5).flat_map(|tenths| analyses(0, 0, f64::from(tenths) / 10.0));
    steps.extend(analysed);
    let batch = Fold::default().batch(&steps);
    assert!(batch.snapshots.len() > 3, "a session with many snapshots");
    fixture.views().commit(&batch).await.expect("commit");
    for max in 1..=batch.snapshots.len() {
        let newest = &batch.snapshots[batch.snapshots.len() - max..];
        assert_eq!(fixture.views().snapshots(&key(0, 0), max).await.expect("snapshots"), newest);
    }
}
