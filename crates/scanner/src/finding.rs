//! A finding: one stretch of text that a rule recognised, with what it is and how much it matters.

use std::borrow::Cow;

use tidegate_domain::assessment::Span;

/// Family of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A credential: whoever holds it can act as its owner.
    Secret,
    /// Personal data, or an address of a person or a machine.
    Pii,
    /// A destructive shell command.
    Shell,
    /// A destructive SQL statement.
    Sql,
    /// Text made to break out of a value of an SQL statement.
    SqlInjection,
}

impl Kind {
    /// Every family, in the order of their names in code.
    pub const ALL: [Self; 5] = [Self::Secret, Self::Pii, Self::Shell, Self::Sql, Self::SqlInjection];

    /// The name in JSON, queries and metrics, for example `SQL_INJECTION`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
            Self::Pii => "PII",
            Self::Shell => "SHELL",
            Self::Sql => "SQL",
            Self::SqlInjection => "SQL_INJECTION",
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: an e-mail or IP address, a client id.
    #[default]
    Low,
    /// Worth a look: a phone number, an IBAN, a generic password.
    Medium,
    /// Acts or pays by itself: a provider key, a card, an SSN, a `DROP`.
    High,
}

impl Severity {
    /// The name in JSON, queries and metrics, for example `high`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One stretch of text that a rule recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the rule, for example `github-pat`; for a project's own pattern, the name given to it.
    pub rule: Cow<'static, str>,
    /// Family of the rule.
    pub kind: Kind,
    /// What was found, for example `EMAIL_ADDRESS`; `SECRET` for every credential.
    pub entity: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// Where it lies, in bytes of the text, on character boundaries.
    pub span: Span,
}

impl Finding {
    /// A finding of a built-in rule over `start..end`.
    pub(crate) fn new(
        (rule, entity): (&'static str, &'static str),
        kind: Kind,
        severity: Severity,
        span: Span,
    ) -> Self {
        Self { rule: Cow::Borrowed(rule), kind, entity: Cow::Borrowed(entity), severity, span }
    }

    /// Whether the text itself is what must not be kept, so that redaction masks it.
    ///
    /// Commands are evidence of what somebody tried; masking them would hide the attempt and protect nobody.
    /// A URL is an address of everybody's.
    pub fn is_sensitive(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Pii) && self.entity != "URL"
    }

    /// Length in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.span.end - self.span.start
    }

    /// Whether the rule knows no format: a provider's own beats it.
    pub(crate) fn is_generic(&self) -> bool {
        self.rule.starts_with("generic-")
    }
}
