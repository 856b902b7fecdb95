//! The scanner: all families over one text.

use std::borrow::Cow;

use regex_automata::meta::Regex;
use tidegate_domain::assessment::Span;

use crate::{
    Finding, Kind, Mode, Options, OptionsError, Severity, chat, overlap, pii, redact,
    secrets::{RulesError, Secrets},
};

/// Finds secrets, personal data and dangerous commands. Cheap to share, built once.
#[derive(Clone, Debug)]
pub struct Scanner {
    families: Vec<Kind>,
    severity_floor: Severity,
    secrets: Secrets,
    own: Vec<Own>,
}

/// A project's own pattern, compiled.
#[derive(Clone, Debug)]
struct Own {
    name: String,
    kind: Kind,
    severity: Severity,
    regex: Regex,
}

/// Why a scanner cannot be built. Never retried.
#[derive(Debug, thiserror::Error)]
pub enum ScannerError {
    /// The options are refused.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A built-in rule is broken: a defect of this crate.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl Scanner {
    /// Name and version of the rules: a finding is a pure function of (text, options, version).
    pub const VERSION: &'static str = "scanner-2";

    /// Passes that redaction makes at most before it gives up on keeping anything.
    const PASSES_MAX: usize = 8;

    /// A scanner with these options.
    ///
    /// - Cost: compiles every rule, some tens of milliseconds and a few megabytes. Once a process or project.
    /// - Errors: a pattern of the project's own is refused. Configuration errors: never retried.
    pub fn new(options: &Options) -> Result<Self, ScannerError> {
        if options.patterns.len() > Options::PATTERNS_MAX {
            return Err(OptionsError::TooMany { count: options.patterns.len() }.into());
        }
        let compiled = options.patterns.iter().map(|pattern| {
            let regex = pattern.compile()?;
            Ok(Own { name: pattern.name.clone(), kind: pattern.kind, severity: pattern.severity, regex })
        });
        Ok(Self {
            families: options.families.clone(),
            severity_floor: options.severity_floor,
            secrets: Secrets::new()?,
            own: compiled.collect::<Result<_, OptionsError>>()?,
        })
    }

    /// Everything found in `text` (any UTF-8, any length).
    ///
    /// - Result: sorted by start; no two findings share a byte; every span lies inside the text, on character
    ///   boundaries (laws S1, S4).
    /// - Cost: linear in the length of the text, whatever the text (law S2); allocates when something is found.
    pub fn scan(&self, text: &str) -> Vec<Finding> {
        let mut found = self.sensitive(text);
        chat::scan(text, |kind| self.looks_for(kind), &mut found);
        found.retain(|finding| finding.severity >= self.severity_floor);
        overlap::resolve(found)
    }

    /// `text` with every secret and all personal data masked; borrowed if there is none.
    ///
    /// - Result: a further scan finds no [sensitive](Finding::is_sensitive) finding, a further redaction changes
    ///   nothing (law S3). Commands stay: they are evidence.
    /// - Cost: two scans as a rule, at most eight and one copy of the text each.
    pub fn redact<'t>(&self, text: &'t str, mode: Mode) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for pass in 0..Self::PASSES_MAX {
            let mut found = self.sensitive(&masked);
            found.retain(|finding| finding.severity >= self.severity_floor && finding.is_sensitive());
            if found.is_empty() {
                return masked;
            }
            found.sort_by_key(|finding| finding.span.start);
            // Names are longer than what they stand for; a pattern that matches names must not make it grow.
            let mode = if pass == 0 { mode } else { Mode::Partial };
            masked = Cow::Owned(redact::mask(&masked, &found, mode).into_owned());
        }
        // Masks that keep making new secrets: no text is worth the risk.
        Cow::Owned("*".repeat(text.chars().count()))
    }

    fn looks_for(&self, kind: Kind) -> bool {
        self.families.contains(&kind)
    }

    /// Secrets, personal data and matches of the project's own patterns, in no order, overlaps included.
    fn sensitive(&self, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.looks_for(Kind::Secret) {
            self.secrets.scan(text, &mut found);
        }
        if self.looks_for(Kind::Pii) {
            pii::scan(text, &mut found);
        }
        for own in &self.own {
            let matches = own.regex.find_iter(text).filter(|at| !is_mask(&text[at.range()]));
            found.extend(matches.map(|at| own.finding(at.start(), at.end())));
        }
        for finding in &mut found {
            finding.span.start = text.floor_char_boundary(finding.span.start);
            finding.span.end = text.ceil_char_boundary(finding.span.end);
        }
        found
    }
}

/// Whether nothing is left to mask.
fn is_mask(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'*')
}

impl Own {
    fn finding(&self, start: usize, end: usize) -> Finding {
        Finding {
            rule: Cow::Owned(self.name.clone()),
            kind: self.kind,
            entity: Cow::Owned(self.name.clone()),
            severity: self.severity,
            span: Span { start, end },
        }
    }
}
