//! Where a log tells what it has appended, for those who carry records on.

use super::Stored;
use crate::id::Position;

/// Hears of each group that this process has appended, after it is durable, in order of position.
///
/// - **O1 never waits**: it keeps what it can and drops what it cannot; whoever reads from it must be able to go to the
///   log instead.
pub trait Outlet: Send + Sync {
    /// `records` are all of the positions from `from` on, without a hole.
    fn appended(&self, from: Position, records: Vec<Stored>);
}
