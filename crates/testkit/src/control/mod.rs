//! Laws of [`Control`].
//!
//! An adapter gives a [`Fixture`] and lists all laws by one line: `tidegate_testkit::control_laws!(MyFixture);`.

mod labels;
mod model;

use async_trait::async_trait;
use tidegate_domain::id::ProjectId;
use tidegate_domain::ports::{Control, ControlError, KeyRecord, Project, Scope, Scopes};
use tidegate_domain::time::UnixMs;

pub use labels::{a_label_of_another_project_is_left_alone, labels_in_any_order_keep_the_same_exemplars};
pub use model::any_life_follows_the_model;

/// A Control to be tested, in a place of its own.
#[async_trait]
pub trait Fixture: Send + Sync + Sized + 'static {
    /// A Control without projects and keys.
    async fn empty() -> Self;

    /// The Control under test.
    fn control(&self) -> &dyn Control;

    /// The same store, as another process would open it.
    async fn another(&self) -> Box<dyn Control>;

    /// The same store, closed and opened again, or left behind as by a crash.
    async fn reopen(self) -> Self;
}

/// Turns each law into one named test for the adapter of one [`Fixture`].
#[macro_export]
macro_rules! control_laws {
    ($fixture:ty) => {
        $crate::control_laws!(@ $fixture;
            what_was_answered_is_there_after_reopening, any_change_changes_the_version,
            a_revoked_key_is_never_live_again, a_project_is_created_once, a_key_is_unique_and_of_a_project,
            lists_are_in_order, a_label_of_another_project_is_left_alone);
        #[test]
        fn any_life_follows_the_model() {
            $crate::control::any_life_follows_the_model::<$fixture>()
        }
        #[test]
        fn labels_in_any_order_keep_the_same_exemplars() {
            $crate::control::labels_in_any_order_keep_the_same_exemplars::<$fixture>()
        }
    };
    (@ $fixture:ty; $($law:ident),+) => {
        $(#[tokio::test] async fn $law() { $crate::control::$law::<$fixture>().await })+
    };
}

const NOW: UnixMs = UnixMs(1_763_640_000_000);

fn project(name: &str) -> ProjectId {
    name.parse().expect("a project id")
}

/// The project as every law makes it.
fn made(id: &str) -> Project {
    Project { id: project(id), created_at: NOW }
}

fn key(n: u8, project_name: &str) -> KeyRecord {
    KeyRecord {
        id: format!("key_{n}"),
        hash: [n; 32],
        project: project(project_name),
        scopes: Scopes::default().with(Scope::Ingest).with(Scope::Read),
        label: "a \"label\", ü".into(),
        created_at: NOW.plus_ms(i64::from(n)),
        expires_at: None,
        revoked_at: None,
    }
}

async fn with_key<F: Fixture>() -> F {
    let fixture = F::empty().await;
    fixture.control().create_project(&project("p"), NOW).await.expect("create");
    fixture.control().insert_key(&key(1, "p")).await.expect("insert");
    fixture
}

/// C1: projects, keys, expiries and revocations are there after reopening.
pub async fn what_was_answered_is_there_after_reopening<F: Fixture>() {
    let fixture = with_key::<F>().await;
    let control = fixture.control();
    control.insert_key(&KeyRecord { scopes: Scopes::all(), ..key(2, "p") }).await.expect("insert");
    control.insert_key(&KeyRecord { expires_at: Some(NOW), ..key(3, "p") }).await.expect("insert");
    assert!(control.expire_key("key_1", NOW.plus_ms(7)).await.expect("expire"));
    assert!(control.revoke_key("key_2", NOW.plus_ms(8)).await.expect("revoke"));

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.control().projects().await.expect("projects"), [made("p")]);
    let expected = [
        KeyRecord { expires_at: Some(NOW.plus_ms(7)), ..key(1, "p") },
        KeyRecord { scopes: Scopes::all(), revoked_at: Some(NOW.plus_ms(8)), ..key(2, "p") },
        KeyRecord { expires_at: Some(NOW), ..key(3, "p") },
    ];
    assert_eq!(fixture.control().keys().await.expect("keys"), expected);
}

/// C2: whatever changes, by this process or another, both see another version at their next call, and the change.
pub async fn any_change_changes_the_version<F: Fixture>() {
    let fixture = with_key::<F>().await;
    let (ours, theirs) = (fixture.control(), fixture.another().await);
    for change in 0..8 {
        let (by, sees) = if change % 2 == 0 { (ours, &*theirs) } else { (&*theirs, ours) };
        let before = (by.version().await.expect("version"), sees.version().await.expect("version"));
        match change / 2 {
            0 => by.create_project(&project(&format!("p{change}")), NOW).await.expect("create"),
            1 => by.insert_key(&key(10 + change, "p")).await.expect("insert"),
            2 => assert!(by.expire_key("key_1", NOW.plus_ms(i64::from(change))).await.expect("expire")),
            _ => assert!(by.revoke_key(&format!("key_{}", 6 + change), NOW).await.expect("revoke")),
        }
        assert_ne!(sees.version().await.expect("version"), before.1, "change {change}, seen by the other");
        assert_ne!(by.version().await.expect("version"), before.0, "change {change}, seen by itself");
        assert_eq!(ours.keys().await.expect("keys"), theirs.keys().await.expect("keys"));
        assert_eq!(ours.projects().await.expect("projects"), theirs.projects().await.expect("projects"));
    }
}

/// C3: neither another revocation, nor an expiry, nor a new key of its name makes a revoked key live.
pub async fn a_revoked_key_is_never_live_again<F: Fixture>() {
    let fixture = with_key::<F>().await;
    let control = fixture.control();
    assert!(control.revoke_key("key_1", NOW).await.expect("revoke"));
    assert!(control.revoke_key("key_1", NOW.plus_ms(1000)).await.expect("revoke"));
    assert!(control.revoke_key("key_1", NOW.plus_ms(-1000)).await.expect("revoke"));
    assert!(control.expire_key("key_1", UnixMs(i64::MAX)).await.expect("expire"));
    assert!(matches!(control.insert_key(&key(1, "p")).await, Err(ControlError::Conflict)));

    let fixture = fixture.reopen().await;
    let keys = fixture.control().keys().await.expect("keys");
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].revoked_at, Some(NOW), "the first revocation stays");
    assert!([0, 1, 1000, i64::MAX - NOW.0].into_iter().all(|later| !keys[0].is_live(NOW.plus_ms(later))));
}

/// C4: the second creation is a conflict, and what belongs to the project stays.
pub async fn a_project_is_created_once<F: Fixture>() {
    let fixture = with_key::<F>().await;
    let control = fixture.control();
    let again = control.create_project(&project("p"), NOW.plus_ms(5)).await;
    assert!(matches!(again, Err(ControlError::Conflict)), "{again:?}");
    let elsewhere = fixture.another().await.create_project(&project("p"), NOW.plus_ms(5)).await;
    assert!(matches!(elsewhere, Err(ControlError::Conflict)), "{elsewhere:?}");
    assert_eq!(control.projects().await.expect("projects"), [made("p")]);
    assert_eq!(control.keys().await.expect("keys"), [key(1, "p")]);
    control.create_project(&project("P"), NOW).await.expect("names differ by case");
}

/// No two keys share an id or a hash, a key needs its project, and an unknown key can be neither ended nor revoked.
pub async fn a_key_is_unique_and_of_a_project<F: Fixture>() {
    let fixture = with_key::<F>().await;
    let control = fixture.control();
    let same_hash = KeyRecord { hash: [1; 32], ..key(2, "p") };
    assert!(matches!(control.insert_key(&same_hash).await, Err(ControlError::Conflict)));
    let same_id = KeyRecord { id: "key_1".into(), ..key(2, "p") };
    assert!(matches!(control.insert_key(&same_id).await, Err(ControlError::Conflict)));
    assert!(control.insert_key(&key(2, "nowhere")).await.is_err());
    assert!(!control.revoke_key("key_9", NOW).await.expect("revoke"));
    assert!(!control.expire_key("key_9", NOW).await.expect("expire"));
    assert_eq!(control.keys().await.expect("keys"), [key(1, "p")]);
}

/// Projects are listed by name and keys oldest first, whatever the order of their making.
pub async fn lists_are_in_order<F: Fixture>() {
    let fixture = F::empty().await;
    let control = fixture.control();
    for name in ["b", "a", "c"] {
        control.create_project(&project(name), NOW).await.expect("create");
    }
    for (n, name) in [(3, "a"), (1, "c"), (2, "b")] {
        control.insert_key(&key(n, name)).await.expect("insert");
    }
    assert_eq!(control.projects().await.expect("projects"), ["a", "b", "c"].map(made));
    assert_eq!(control.keys().await.expect("keys"), [key(1, "c"), key(2, "b"), key(3, "a")]);
}
