//! The pipeline over a log that one process holds.

use std::sync::Arc;

use tidegate_domain::ports::{EventLog, Views, ViewsError};
use tidegate_engine::pipeline::{Pipeline, WholeLog};

use super::Folding;

/// A pipeline over all of `log`.
pub async fn open(
    log: Arc<dyn EventLog>,
    views: Arc<dyn Views>,
    folding: &Folding,
) -> Result<Pipeline, ViewsError> {
    Pipeline::open(folding.parts(Arc::new(WholeLog(log)), views)).await
}
