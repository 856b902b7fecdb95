//! A rule for a secret: the words that make it look, the published format, and what else must hold.
//!
//! Every pattern has a longest match (tested), so that one look costs a bounded number of steps.

use crate::finding::Severity;

/// Where the format is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Around a key that is part of the secret itself: the secret starts at most `lead` bytes before it.
    Token { lead: usize },
    /// In the value that is assigned to a name with the key in it (`acme_token = "…"`).
    Assigned,
}

/// One format of one provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Name in findings, docs and metrics.
    pub(crate) id: &'static str,
    /// Words without which the rule does not look; letter case does not matter.
    pub(crate) keys: &'static [&'static str],
    /// The format, for bytes, without Unicode.
    pub(crate) pattern: &'static str,
    /// Where the format is looked for.
    pub(crate) form: Form,
    /// Least entropy of the match, in bits a byte.
    pub(crate) entropy_min: f64,
    /// Whether the match goes on over every further character of a token.
    pub(crate) open: bool,
    /// Whether there must be a digit among the characters.
    pub(crate) digit: bool,
    /// Whether the provider has published keys of this format as samples.
    pub(crate) samples: bool,
    /// How much a finding matters.
    pub(crate) severity: Severity,
}

/// A secret that is recognised by itself: `keys` are how it starts.
pub(crate) const fn token(
    id: &'static str,
    keys: &'static [&'static str],
    pattern: &'static str,
    entropy_min: f64,
) -> Rule {
    let form = Form::Token { lead: 0 };
    let (open, digit, samples) = (false, false, false);
    Rule { id, keys, pattern, form, entropy_min, open, digit, samples, severity: Severity::High }
}

/// A secret that is recognised by the name it is assigned to.
pub(crate) const fn assigned(
    id: &'static str,
    keys: &'static [&'static str],
    pattern: &'static str,
    entropy_min: f64,
) -> Rule {
    Rule { form: Form::Assigned, ..token(id, keys, pattern, entropy_min) }
}

impl Rule {
    /// The key lies inside the secret, at most `lead` bytes after its start.
    pub(crate) const fn lead(self, lead: usize) -> Self {
        Self { form: Form::Token { lead }, ..self }
    }

    /// The secret has no fixed length: it ends where the token ends.
    pub(crate) const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// A digit is needed: the format alone would match words.
    pub(crate) const fn with_digit(self) -> Self {
        Self { digit: true, ..self }
    }

    /// The provider publishes samples of this format; see [`super::published`].
    pub(crate) const fn with_samples(self) -> Self {
        Self { samples: true, ..self }
    }

    /// Names its owner, or opens little: medium.
    pub(crate) const fn medium(self) -> Self {
        Self { severity: Severity::Medium, ..self }
    }

    /// Public by design: low.
    pub(crate) const fn low(self) -> Self {
        Self { severity: Severity::Low, ..self }
    }
}
