//! Answers of models, kept by what they had read: sessions that read alike ask once (AL3).

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest, Sha256};
use tidegate_domain::analysis::{Answer, Carrier, SessionAnalysis, SessionRequest, Turn};

/// The newest answers, by digest; bounded.
pub struct AnswerCache(Mutex<LruCache<Vec<u8>, Kept>>);

/// An answer whose carriers are numbers of turns, so that it fits any session that reads alike.
#[derive(Clone)]
struct Kept {
    analysis: SessionAnalysis,
    carriers: Vec<(usize, String)>,
    model: String,
}

impl AnswerCache {
    /// Room for `max` answers, at least one.
    pub fn new(max: usize) -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(max).unwrap_or(NonZeroUsize::MIN))))
    }

    /// The answer to a request of this digest, told of `turns`; it used nothing up.
    pub(super) fn get(&self, digest: &[u8], turns: &[Turn]) -> Option<Answer<SessionAnalysis>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest)?.clone();
        let carriers = kept.carriers.into_iter().filter_map(|(number, reason)| {
            let turn = turns.get(number)?;
            Some(Carrier { event_id: turn.event_id.clone(), position: turn.position, reason })
        });
        let analysis = SessionAnalysis { carriers: carriers.collect(), ..kept.analysis };
        Some(Answer { analysis, usage: Default::default(), model: kept.model })
    }

    /// Keeps an answer.
    pub(super) fn put(&self, digest: Vec<u8>, turns: &[Turn], answer: &Answer<SessionAnalysis>) {
        let number = |carrier: &Carrier| turns.iter().position(|turn| turn.position == carrier.position);
        let carriers = answer
            .analysis
            .carriers
            .iter()
            .filter_map(|carrier| Some((number(carrier)?, carrier.reason.clone())));
        let kept = Kept {
            carriers: carriers.collect(),
            analysis: answer.analysis.clone(),
            model: answer.model.clone(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(digest, kept);
    }
}

/// Digest of all that a model sees of a request: who is asked, for whom, and each turn's kind, words and findings.
pub(super) fn digest(version: &str, request: &SessionRequest) -> Vec<u8> {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    put(version.as_bytes());
    put(request.project.as_bytes());
    put(&request.floor.get().to_le_bytes());
    for turn in &request.turns {
        put(&[turn.kind as u8]);
        put(turn.content.as_bytes());
        put(turn.data.as_deref().unwrap_or_default().as_bytes());
        put(&turn.assessment.as_ref().map_or(0.0, |a| a.risk_score.get()).to_le_bytes());
    }
    hash.finalize()[..16].to_vec()
}
