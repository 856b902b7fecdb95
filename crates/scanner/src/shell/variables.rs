//! Variables: a program's name that was put into a variable before.
//!
//! Only what a script gives to a name and then runs as a program is put in its place (`x='rm -rf'; $x /srv`);
//! everything else stays as written.

use super::{lexer::Command, words::is_assignment};

/// Most names that are kept; a script of commands needs few.
const NAMES_MAX: usize = 32;
/// Longest value that is kept.
const VALUE_BYTES_MAX: usize = 64;
/// How often a script's names are put in place: with the above, a bounded number of bytes more to read.
const USES_MAX: usize = 32;

/// What the names of a script were given, the last value of each.
#[derive(Debug, Default)]
pub(super) struct Variables<'s> {
    values: Vec<(&'s str, &'s str)>,
    uses: usize,
}

impl<'s> Variables<'s> {
    /// Keeps what `command` gives to names: all its words are assignments, but for `export` and its kin.
    pub(super) fn note(&mut self, command: &'s Command) {
        let declares = |text: &str| matches!(text, "export" | "readonly" | "declare" | "local" | "typeset");
        let texts = command.words.iter().map(|word| word.text.as_str()).filter(|text| !declares(text));
        if !texts.clone().all(is_assignment) {
            return;
        }
        for (name, value) in texts.filter_map(|text| text.split_once('=')) {
            self.values.retain(|(known, _)| *known != name);
            if value.len() <= VALUE_BYTES_MAX && self.values.len() < NAMES_MAX {
                self.values.push((name, value));
            }
        }
    }

    /// The source of `command` with its program put in place, if a known variable names it.
    pub(super) fn expanded(&mut self, command: &Command) -> Option<String> {
        if self.values.is_empty() || self.uses >= USES_MAX {
            return None;
        }
        let texts: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        let at = texts.iter().position(|text| !is_assignment(text) && *text != "sudo")?;
        let name = texts[at].strip_prefix('$')?;
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
        self.uses += 1;
        let rest = texts[at + 1..].iter().map(|text| quoted(text));
        Some([(*value).to_owned()].into_iter().chain(rest).collect::<Vec<_>>().join(" "))
    }
}

/// As one word again, variables left to be seen.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
