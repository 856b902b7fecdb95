//! What the tests of several modules share.

use tidegate_domain::assessment::Assessment;
use tidegate_domain::author::Facts;

use crate::{Settings, TextScreener};

/// What the rules alone find in a text.
pub(crate) fn found(text: &str) -> Assessment {
    let settings = Settings { learned: false, ..Settings::default() };
    TextScreener::new(&settings).expect("settings of a test").assess(text, &Facts::default())
}
