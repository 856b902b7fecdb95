//! What is masked before the first durable byte (law 7): what the scanner finds, then what the settings' own rules name.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Context;
use tidegate_engine::intake::{EventMask, Hide, Mask, MaskRule, RegexMask};
use tidegate_scanner::{Kind, Mode, Options, Scanner, Severity};

use crate::config::{Config, Masking, MaskingRule, ScanFamily, ScanSeverity, ScanStyle};

/// Masks what the scanner finds.
struct Scan {
    scanner: Scanner,
    mode: Mode,
}

impl Hide for Scan {
    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.scanner.redact(text, self.mode)
    }
}

/// The mask of these settings; `None` if nothing is to be masked.
pub fn open(config: &Config) -> anyhow::Result<Option<Arc<dyn Mask>>> {
    let masking = &config.masking;
    let scan = scan(masking)?.map(|scan| Box::new(scan) as Box<dyn Hide>);
    let rules: Vec<_> = masking.rules.iter().map(rule).collect();
    let own = RegexMask::new(&rules).context("masking.rules")?.map(|mask| Box::new(mask) as Box<dyn Hide>);
    let hides: Vec<_> = scan.into_iter().chain(own).collect();
    Ok((!hides.is_empty()).then(|| Arc::new(EventMask::new(hides)) as Arc<dyn Mask>))
}

fn scan(masking: &Masking) -> anyhow::Result<Option<Scan>> {
    if masking.scan.is_empty() {
        return Ok(None);
    }
    let family = |family: &ScanFamily| match family {
        ScanFamily::Secrets => Kind::Secret,
        ScanFamily::Pii => Kind::Pii,
    };
    let options = Options {
        families: masking.scan.iter().map(family).collect(),
        severity_floor: match masking.scan_min_severity {
            ScanSeverity::Low => Severity::Low,
            ScanSeverity::Medium => Severity::Medium,
            ScanSeverity::High => Severity::High,
        },
        ..Options::default()
    };
    let mode = match masking.scan_style {
        ScanStyle::Named => Mode::Named,
        ScanStyle::Partial => Mode::Partial,
    };
    Ok(Some(Scan { scanner: Scanner::new(&options).context("masking.scan")?, mode }))
}

fn rule(rule: &MaskingRule) -> MaskRule {
    MaskRule { name: rule.name.clone(), pattern: rule.pattern.clone() }
}
