//! A Control as a set and a list, and random lives that must agree with it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tidegate_domain::ports::{Control, ControlError, KeyRecord};

use super::{Fixture, NOW, key, made, project};
use crate::property;

/// One moment in the life of a Control.
#[derive(Clone, Debug)]
enum Step {
    CreateProject(u8),
    /// A key with the id of one number, the hash of another, in a project.
    InsertKey(u8, u8, u8),
    Revoke(u8, i64),
    Expire(u8, i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (small, at) = (0..4u8, -50..50i64);
    prop_oneof![
        2 => small.clone().prop_map(Step::CreateProject),
        4 => (0..6u8, 0..6u8, small).prop_map(|(id, hash, project)| Step::InsertKey(id, hash, project)),
        2 => (0..6u8, at.clone()).prop_map(|(id, at)| Step::Revoke(id, at)),
        2 => (0..6u8, at).prop_map(|(id, at)| Step::Expire(id, at)),
        1 => Just(Step::Reopen),
    ]
}

fn name(number: u8) -> String {
    format!("p{number}")
}

#[derive(Default)]
struct Model {
    projects: BTreeSet<String>,
    keys: Vec<KeyRecord>,
}

impl Model {
    /// Does `step` in both; the answers must agree.
    async fn takes(&mut self, control: &dyn Control, step: &Step) {
        match *step {
            Step::CreateProject(number) => {
                let created = control.create_project(&project(&name(number)), NOW).await;
                let is_new = self.projects.insert(name(number));
                assert_eq!(is_new, created.is_ok(), "{created:?}");
                assert!(is_new || matches!(created, Err(ControlError::Conflict)), "{created:?}");
            }
            Step::InsertKey(id, hash, of) => {
                let new = KeyRecord { hash: [hash; 32], ..key(id, &name(of)) };
                let inserted = control.insert_key(&new).await;
                let is_taken = self.keys.iter().any(|key| key.id == new.id || key.hash == new.hash);
                let may_be = self.projects.contains(&name(of)) && !is_taken;
                assert_eq!(inserted.is_ok(), may_be, "{new:?}: {inserted:?}");
                self.keys.extend(may_be.then_some(new));
                // Keys of one moment are listed in the order of their making.
                self.keys.sort_by_key(|key| key.created_at);
            }
            Step::Revoke(id, at_ms) => {
                let (id, at) = (key(id, "p").id, NOW.plus_ms(at_ms));
                let revoked = control.revoke_key(&id, at).await.expect("revoke");
                let found = self.keys.iter_mut().find(|key| key.id == id);
                assert_eq!(revoked, found.is_some());
                found.into_iter().for_each(|key| key.revoked_at = key.revoked_at.or(Some(at)));
            }
            Step::Expire(id, at_ms) => {
                let (id, at) = (key(id, "p").id, NOW.plus_ms(at_ms));
                let expired = control.expire_key(&id, at).await.expect("expire");
                let found = self.keys.iter_mut().find(|key| key.id == id);
                assert_eq!(expired, found.is_some());
                found.into_iter().for_each(|key| key.expires_at = Some(at));
            }
            Step::Reopen => {}
        }
    }
}

/// Any life of a Control is that of a set and a list; and its version moves with every change.
pub fn any_life_follows_the_model<F: Fixture>() {
    property::holds(16, prop::collection::vec(step(), 1..30), async |steps| {
        let (mut fixture, mut model) = (F::empty().await, Model::default());
        for step in steps {
            if matches!(step, Step::Reopen) {
                fixture = fixture.reopen().await;
            }
            let control = fixture.control();
            let before =
                (control.version().await.expect("version"), model.projects.len(), model.keys.clone());
            model.takes(control, &step).await;
            let projects: Vec<_> = model.projects.iter().map(|name| made(name)).collect();
            assert_eq!(control.projects().await.expect("projects"), projects);
            assert_eq!(control.keys().await.expect("keys"), model.keys);
            let is_changed = (before.1, &before.2) != (model.projects.len(), &model.keys);
            assert!(!is_changed || control.version().await.expect("version") != before.0, "{step:?}");
        }
    });
}
