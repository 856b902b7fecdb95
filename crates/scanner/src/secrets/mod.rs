//! Secrets: credentials of providers, keys in PEM, web tokens, passwords in URLs, commands and assignments.
//!
//! One automaton finds all keys of all rules; only where a key lies is a format tried, anchored and with a
//! longest match. So the work is at most (keys that may end at one byte) × (longest match) a byte.

mod assignment;
mod context;
mod curl;
mod names;
mod pem;
mod published;
mod rule;
mod tokens;
mod urls;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::{Anchored, Input, meta::Regex, util::syntax};
use rule::{Form, Rule};
use tidegate_domain::assessment::Span;

use crate::{
    entropy,
    finding::{Finding, Kind, Severity},
};

/// Longest stretch after a key that one rule reads.
const REACH_BYTES_MAX: usize = 4_096;

/// What a key makes look.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// The rule of this number.
    Rule(usize),
    Assignment,
    Curl,
    Pem,
    UserInfo,
}

/// All rules for secrets, ready to look.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    keys: AhoCorasick,
    looks: Vec<Vec<Look>>,
    rules: Vec<(&'static Rule, Regex)>,
}

/// Why the built-in rules cannot be built: a defect of this crate.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A pattern of a built-in rule.
    #[error("built-in rule `{rule}`")]
    Pattern {
        /// Name of the rule.
        rule: &'static str,
        /// What the builder says.
        #[source]
        source: Box<regex_automata::meta::BuildError>,
    },
    /// The automaton over all keys.
    #[error("keys of the built-in rules")]
    Keys(#[source] aho_corasick::BuildError),
}

/// Every rule with a pattern of its own.
fn patterns() -> impl Iterator<Item = &'static Rule> {
    tokens::all().chain(names::all())
}

/// Names and patterns of all rules that have one, for baselines and lists.
pub(crate) fn formats() -> impl Iterator<Item = (&'static str, &'static str)> {
    patterns().map(|rule| (rule.id, rule.pattern))
}

fn compile(rule: &'static Rule) -> Result<Regex, RulesError> {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(rule.pattern)
        .map_err(|source| RulesError::Pattern { rule: rule.id, source: Box::new(source) })
}

impl Secrets {
    /// Builds every rule.
    pub(crate) fn new() -> Result<Self, RulesError> {
        let rules: Vec<_> =
            patterns().map(|rule| Ok((rule, compile(rule)?))).collect::<Result<_, RulesError>>()?;
        let (words, looks) = index(&rules);
        let keys = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .map_err(RulesError::Keys)?;
        Ok(Self { keys, looks, rules })
    }

    /// Adds every secret in `text` to `found`, in no order; overlaps stay.
    pub(crate) fn scan(&self, text: &str, found: &mut Vec<Finding>) {
        let mut search = Search { secrets: self, text, ends: Vec::new(), found };
        for hit in self.keys.find_overlapping_iter(text) {
            for &look in &self.looks[hit.pattern().as_usize()] {
                search.look(look, hit.start(), hit.end());
            }
        }
    }
}

/// Every key once, lower case, with all that looks where it lies.
fn index(rules: &[(&'static Rule, Regex)]) -> (Vec<String>, Vec<Vec<Look>>) {
    let own = rules.iter().enumerate().flat_map(|(number, (rule, _))| {
        rule.keys.iter().map(move |key| (key.to_ascii_lowercase(), Look::Rule(number)))
    });
    let rest = [
        (assignment::KEYS, Look::Assignment),
        (curl::KEYS, Look::Curl),
        (pem::KEYS, Look::Pem),
        (urls::KEYS, Look::UserInfo),
    ];
    let rest = rest.into_iter().flat_map(|(keys, look)| keys.iter().map(move |key| (key.to_string(), look)));
    let (mut words, mut looks): (Vec<String>, Vec<Vec<Look>>) = (Vec::new(), Vec::new());
    for (key, look) in own.chain(rest) {
        match words.iter().position(|word| *word == key) {
            Some(at) => looks[at].push(look),
            None => {
                words.push(key);
                looks.push(vec![look]);
            }
        }
    }
    (words, looks)
}

/// One walk over one text.
struct Search<'a> {
    secrets: &'a Secrets,
    text: &'a str,
    /// Where the last match of each rule ended; empty until something was found.
    ends: Vec<usize>,
    found: &'a mut Vec<Finding>,
}

impl Search<'_> {
    fn look(&mut self, look: Look, start: usize, end: usize) {
        let (rule, severity, span) = match look {
            Look::Rule(number) => return self.look_for(number, start, end),
            Look::Assignment => match assignment::find(self.text, start, end) {
                Some(span) => ("generic-secret", Severity::Medium, span),
                None => return,
            },
            Look::Curl => return curl::find(self.text, end, self.found),
            Look::Pem => match pem::find(self.text, start, self.end_of(PEM_SLOT)) {
                Some(span) => {
                    self.note_end(PEM_SLOT, span.end);
                    ("private-key", Severity::High, span)
                }
                None => return,
            },
            Look::UserInfo => match urls::find(self.text, start, end) {
                Some((severity, span)) => ("basic-auth-url", severity, span),
                None => return,
            },
        };
        self.found.push(Finding::new((rule, "SECRET"), Kind::Secret, severity, span));
    }

    fn look_for(&mut self, number: usize, start: usize, end: usize) {
        let (rule, regex) = &self.secrets.rules[number];
        let bytes = self.text.as_bytes();
        let matched = match rule.form {
            Form::Token { lead: 0 } => {
                starts_token(bytes, start).then(|| anchored(regex, bytes, start)).flatten()
            }
            Form::Token { lead } => around(regex, bytes, start, end, lead),
            Form::Assigned if context::is_word(bytes, start, end) => {
                context::value_start(bytes, end).and_then(|at| anchored(regex, bytes, at))
            }
            Form::Assigned => None,
        };
        let Some(mut span) = matched.filter(|span| span.start >= self.end_of(number)) else { return };
        if rule.open {
            span.end += bytes[span.end..].iter().take_while(|&&byte| is_token(byte)).count();
            span.end -= bytes[span.start..span.end].iter().rev().take_while(|&&b| b == b'.').count();
        }
        self.note_end(number, span.end);
        if accepts(rule, bytes, span) {
            self.found.push(Finding::new((rule.id, "SECRET"), Kind::Secret, rule.severity, span));
        }
    }

    fn end_of(&self, slot: usize) -> usize {
        self.ends.get(slot.min(self.secrets.rules.len())).copied().unwrap_or(0)
    }

    fn note_end(&mut self, slot: usize, end: usize) {
        let rules = self.secrets.rules.len();
        self.ends.resize(rules + 1, 0);
        self.ends[slot.min(rules)] = end;
    }
}

/// The slot of PEM blocks, after those of the rules.
const PEM_SLOT: usize = usize::MAX;

fn anchored(regex: &Regex, bytes: &[u8], at: usize) -> Option<Span> {
    let end = bytes.len().min(at + REACH_BYTES_MAX);
    let input = Input::new(bytes).span(at..end).anchored(Anchored::Yes);
    regex.search(&input).map(|found| Span { start: found.start(), end: found.end() })
}

/// The match that covers the key at `start..end` and begins at most `lead` bytes before it.
fn around(regex: &Regex, bytes: &[u8], start: usize, end: usize, lead: usize) -> Option<Span> {
    if start == 0 || !is_token(bytes[start - 1]) {
        return None;
    }
    let from = start.saturating_sub(lead);
    let starts = |at: usize| starts_token(bytes, at) && is_first(bytes[at]);
    (from..start)
        .find(|&at| starts(at))
        .and_then(|at| anchored(regex, bytes, at))
        .filter(|span| span.end >= end)
}

/// Whether a token may start at `at`: nothing of a token before it. A mask is no boundary.
fn starts_token(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'*')
}

/// What a token may start with: not what stands before one, like a quote or `=`.
fn is_first(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.')
}

/// What must hold besides the format: the token ends here, it looks random, and it is no published sample.
fn accepts(rule: &Rule, bytes: &[u8], span: Span) -> bool {
    let body = &bytes[span.start..span.end];
    let ends = bytes
        .get(span.end)
        .is_none_or(|&next| !(next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-' | b'*')));
    let example = rule.entropy_min > 0.0
        && (body.ends_with(b"EXAMPLE") || body.windows(8).any(|run| run.eq_ignore_ascii_case(b"xxxxxxxx")));
    ends && !example
        && (rule.entropy_min == 0.0 || entropy::bits_per_byte(body) >= rule.entropy_min)
        && (!rule.digit || entropy::is_mixed(body))
        && !(rule.samples && published::is_published(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_a_longest_match_within_reach() {
        for rule in patterns() {
            let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
            let hir = { hir }.parse(rule.pattern).unwrap();
            let longest = hir.properties().maximum_len();
            assert!(longest.is_some_and(|bytes| bytes <= REACH_BYTES_MAX), "{}: {longest:?}", rule.id);
        }
    }

    #[test]
    fn names_of_rules_are_unique_but_for_two_ways_to_the_same_key() {
        let mut ids: Vec<_> = patterns().map(|rule| rule.id).collect();
        ids.sort_unstable();
        let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert_eq!(twice, ["lob-public-key"]);
    }

    fn rules(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Secrets::new().unwrap().scan(text, &mut found);
        let mut rules: Vec<_> = found.into_iter().map(|finding| finding.rule.into_owned()).collect();
        rules.dedup();
        rules
    }

    #[test]
    fn a_token_may_follow_a_quote_or_an_equals_sign() {
        let token = ["911602140448", "729|AY-lRJZq9BoDLobvAiP25L7RcMg"].concat();
        for text in [format!("{{\"t\":\"{token}\"}}"), format!("t={token}"), token] {
            assert_eq!(rules(&text), ["facebook-access-token"], "{text}");
        }
    }

    #[test]
    fn what_a_name_says_of_a_key_is_no_key() {
        let value = "Lu1qsk3T7znIp62zwdq3YY47H7p";
        for name in ["key_down_event", "jobCredentialsId", "token-type", "auth_endpoint"] {
            assert!(rules(&format!("{name}={value}")).is_empty(), "{name}");
        }
        for name in ["api_key", "apiKeyProd", "client_secret", "SECRET_KEY_BASE", "token_v2"] {
            assert_eq!(rules(&format!("{name}={value}")), ["generic-secret"], "{name}");
        }
    }

    #[test]
    fn a_published_sample_and_an_identifier_are_no_secrets() {
        let sample = ["AIza", "Syabcdefghijklmnopqrstuvwxyz", "1234567"].concat();
        assert!(rules(&sample).is_empty());
        assert_eq!(rules(&sample.replace("yzab", "zyab").replace("xyz", "zyx")), ["gcp-api-key"]);
        assert!(rules("GLC_StateBeginUnderwaterAliasModelCaustics(a)").is_empty());
    }
}
