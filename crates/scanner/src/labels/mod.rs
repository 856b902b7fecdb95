//! Labels of public data sets, in terms of findings: what counts as right when the scanner is scored.

mod detect_secrets;
mod gitleaks;

pub use detect_secrets::detect_secrets_kind;
pub use gitleaks::gitleaks_kind;

use crate::{Finding, Kind};

/// Whether `finding` is a secret of any kind: what a row labelled `SECRET` asks for at least.
pub fn is_secret(finding: &Finding) -> bool {
    finding.kind == Kind::Secret
}

/// Whether `finding` is what Presidio calls `label`, for example `EMAIL_ADDRESS`.
///
/// Our entities have Presidio's names, so equality is the whole rule.
pub fn is_presidio_entity(finding: &Finding, label: &str) -> bool {
    finding.kind == Kind::Pii && finding.entity == label
}
