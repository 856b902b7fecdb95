//! The heads: `harm` over what users wrote, `order` over windows of what tools returned.
//!
//! Nobody says which window of an attacked session holds the order. So it is found in turns: each attacked session's window that
//! looks most like an order is taken for one, a head is trained, and the head looks again.
//!
//! Source: Andrews, Tsochantaridis, Hofmann (2002), Support Vector Machines for Multiple-Instance Learning.

use tidegate_analysis::learn::windows;
use tidegate_analysis::{Heads, Lane};

use super::corpus::{Corpus, Grams, Session, SessionSet};
use super::linear::{self, Example, Head, Recipe};

/// Trains both heads on the sessions `on`, and on the single texts.
pub(super) fn train(corpus: &Corpus, on: &[usize], seed: u64) -> Heads {
    let sessions: Vec<&Session> = on.iter().map(|&nth| &corpus.sessions[nth]).collect();
    let mut heads = Heads::default();
    set(&mut heads, Lane::Harm, &harm(corpus, &sessions, seed));
    set(&mut heads, Lane::Order, &order(corpus, &sessions, seed));
    heads
}

/// Writes a trained head into its lane.
pub(super) fn set(heads: &mut Heads, lane: Lane, head: &Head) {
    let (weights, unit) = linear::rounded(head);
    heads.table.iter_mut().zip(weights).for_each(|(row, weight)| row[lane as usize] = weight);
    heads.unit[lane as usize] = unit;
    heads.bias[lane as usize] = head.bias.into();
}

const HARM: Recipe = Recipe { passes: 12, step: 0.1, decay: 2e-5 };
const ORDER: Recipe = Recipe { passes: 5, step: 0.1, decay: 2e-5 };
const ROUNDS: usize = 3;

/// A whole text as an example.
fn of_text(grams: &Grams, it_is: bool, weight: f32) -> Example<'_> {
    let words = 0..grams.words();
    Example { words: words.len(), parts: vec![grams.of_words(&words)], it_is, weight }
}

/// Look-alikes of the same people are few, and the ones that matter.
fn weight_of(session: &Session) -> f32 {
    match (session.set, session.attack) {
        (SessionSet::Hh, false) => 4.0,
        (SessionSet::Hh, true) => 1.0,
        _ => 0.3,
    }
}

fn harm(corpus: &Corpus, sessions: &[&Session], seed: u64) -> Head {
    let mut examples: Vec<Example<'_>> = Vec::new();
    for session in sessions {
        let it_is = session.attack && session.set == SessionSet::Hh;
        let weight = weight_of(session);
        let parts = session.user.iter().map(|grams| grams.of_words(&(0..grams.words()))).collect();
        let words = session.user.iter().map(Grams::words).sum();
        examples.push(Example { parts, words, it_is, weight });
        let turns = session.user.iter().filter(|grams| grams.words() >= 4);
        examples.extend(turns.map(|grams| of_text(grams, it_is, weight * 0.05)));
    }
    examples.extend(corpus.requests.iter().map(|single| of_text(&single.grams, single.it_is, single.weight)));
    linear::train(&examples, HARM, seed)
}

/// Texts whose windows are learnt: whether one of them holds an order, and how they look by their cues.
struct Bag<'a> {
    texts: Vec<(&'a Grams, &'a [f64])>,
    it_is: bool,
    weight: f32,
}

fn order(corpus: &Corpus, sessions: &[&Session], seed: u64) -> Head {
    let of_tools = sessions.iter().filter(|session| !session.tool.is_empty()).map(|session| Bag {
        texts: session.tool.iter().map(|(grams, cues)| (grams, cues.as_slice())).collect(),
        it_is: session.attack,
        weight: 1.0,
    });
    let of_mails = corpus.mails.iter().map(|single| Bag {
        texts: vec![(&single.grams, single.cues.as_slice())],
        it_is: single.it_is,
        weight: single.weight,
    });
    let bags: Vec<Bag<'_>> = of_tools.chain(of_mails).collect();
    let mut head: Option<Head> = None;
    for round in 0..ROUNDS {
        let examples: Vec<Example<'_>> = bags.iter().flat_map(|bag| bag.examples(head.as_ref())).collect();
        head = Some(linear::train(&examples, ORDER, seed ^ round as u64));
    }
    head.unwrap_or(Head { weights: Vec::new(), bias: 0.0 })
}

impl Bag<'_> {
    /// Of a text with an order the window that looks most like one; of a text without, every window.
    fn examples(&self, head: Option<&Head>) -> Vec<Example<'_>> {
        let all = self.texts.iter().flat_map(|(grams, cues)| {
            windows(grams.words()).enumerate().map(move |(nth, words)| {
                let example = Example {
                    words: words.len(),
                    parts: vec![grams.of_words(&words)],
                    it_is: self.it_is,
                    weight: self.weight,
                };
                let looks = head
                    .map_or(cues.get(nth).copied().unwrap_or(0.0), |head| f64::from(head.margin(&example)));
                (looks, example)
            })
        });
        if !self.it_is {
            return all.map(|(_, example)| Example { weight: self.weight * 0.5, ..example }).collect();
        }
        let best = all.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.into_iter().map(|(_, example)| Example { weight: self.weight * 8.0, ..example }).collect()
    }
}
