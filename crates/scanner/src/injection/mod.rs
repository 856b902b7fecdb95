//! Injection: text that would break out of a value and change the statement around it.
//!
//! The text is read as tokens in each context a value can be put into (`tokens`), and rows of tokens are
//! weighed (`model`). What the words mean plays no part; so plain prose with `or`, `union` and quotes passes.

mod model;
mod tokens;

pub use model::rows;

/// Longest text that counts as a value.
const VALUE_BYTES_MAX: usize = 8_192;
/// How sure the model must be in free text, as log-odds: there attacks are rare.
const PROSE_LOG_ODDS_MIN: f32 = 1.0;

/// Whether `value` is likelier an attack than not. Cost O(bytes); a longer text than any value is not looked at.
pub(crate) fn is_injection(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX && model::log_odds(value) > 0.0
}

/// Whether a line of free text is an attack beyond doubt: it has what prose has not, and the model is sure.
pub(crate) fn is_injection_in_prose(line: &str) -> bool {
    line.len() <= VALUE_BYTES_MAX && has_signs(line) && model::log_odds(line) > PROSE_LOG_ODDS_MIN
}

/// Signs without which no line of prose is taken for an attack: cheap to look for, rare in prose.
fn has_signs(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let union = lower.contains("union") && lower.contains("select");
    let quote = line.contains(['\'', '"']);
    let ends = ["--", "#", "/*"].iter().any(|sign| line.contains(sign));
    let always =
        ["1=1", "'='", "\"=\"", "or true", "' or '", "\" or \""].iter().any(|sign| lower.contains(sign));
    let calls = ["sleep(", "waitfor delay", "benchmark(", "xp_cmdshell", "information_schema", "@@version"];
    union || (quote && (ends || always)) || calls.iter().any(|call| lower.contains(call))
}
