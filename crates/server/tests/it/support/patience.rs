//! Waiting for a condition, with a deadline that only a hung server meets.

use std::time::Duration;

use tokio::time::Instant;

/// When a test gives up. Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(30);
/// What must happen "within a second", with as much again for a busy machine.
pub(crate) const A_SECOND: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks `condition` until it has an answer.
pub(crate) async fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    within(DEADLINE, what, condition).await
}

/// As [`eventually`], with a deadline that is part of the promise.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
