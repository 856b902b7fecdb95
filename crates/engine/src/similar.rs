//! Similar events: of the newest events of a project, those whose text is most like another.
//!
//! There is no index of all events: the newest ones are read from the log and compared, in bounded work. What was said
//! lately is what a moderator asks for, and what a copy of a text has to be among.

use std::sync::Arc;

use tidegate_domain::assessment::Screener;
use tidegate_domain::filter::{EventCursor, EventFilter, Order};
use tidegate_domain::id::Position;
use tidegate_domain::record;

use crate::query::{FoundEvent, Query, QueryError};

/// Events read at once.
const PAGE: usize = 1000;

/// An event, and how like the text it is.
#[derive(Clone, Debug)]
pub struct SimilarEvent {
    /// The event.
    pub found: FoundEvent,
    /// Cosine of the two texts' vectors, -1..1.
    pub similarity: f64,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Like<'a> {
    /// The tenant.
    pub project: &'a str,
    /// The text.
    pub text: &'a str,
    /// The event that the text is of, which is not its own neighbour.
    pub except: Option<Position>,
    /// Only events before this position.
    pub until: Position,
    /// So many of the newest events are compared.
    pub window_events: usize,
}

/// The `k` events most like a text, the likest first; of two as like as each other, the newer first.
///
/// Cost: reads `window_events` events and compares their texts, on a thread that may block. Errors: [`QueryError`], may be
/// retried.
pub async fn nearest(
    query: &Query,
    screener: &Arc<dyn Screener>,
    like: Like<'_>,
    k: usize,
) -> Result<Vec<SimilarEvent>, QueryError> {
    let mut found = candidates(query, &like).await?;
    let (screener, text) = (Arc::clone(screener), like.text.to_owned());
    let compared = tokio::task::spawn_blocking(move || {
        let texts: Vec<_> = found.iter().map(|found| text_of(found).unwrap_or_default()).collect();
        let others: Vec<&str> = texts.iter().map(String::as_str).collect();
        let similarities = screener.similarities(&text, &others);
        let mut similar: Vec<_> = found
            .drain(..)
            .zip(similarities)
            .map(|(found, similarity)| SimilarEvent { found, similarity })
            .collect();
        similar.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        similar.truncate(k);
        similar
    });
    // A screener that panics has compared nothing.
    Ok(compared.await.unwrap_or_default())
}

/// The newest events with a text.
async fn candidates(query: &Query, like: &Like<'_>) -> Result<Vec<FoundEvent>, QueryError> {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut cursor = Some(EventCursor { order: Order::Desc, position: like.until });
    while let Some(from) = cursor
        && looked_at < like.window_events
    {
        let limit = PAGE.min(like.window_events - looked_at);
        let page = query.events(like.project, &EventFilter::default(), from, like.until, limit).await?;
        looked_at += page.events.len().max(1);
        found.extend(
            page.events.into_iter().filter(|found| {
                Some(found.stored.receipt.position) != like.except && text_of(found).is_some()
            }),
        );
        cursor = page.next;
    }
    Ok(found)
}

fn text_of(found: &FoundEvent) -> Option<String> {
    let event = record::decode(&found.stored.bytes).ok()?;
    event.content.map(std::borrow::Cow::into_owned)
}
