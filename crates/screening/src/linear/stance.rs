//! Stance: for each sentence whom it is about, and whether it speaks well or ill of them.
//!
//! Words that judge are added up, those within reach of a negation the other way round. "No woman is inferior" and
//! "I hate women" are the same words of a list; their stances differ.

use crate::lexicon::{Classes, Tag};
use crate::normal::Word;

/// A negation turns what stands so many words after it.
const REACH_WORDS: u32 = 4;

/// What a sentence is about, as bits.
const ABOUT: [Classes; 8] = [
    Classes::GROUP,
    Classes::SLUR,
    Classes::UNPROTECTED,
    Classes::YOU,
    Classes::SELF,
    Classes::COUNTER,
    Classes::THEY,
    Classes::PERSON,
];
/// Bits of [`ABOUT`] that say who is judged.
const WHO: usize = 4;

const ILL: Classes = Classes(
    Classes::WORST.0
        | Classes::INSULT.0
        | Classes::CONTEMPT.0
        | Classes::DEHUMAN.0
        | Classes::THREAT.0
        | Classes::SLUR.0
        | Classes::HARM_VERB.0,
);

/// Calls `put` with the stance of every sentence and of the whole. Cost O(tags).
pub(super) fn visit(words: &[Word], tags: &[Tag], put: &mut impl FnMut(u64, u64, u64)) {
    let (mut whole, mut sentence) = (Stance::default(), Stance::default());
    let mut at = 0;
    // The kinds of the last tags of the sentence: its skeleton, whatever stands between.
    let (mut third, mut fourth) = (0_u64, 0_u64);
    for tag in tags {
        let opened = words[at..=tag.first as usize].iter().any(|word| word.opens);
        if opened {
            sentence.tell(40, put);
            sentence = Stance::default();
            (third, fourth) = (0, 0);
        }
        let kind = kind(tag.classes);
        if kind != 0 {
            let second = third;
            (third, fourth) = (fourth, kind);
            put(46, third << 8 | fourth, 0);
            put(47, third << 8 | fourth, second);
        }
        at = tag.first as usize + 1;
        sentence.hear(tag);
        whole.hear(tag);
    }
    sentence.tell(40, put);
    whole.tell(50, put);
}

#[derive(Default)]
struct Stance {
    about: u64,
    judgement: i32,
    ill: i32,
    good: i32,
    /// One past the last word that a negation turns.
    turned: u32,
    negated: bool,
}

impl Stance {
    fn hear(&mut self, tag: &Tag) {
        for (bit, classes) in ABOUT.into_iter().enumerate() {
            self.about |= u64::from(tag.classes.intersects(classes)) << bit;
        }
        let value = judgement(tag.classes);
        let turned = tag.first < self.turned;
        self.judgement += if turned { -value } else { value };
        self.ill += i32::from(value < 0 && !turned);
        self.good += i32::from(value > 0 && !turned);
        if tag.classes.intersects(Classes::NEGATION) {
            self.turned = tag.end + REACH_WORDS;
            self.negated = true;
        }
    }

    fn tell(&self, kind: u64, put: &mut impl FnMut(u64, u64, u64)) {
        let step = match self.judgement {
            ..=-4 => 0,
            -3..=-2 => 1,
            -1 => 2,
            0 => 3,
            1 => 4,
            2..=3 => 5,
            4.. => 6,
        };
        let who = self.about & ((1 << WHO) - 1);
        put(kind, step, 0);
        put(kind + 1, step, who);
        put(kind + 2, step, self.about);
        put(kind + 3, u64::from(self.negated) << 4 | step, who);
        put(kind + 4, (self.ill.min(3) << 2 | self.good.min(3)) as u64, who);
        for (bit, _) in ABOUT.iter().enumerate().filter(|(bit, _)| self.about >> bit & 1 == 1) {
            put(kind + 5, step, bit as u64);
        }
    }
}

/// What a word is in the skeleton of a sentence: whom or what it is about, or how it judges.
fn kind(classes: Classes) -> u64 {
    const KINDS: [Classes; 16] = [
        Classes::GROUP,
        Classes::SLUR,
        Classes::NEGATION,
        Classes::COUNTER,
        Classes::THREAT,
        Classes::YOU,
        Classes::SELF,
        Classes::UNPROTECTED,
        Classes::HARM_VERB,
        Classes::CRIME,
        Classes::PRIVATE,
        Classes::SAFE_OBJECT,
        Classes::PERSON,
        Classes::DESERVE,
        Classes::REQUEST,
        Classes::LEARNING,
    ];
    let found = KINDS.into_iter().position(|kind| classes.intersects(kind));
    match found {
        Some(place) => place as u64 + 10,
        None if judgement(classes) == 0 => 0,
        None => (judgement(classes) + 4) as u64,
    }
}

/// How a word judges, -2..2.
fn judgement(classes: Classes) -> i32 {
    if classes.intersects(ILL) {
        -2
    } else if classes.intersects(Classes::WORSE | Classes::PROFANITY | Classes::CRUDE) {
        -1
    } else if classes.intersects(Classes::BEST) {
        2
    } else {
        i32::from(classes.intersects(Classes::BETTER | Classes::POSITIVE))
    }
}
