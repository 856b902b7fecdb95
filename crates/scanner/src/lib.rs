//! Scanner: secrets, personal data and dangerous commands in text. CPU only, no I/O.
//!
//! | family | finds | module |
//! |---|---|---|
//! | [`Kind::Secret`] | keys of some 200 providers, PEM, web tokens, passwords in URLs and assignments | `secrets` |
//! | [`Kind::Pii`] | e-mail, card, SSN, IBAN, phone, addresses of machines and wallets | `pii` |
//! | [`Kind::Shell`] | commands that destroy: [`shell::assess`] | `shell` |
//! | [`Kind::Sql`] | statements that destroy: [`sql::assess`] | `sql` |
//! | [`Kind::SqlInjection`] | text made to break out of a value | `injection` |
//!
//! - **S1** every span lies inside the text, on character boundaries.
//! - **S2** linear work: cost grows with the length of the text, whatever the text. Held by structure: keys are
//!   found by one automaton, every pattern has a longest match, every other walk is bounded or goes on from
//!   where the last one ended.
//! - **S3** redaction leaves no sensitive finding, and redacting again changes nothing.
//! - **S4** deterministic: the same text and options give the same findings, sorted by start, none sharing a
//!   byte with another.
//!
//! Tested in `tests/laws.rs` and next to the code that could break them. Quality per set: `docs/scanner.md`.

mod chat;
mod entropy;
mod finding;
mod injection;
pub mod labels;
mod options;
mod overlap;
mod pii;
mod redact;
mod scanner;
mod secrets;
pub mod shell;
pub mod sql;

pub use finding::{Finding, Kind, Severity};
pub use injection::rows as injection_rows;
pub use options::{Options, OptionsError, Pattern};
pub use redact::Mode;
pub use scanner::{Scanner, ScannerError};
pub use secrets::RulesError;

/// Name and pattern of every built-in rule that has one, in a fixed order: for lists and for baselines.
///
/// Patterns are in the syntax of the `regex` crate, for bytes and without Unicode.
pub fn formats() -> impl Iterator<Item = (&'static str, &'static str)> {
    secrets::formats()
}
