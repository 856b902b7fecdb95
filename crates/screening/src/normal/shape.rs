//! Counts of characters in a text as written, before anything is folded.

/// How a text looks, whatever it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) chars: u32,
    pub(crate) letters: u32,
    pub(crate) capitals: u32,
    pub(crate) digits: u32,
    pub(crate) marks: u32,
    pub(crate) lines: u32,
    /// Characters outside ASCII.
    pub(crate) wide: u32,
    /// Letters that are not Latin.
    pub(crate) foreign: u32,
    /// Invisible and direction-changing characters.
    pub(crate) hidden: u32,
    /// Characters of programs and markup.
    pub(crate) code: u32,
}

impl Shape {
    /// More than four of five letters are capitals.
    pub(crate) fn shouts(&self) -> bool {
        self.capitals * 5 > self.letters * 4
    }

    /// The part `some` of all characters, 0..1.
    pub(crate) fn share(&self, some: u32) -> f32 {
        some as f32 / self.chars.max(1) as f32
    }
}
