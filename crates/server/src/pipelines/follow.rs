//! How far everything is folded, where other processes fold.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::id::Position;
use tidegate_domain::ports::Views;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Asks `views` for the checkpoint every so often, and tells whoever watches when it moves, until `stop`.
pub async fn follow_checkpoint(
    views: Arc<dyn Views>,
    every: Duration,
    checkpoint: watch::Sender<Position>,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // A store that does not answer is seen by `/ready`, and said by whoever needs it.
        if let Ok(stored) = views.checkpoint().await {
            checkpoint.send_if_modified(|known| std::mem::replace(known, stored) != stored);
        }
    }
}
