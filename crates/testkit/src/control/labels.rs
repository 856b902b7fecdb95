//! C5: labels, in any order and as often as they come.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_domain::assessment::Category;
use tidegate_domain::id::Position;
use tidegate_domain::label::{Exemplar, Label};

use super::{Fixture, NOW};
use crate::property;

fn exemplar(at: u64, project: &str) -> Exemplar {
    let is_even = at.is_multiple_of(2);
    Exemplar {
        position: Position(at),
        project: project.to_owned(),
        id: format!("id {at}"),
        category: if is_even { Category::SelfHarm } else { Category::LowRisk },
        text: format!("a \"text\", ü {at}"),
        event_id: is_even.then(|| "event".to_owned()),
        labelled_by: is_even.then(|| "ann".to_owned()),
        note: (!is_even).then(|| "why".to_owned()),
        created_at: NOW.plus_ms(at as i64),
        removed: None,
    }
}

fn any_label() -> impl Strategy<Value = Label> {
    let project = |even: bool| if even { "p" } else { "q" };
    prop_oneof![
        (0u64..6).prop_map(move |at| Label::Added(exemplar(at, project(at < 4)))),
        (0u64..6, any::<bool>(), 10u64..20).prop_map(move |(at, mine, removed)| Label::Removed {
            project: project(mine).to_owned(),
            exemplar: Position(at),
            at: Position(removed)
        }),
    ]
}

/// What `labels` leave, by position.
fn model(labels: &[Label]) -> Vec<Exemplar> {
    let mut kept = BTreeMap::new();
    for label in labels {
        if let Label::Added(exemplar) = label {
            kept.insert(exemplar.position, exemplar.clone());
        }
    }
    for label in labels {
        if let Label::Removed { project, exemplar, at } = label
            && let Some(kept) = kept.get_mut(exemplar).filter(|kept| kept.project == *project)
        {
            kept.removed = Some(kept.removed.map_or(*at, |before| before.min(*at)));
        }
    }
    kept.into_values().collect()
}

/// C5 for random labels, cut into calls and with a restart between them.
pub fn labels_in_any_order_keep_the_same_exemplars<F: Fixture>() {
    let labels = prop::collection::vec(any_label(), 0..20);
    property::holds(32, (labels, 1usize..6), async |(labels, length): (Vec<Label>, usize)| {
        let fixture = F::empty().await;
        for piece in labels.chunks(length) {
            fixture.control().put_labels(piece).await.expect("put");
        }
        let fixture = fixture.reopen().await;
        let (control, expected) = (fixture.control(), model(&labels));
        assert_eq!(control.all_exemplars().await.expect("all"), expected);
        for (project, event) in ["p", "q", "r"].into_iter().flat_map(|p| [(p, None), (p, Some("event"))]) {
            let is_wanted =
                |e: &&Exemplar| e.project == project && (event.is_none() || e.event_id.as_deref() == event);
            let mine = expected.iter().rev().filter(is_wanted).filter(|e| e.position <= Position(4));
            let mine: Vec<_> = mine.take(2).cloned().collect();
            assert_eq!(control.exemplars(project, event, Position(4), 2).await.expect("list"), mine);
        }
    });
}

/// C5 and the tenant: a removal by another project changes nothing, and no list shows another project's exemplar.
pub async fn a_label_of_another_project_is_left_alone<F: Fixture>() {
    let fixture = F::empty().await;
    let control = fixture.control();
    let before = control.version().await.expect("version");
    let theirs = Label::Removed { project: "q".to_owned(), exemplar: Position(1), at: Position(9) };
    control.put_labels(&[theirs, Label::Added(exemplar(1, "p"))]).await.expect("put");
    assert_eq!(control.exemplars("p", None, Position(u64::MAX), 10).await.expect("list"), [exemplar(1, "p")]);
    assert_eq!(control.exemplars("q", None, Position(u64::MAX), 10).await.expect("list"), []);
    assert_ne!(control.version().await.expect("version"), before, "C2");
}
