//! Sessions for tests.

use tidegate_domain::analysis::{Turn, TurnKind};
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;

/// A turn with this text.
pub(crate) fn turn(kind: TurnKind, content: &str) -> Turn {
    Turn {
        event_id: "e".into(),
        position: Position(0),
        recorded_at: UnixMs(0),
        kind,
        content: content.into(),
        data: None,
        assessment: None,
    }
}
