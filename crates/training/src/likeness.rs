//! Likeness: which rows are near copies of each other.
//!
//! Rows are alike if they have a `group` in common, if they are the same template filled with other groups of people, if
//! most of their runs of four letters are the same (MinHash), or, for the set of contrasts, if they begin alike.
//!
//! Source: Broder (1997), On the Resemblance and Containment of Documents.

use std::collections::HashMap;

use twox_hash::XxHash3_64;

use crate::data::Row;

/// Names of the groups that templates are filled with.
const FILLERS: [&str; 22] = [
    "women",
    "woman",
    "trans",
    "gays",
    "gay",
    "lesbians",
    "blacks",
    "black",
    "disabled",
    "muslims",
    "muslim",
    "immigrants",
    "immigrant",
    "people",
    "person",
    "a",
    "an",
    "jews",
    "jewish",
    "men",
    "man",
    "islam",
];
const BANDS: usize = 8;
/// Longer bands find only copies that differ in a word or two.
const BAND_HASHES: usize = 8;
/// Sets of templates, whose rows are held back by template: shorter bands find looser likeness.
const TEMPLATE_SETS: [&str; 2] = ["hatecheck", "xstest"];
const TEMPLATE_BAND_HASHES: usize = 4;
const GRAM: usize = 4;
/// Words that contrasts have in common at their beginning.
const OPENING_WORDS: usize = 4;

/// The group of each row: rows with the same number are alike. Cost O(characters x hashes).
pub(crate) fn groups(rows: &[(&str, &Row)]) -> Vec<usize> {
    let mut union = Union::new(rows.len());
    let mut first: HashMap<(usize, u64), usize> = HashMap::new();
    for (nth, (set, row)) in rows.iter().enumerate() {
        for key in keys(set, row) {
            let other = *first.entry(key).or_insert(nth);
            union.join(other, nth);
        }
    }
    (0..rows.len()).map(|row| union.root(row)).collect()
}

/// Rows with a key in common are alike.
fn keys(set: &str, row: &Row) -> Vec<(usize, u64)> {
    let hash = |text: &str| XxHash3_64::oneshot(text.as_bytes());
    if let Some(group) = &row.group {
        return vec![(100, hash(group))];
    }
    let words: Vec<String> = row.text.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
    let template: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !FILLERS.contains(word)).collect();
    let mut keys = vec![(101, hash(&template.concat()))];
    if set == "xstest" {
        keys.push((102, hash(&words[..words.len().min(OPENING_WORDS)].join(" "))));
    }
    let width = if TEMPLATE_SETS.contains(&set) { TEMPLATE_BAND_HASHES } else { BAND_HASHES };
    keys.extend(bands(template.concat().as_bytes(), width));
    keys
}

/// Lower case, letters only.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Bands of the least hashes of all grams: texts three quarters alike nearly always share one.
fn bands(text: &[u8], width: usize) -> impl Iterator<Item = (usize, u64)> {
    let mut least = [u64::MAX; BANDS * BAND_HASHES];
    for gram in text.windows(GRAM) {
        let hash = XxHash3_64::oneshot(gram);
        for (nth, least) in least.iter_mut().enumerate() {
            let odd = (2 * nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            *least = (*least).min(hash.rotate_left(nth as u32).wrapping_mul(odd));
        }
    }
    let known = text.len() >= GRAM;
    let band =
        |(nth, band): (usize, &[u64])| (nth, band.iter().fold(0, |all: u64, one| all.rotate_left(13) ^ one));
    let bands: Vec<(usize, u64)> = least.chunks(width).take(BANDS).enumerate().map(band).collect();
    bands.into_iter().filter(move |_| known)
}

/// Sets that grow together.
struct Union(Vec<usize>);

impl Union {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    fn root(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
