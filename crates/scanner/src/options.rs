//! Options of a scanner: which families look, how much a finding must matter, and a project's own patterns.

use regex_automata::meta::Regex;

use crate::finding::{Kind, Severity};

/// What a scanner looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Families that look at the text.
    pub families: Vec<Kind>,
    /// Findings below this are left out.
    pub severity_floor: Severity,
    /// Patterns of the project's own, at most [`Options::PATTERNS_MAX`].
    pub patterns: Vec<Pattern>,
}

impl Options {
    /// Most patterns of a project's own.
    pub const PATTERNS_MAX: usize = 64;
}

impl Default for Options {
    fn default() -> Self {
        Self { families: Kind::ALL.to_vec(), severity_floor: Severity::Low, patterns: Vec::new() }
    }
}

/// A project's own pattern: what only this project knows to be sensitive, such as its order numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Name, shown as the rule and the entity of its findings; 1..=[`Pattern::NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// Regular expression in the syntax of the `regex` crate, at most [`Pattern::REGEX_BYTES_MAX`] bytes; what
    /// it matches must have a longest length of at most [`Pattern::MATCH_BYTES_MAX`] bytes, and not be empty.
    pub regex: String,
    /// Family of its findings.
    pub kind: Kind,
    /// How much its findings matter.
    pub severity: Severity,
}

impl Pattern {
    /// Longest name.
    pub const NAME_BYTES_MAX: usize = 64;
    /// Longest expression.
    pub const REGEX_BYTES_MAX: usize = 1_000;
    /// Longest match that an expression may have: keeps repeated searches linear.
    pub const MATCH_BYTES_MAX: usize = 4_096;
    /// Largest compiled automaton.
    const AUTOMATON_BYTES_MAX: usize = 1 << 20;

    pub(crate) fn compile(&self) -> Result<Regex, OptionsError> {
        let name = || self.name.clone();
        if self.name.is_empty() || self.name.len() > Self::NAME_BYTES_MAX {
            return Err(OptionsError::Name { name: name(), bytes: self.name.len() });
        }
        if self.regex.len() > Self::REGEX_BYTES_MAX {
            return Err(OptionsError::TooLong { name: name(), bytes: self.regex.len() });
        }
        let hir = regex_syntax::Parser::new()
            .parse(&self.regex)
            .map_err(|source| OptionsError::Syntax { name: name(), source: Box::new(source) })?;
        let shape = hir.properties();
        if shape.minimum_len().unwrap_or(0) == 0 {
            return Err(OptionsError::MatchesNothing { name: name() });
        }
        if shape.maximum_len().is_none_or(|longest| longest > Self::MATCH_BYTES_MAX) {
            return Err(OptionsError::Unbounded { name: name() });
        }
        let config = Regex::config().nfa_size_limit(Some(Self::AUTOMATON_BYTES_MAX));
        Regex::builder()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|source| OptionsError::TooLarge { name: name(), source: Box::new(source) })
    }
}

/// Why options are refused. Configuration errors: never retried.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// More than [`Options::PATTERNS_MAX`] patterns.
    #[error("{count} own patterns, at most {} are allowed", Options::PATTERNS_MAX)]
    TooMany {
        /// How many were given.
        count: usize,
    },
    /// A name that is empty or too long.
    #[error("pattern `{name}`: the name has {bytes} bytes, 1 to {} are allowed", Pattern::NAME_BYTES_MAX)]
    Name {
        /// Name of the pattern.
        name: String,
        /// Length of the name.
        bytes: usize,
    },
    /// An expression that is too long.
    #[error(
        "pattern `{name}`: the expression has {bytes} bytes, at most {} are allowed",
        Pattern::REGEX_BYTES_MAX
    )]
    TooLong {
        /// Name of the pattern.
        name: String,
        /// Length of the expression.
        bytes: usize,
    },
    /// Not a regular expression.
    #[error("pattern `{name}` is not a regular expression")]
    Syntax {
        /// Name of the pattern.
        name: String,
        /// What the parser says.
        #[source]
        source: Box<regex_syntax::Error>,
    },
    /// An expression that also matches the empty text, or nothing at all.
    #[error("pattern `{name}` matches the empty text or nothing")]
    MatchesNothing {
        /// Name of the pattern.
        name: String,
    },
    /// An expression whose matches have no longest length, or too long a one.
    #[error(
        "pattern `{name}` has no bound, write {{1,100}} for +: a match may have at most {} bytes",
        Pattern::MATCH_BYTES_MAX
    )]
    Unbounded {
        /// Name of the pattern.
        name: String,
    },
    /// An expression whose automaton is too large.
    #[error("pattern `{name}` is too large when compiled")]
    TooLarge {
        /// Name of the pattern.
        name: String,
        /// What the builder says.
        #[source]
        source: Box<regex_automata::meta::BuildError>,
    },
}
