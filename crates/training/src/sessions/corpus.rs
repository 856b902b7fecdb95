//! The labelled sessions and chains of thought, as training reads them.

use std::path::Path;

use tidegate_analysis::learn;
use tidegate_domain::analysis::{CotRequest, SessionRequest, TurnKind};

use super::request::{self, SessionScreener};
use crate::data::{self, Row};
use crate::own;
use crate::train::TrainError;

/// A set of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionSet {
    /// People who try a chat model out, and look-alikes.
    Hh,
    /// Agents whose tools returned what others wrote.
    AgentDojo,
    /// Ordinary chats.
    MtChat,
    /// Orders and support.
    Task,
    /// Agents that write code, and capture the flag.
    Code,
}

impl SessionSet {
    /// Every set.
    pub const ALL: [Self; 5] = [Self::Hh, Self::AgentDojo, Self::MtChat, Self::Task, Self::Code];

    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hh => "sessions_hh",
            Self::AgentDojo => "sessions_agentdojo",
            Self::MtChat => "sessions_mtchat",
            Self::Task => "sessions_task",
            Self::Code => "sessions_code",
        }
    }
}

/// The n-grams of a text, word by word.
#[derive(Clone, Debug, Default)]
pub(super) struct Grams {
    places: Vec<u32>,
    /// Where the n-grams of each word begin; one more than there are words.
    starts: Vec<u32>,
}

impl Grams {
    pub(super) fn of(text: &str) -> Self {
        Self::read(text, false)
    }

    /// Of a chain of thought, with runs of letters.
    pub(super) fn of_thought(text: &str) -> Self {
        Self::read(text, true)
    }

    fn read(text: &str, is_thought: bool) -> Self {
        let words = learn::words(text);
        let mut grams = Self { places: Vec::new(), starts: vec![0] };
        for nth in 0..words.len() {
            learn::grams(&words, nth, |place| grams.places.push(place));
            if is_thought {
                learn::letters(text, &words[nth], |place| grams.places.push(place));
            }
            grams.starts.push(grams.places.len() as u32);
        }
        grams
    }

    pub(super) fn words(&self) -> usize {
        self.starts.len() - 1
    }

    /// The n-grams of a stretch of words.
    pub(super) fn of_words(&self, words: &std::ops::Range<usize>) -> &[u32] {
        &self.places[self.starts[words.start] as usize..self.starts[words.end] as usize]
    }
}

/// A labelled session.
pub(super) struct Session {
    pub(super) set: SessionSet,
    pub(super) row: Row,
    pub(super) attack: bool,
    pub(super) request: SessionRequest,
    /// What the user wrote, turn by turn.
    pub(super) user: Vec<Grams>,
    /// What tools returned, with how each window looks by its cues.
    pub(super) tool: Vec<(Grams, Vec<f64>)>,
}

/// A labelled text that teaches a head.
pub(super) struct Single {
    pub(super) grams: Grams,
    pub(super) it_is: bool,
    pub(super) weight: f32,
    /// How its windows look by their cues, where windows are learnt.
    pub(super) cues: Vec<f64>,
}

/// A labelled chain of thought.
pub(super) struct Thought {
    pub(super) set: &'static str,
    pub(super) row: Row,
    pub(super) it_is: bool,
    pub(super) request: CotRequest,
    pub(super) grams: Grams,
}

/// All that is learnt from.
pub(super) struct Corpus {
    pub(super) sessions: Vec<Session>,
    /// Single requests, harmful or not.
    pub(super) requests: Vec<Single>,
    /// Single texts of tools and mails, with orders or without.
    pub(super) mails: Vec<Single>,
    pub(super) thoughts: Vec<Thought>,
}

impl Corpus {
    /// Reads every set. Errors: one is missing or broken.
    pub(super) fn read(dir: &Path) -> Result<Self, TrainError> {
        let screener = SessionScreener::new()?;
        let mut sessions = Vec::new();
        for set in SessionSet::ALL {
            let rows = data::read_set(dir, set.name())?;
            sessions.extend(rows.into_iter().map(|row| session(set, row, &screener)));
        }
        Ok(Self {
            sessions,
            requests: requests(dir)?,
            mails: mails(dir)?,
            thoughts: thoughts(dir, &screener)?,
        })
    }
}

fn session(set: SessionSet, row: Row, screener: &SessionScreener) -> Session {
    let request = request::session_request(&row, screener);
    let of_kind = |kind: TurnKind| {
        request.turns.iter().filter(move |turn| turn.kind == kind && turn.content != OMITTED)
    };
    let user = of_kind(TurnKind::User).map(|turn| Grams::of(&turn.content)).collect();
    let tool = of_kind(TurnKind::ToolResult)
        .map(|turn| (Grams::of(&turn.content), learn::orders_by_cues(&turn.content)))
        .collect();
    Session { set, attack: row.has("ATTACK"), row, request, user, tool }
}

const OMITTED: &str = "[omitted]";

/// Single requests: what asks for harm, and what only looks like it.
fn requests(dir: &Path) -> Result<Vec<Single>, TrainError> {
    let mut singles = Vec::new();
    let mut add = |text: &str, it_is: bool, weight: f32| {
        singles.push(Single { grams: Grams::of(text), it_is, weight, cues: Vec::new() });
    };
    for (set, weight) in [("harmful_intent", 0.15), ("xstest", 0.3)] {
        for row in data::read_set(dir, set)? {
            add(&row.text, row.has("HARMFUL_INTENT"), weight);
        }
    }
    for set in ["jailbreak", "injection_direct", "notinject"] {
        for row in data::read_set(dir, set)?.iter().filter(|row| row.has("BENIGN")) {
            add(&row.text, false, 0.1);
        }
    }
    for row in own::rows() {
        if row.has("HARMFUL_INTENT") || row.has("BENIGN") || row.has("HARMLESS") {
            add(&row.text, row.has("HARMFUL_INTENT"), 0.2);
        }
    }
    Ok(singles)
}

/// Texts of tools and mails.
fn mails(dir: &Path) -> Result<Vec<Single>, TrainError> {
    let rows = data::read_set(dir, "injection_indirect")?;
    let single = |row: &Row| Single {
        grams: Grams::of(&row.text),
        it_is: row.has("INJECTION"),
        weight: if row.has("INJECTION") { 0.8 } else { 0.3 },
        cues: learn::orders_by_cues(&row.text),
    };
    Ok(rows.iter().map(single).collect())
}

fn thoughts(dir: &Path, screener: &SessionScreener) -> Result<Vec<Thought>, TrainError> {
    let mut thoughts = Vec::new();
    for set in ["cot_rhw", "cot_amongus_weak"] {
        thoughts.extend(data::read_set(dir, set)?.into_iter().map(|row| Thought {
            set,
            it_is: !row.has("BENIGN"),
            request: request::cot_request(&row, screener),
            grams: Grams::of_thought(&row.text),
            row,
        }));
    }
    Ok(thoughts)
}
