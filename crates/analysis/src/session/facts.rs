//! Facts of a session that both the score and the patterns are made of: how far each user turn goes, how that changes, who
//! refused, and what was asked again.

use super::transcript::{Piece, Voice};
use crate::model::{Heads, Lane};
use crate::text::cues::{Cue, Hit};

/// One turn of the user, and what the model answered to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Number of its piece.
    pub(crate) piece: usize,
    /// What the head of harm says, -4..4.
    pub(crate) harm: f64,
    /// The answer refuses it.
    pub(crate) refused: bool,
    /// The answer refuses it for what it asks, not for what a service can do.
    pub(crate) declined: bool,
    /// It asks again what was refused before.
    pub(crate) again: bool,
}

/// Facts of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) asked: Vec<Asked>,
    /// What the head of harm says of all that the user wrote, -4..4.
    pub(crate) whole: f64,
    /// Of the run of [`RUN`] turns for which it is highest.
    pub(crate) run: f64,
    /// How much further the second half goes than the first, on average; 0 for fewer than three turns.
    pub(crate) rise: f64,
}

/// Turns that are read together.
const RUN: usize = 3;
/// Requests this alike are the same request.
const ALIKE: f64 = 0.12;
/// A refusal stands at the beginning of an answer.
const REFUSAL_WORDS: u32 = 60;

impl Facts {
    /// Reads them off the pieces. Cost O(pieces).
    pub(crate) fn of(pieces: &[Piece<'_>], heads: &Heads) -> Self {
        let mut facts = Self::default();
        let users: Vec<usize> = (0..pieces.len()).filter(|&nth| pieces[nth].voice == Voice::User).collect();
        let (mut sums, mut last_refused): (Vec<(i32, usize)>, Option<usize>) = (Vec::new(), None);
        for (nth, &piece) in users.iter().enumerate() {
            let until = users.get(nth + 1).copied().unwrap_or(pieces.len());
            let refused = pieces[piece..until].iter().any(refuses);
            let declined = pieces[piece..until].iter().any(|piece| begins_with(piece, Cue::Decline));
            let again = last_refused.is_some_and(|before| asks_again(&pieces[before], &pieces[piece]));
            let reading = &pieces[piece].reading;
            sums.push((reading.sum(Lane::Harm, 0..reading.words.len()), reading.words.len()));
            let harm = clamp(reading.margin(heads, Lane::Harm));
            facts.asked.push(Asked { piece, harm, refused, declined, again });
            if refused {
                last_refused = Some(piece);
            }
        }
        facts.whole = together(&sums, heads);
        let runs = sums.windows(RUN.min(sums.len().max(1)));
        facts.run = runs.map(|turns| together(turns, heads)).fold(NOTHING, f64::max);
        facts.rise = rise(&facts.asked);
        facts
    }

    /// The highest margin of one turn, and the second highest.
    pub(crate) fn highest(&self) -> (f64, f64) {
        self.asked.iter().fold((NOTHING, NOTHING), |(first, second), asked| {
            if asked.harm > first { (asked.harm, first) } else { (first, second.max(asked.harm)) }
        })
    }

    /// How many requests were refused.
    pub(crate) fn refusals(&self) -> usize {
        self.asked.iter().filter(|asked| asked.refused).count()
    }

    /// How many turns ask again what had been refused.
    pub(crate) fn repeats(&self) -> usize {
        self.asked.iter().filter(|asked| asked.again).count()
    }
}

/// What the head of harm says of turns together, each its sum of weights and its words.
fn together(turns: &[(i32, usize)], heads: &Heads) -> f64 {
    let (sum, words) = turns.iter().fold((0, 0), |(sum, words), turn| (sum + turn.0, words + turn.1));
    if words == 0 { NOTHING } else { clamp(heads.margin(Lane::Harm, sum, words)) }
}

/// The margin of no text.
pub(crate) const NOTHING: f64 = -4.0;

fn clamp(margin: f64) -> f64 {
    margin.clamp(NOTHING, 4.0)
}

fn refuses(piece: &Piece<'_>) -> bool {
    begins_with(piece, Cue::Refusal) || begins_with(piece, Cue::Decline)
}

fn begins_with(piece: &Piece<'_>, cue: Cue) -> bool {
    let is_early = |hit: &Hit| hit.cue == cue && hit.first < REFUSAL_WORDS;
    piece.voice == Voice::Assistant && piece.reading.hits.iter().any(is_early)
}

/// True if a turn asks for what an earlier one was refused: alike, or insisting in so many words.
fn asks_again(before: &Piece<'_>, now: &Piece<'_>) -> bool {
    let likeness = before.sketch.likeness(&now.sketch);
    likeness >= ALIKE || (now.has(Cue::Again) && likeness >= ALIKE / 3.0)
}

/// Mean of the second half less mean of the first.
fn rise(asked: &[Asked]) -> f64 {
    if asked.len() < 3 {
        return 0.0;
    }
    let mean = |turns: &[Asked]| turns.iter().map(|turn| turn.harm).sum::<f64>() / turns.len() as f64;
    let (early, late) = asked.split_at(asked.len() / 2);
    mean(late) - mean(early)
}
