//! Analyses, folded: what they do to a session, and what they say of a chain of thought.

use tidegate_domain::analysis::{Analyzed, CotAnalyzedData, SessionAnalyzedData};
use tidegate_domain::ports::{CotAnalyzed, Receipt, Snapshot, ViewsBatch};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};

/// Folds an analysis, stored as `receipt` says, into `batch` and the session that it lies in, if any.
pub(super) fn fold(
    analyzed: Analyzed,
    receipt: &Receipt,
    project: &str,
    session: Option<(&SessionKey, &mut Session)>,
    half_life: HalfLife,
    batch: &mut ViewsBatch,
) {
    match analyzed {
        Analyzed::Session(data) => {
            batch.snapshots.extend(
                session.and_then(|(key, session)| fold_session(data, receipt, key, session, half_life)),
            );
        }
        Analyzed::Cot(data) => batch.cot_analyses.push(cot(data, receipt, project)),
    }
}

/// What the session's risk is after the analysis; `None` if a newer one is known already.
fn fold_session(
    data: SessionAnalyzedData,
    receipt: &Receipt,
    key: &SessionKey,
    session: &mut Session,
    half_life: HalfLife,
) -> Option<Snapshot> {
    // A session without an event is not stored: what an analysis left there would end with the batch.
    if session.event_count == 0 {
        return None;
    }
    let at = receipt.recorded_at;
    let session_risk = session.analyzed(&data, at, half_life)?;
    let analysis = data.analysis;
    Some(Snapshot {
        key: key.clone(),
        position: receipt.position,
        at,
        session_risk,
        risk_score: analysis.risk_score,
        patterns: analysis.patterns,
        explanation: analysis.explanation,
        carriers: analysis.carriers,
        until: data.until,
        model: data.model,
    })
}

fn cot(data: CotAnalyzedData, receipt: &Receipt, project: &str) -> CotAnalyzed {
    CotAnalyzed { project: project.to_owned(), at: receipt.recorded_at, data }
}
