//! Classes of words: what a word is good for, as a set of bits.

use std::ops::{BitOr, BitOrAssign};

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes(pub(crate) u64);

macro_rules! classes {
    ($($bit:literal $constant:ident $name:literal,)+) => {
        impl Classes {
            $(pub(crate) const $constant: Self = Self(1 << $bit);)+

            /// The class of this name in a list of words.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$constant),)+
                    _ => None,
                }
            }
        }
    };
}

classes! {
    0 INSULT "insult",
    1 PROFANITY "profanity",
    2 SLUR "slur",
    3 CONTEMPT "contempt",
    4 DEHUMAN "dehuman",
    5 THREAT "threat",
    6 HARM_VERB "harmverb",
    7 VIOLENCE "violence",
    8 SEXUAL "sexual",
    9 SELF_HARM "selfharm",
    10 YOU "you",
    11 THEY "they",
    12 SELF "self",
    13 PERSON "person",
    14 WOMEN "women",
    15 IDENTITY "identity",
    16 UNPROTECTED "unprotected",
    17 NEGATION "negation",
    18 POSITIVE "positive",
    19 COUNTER "counter",
    20 QUOTING "quoting",
    21 INTENSIFIER "intensifier",
    22 DESERVE "deserve",
    23 OVERRIDE "override",
    24 INSTRUCTION "instruction",
    25 REVEAL "reveal",
    26 PERSONA "persona",
    27 UNLIMITED "unlimited",
    28 AI "ai",
    29 CRIME "crime",
    30 WEAPON "weapon",
    31 DRUG "drug",
    32 SAFE_OBJECT "safeobject",
    33 FICTION "fiction",
    34 LEARNING "learning",
    35 REQUEST "request",
    36 PRIVATE "private",
    37 DOXX "doxx",
    38 SPAM_CUE "spamcue",
    39 MONEY "money",
    40 OWN_OFFENSIVE "own offensive",
    41 OWN_TARGETING "own targeting",
    42 WORST "worst",
    43 WORSE "worse",
    44 BETTER "better",
    45 BEST "best",
    46 CRUDE "crude",
}

impl Classes {
    pub(crate) const NONE: Self = Self(0);
    /// Classes of words that people disguise.
    pub(crate) const ABUSIVE: Self =
        Self(Self::INSULT.0 | Self::PROFANITY.0 | Self::SLUR.0 | Self::SEXUAL.0 | Self::OWN_OFFENSIVE.0);
    /// Classes of people.
    pub(crate) const GROUP: Self = Self(Self::IDENTITY.0 | Self::WOMEN.0);
    /// How many classes there are.
    pub(crate) const COUNT: u32 = 47;

    pub(crate) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the classes in the set, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = (rest != 0).then(|| rest.trailing_zeros());
            rest &= rest.wrapping_sub(1);
            lowest
        })
    }
}

impl BitOr for Classes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Classes {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
