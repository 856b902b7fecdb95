//! Where sessions lie: numbers of projects and rows, so that an update needs no look-up.

use std::collections::HashMap;

/// More sessions than this are forgotten all at once; each costs about 100 bytes.
const SESSIONS_MAX: usize = 65_536;

/// A session's row, and what of it decides which indexes an update must touch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The row's number.
    pub(super) no: i64,
    /// Its stored rank.
    pub(super) rank: f64,
    /// How many patterns are stored. They only grow in number (`Session::apply`).
    pub(super) patterns: usize,
}

/// A project's number, and what is known of its sessions: a row, or that there is none.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) no: i64,
    pub(super) sessions: HashMap<Box<str>, Option<Row>>,
}

/// What the writer remembers of committed rows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) projects: HashMap<Box<str>, Project>,
}

impl Known {
    /// Forgets everything when there is too much of it. Cost O(projects).
    pub(super) fn trim(&mut self) {
        let sessions: usize = self.projects.values().map(|project| 1 + project.sessions.len()).sum();
        if sessions > SESSIONS_MAX {
            self.projects.clear();
        }
    }
}
