//! The sets: how rows are read, which half they belong to, and what the scanner's answer is worth.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;
use tidegate_scanner::{Finding, Kind, Scanner, labels, shell, sql};

/// One row of a set.
pub(crate) struct Row(Value);

impl Row {
    /// The text, or all turns of a session.
    pub(crate) fn text(&self) -> String {
        let turns = |turns: &Vec<Value>| {
            let contents = turns.iter().filter_map(|turn| turn["content"].as_str());
            contents.collect::<Vec<_>>().join("\n")
        };
        self.0["text"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| self.0["turns"].as_array().map(turns))
            .unwrap_or_default()
    }

    /// The first label.
    pub(crate) fn label(&self) -> &str {
        self.0["labels"][0].as_str().unwrap_or_default()
    }

    /// The set's own kind of row.
    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    fn spans(&self) -> Vec<(String, usize, usize)> {
        let spans = self.0["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let at = |span: &Value, key: &str| span[key].as_u64().unwrap_or_default() as usize;
        let of = |span: &Value| {
            (span["type"].as_str().unwrap_or_default().to_owned(), at(span, "start"), at(span, "end"))
        };
        spans.iter().map(of).collect()
    }

    /// Which part of its set the row belongs to: two bits of a hash of its id.
    pub(crate) fn part(&self) -> Part {
        let id = format!("scanner-half:{}", self.0["id"].as_str().unwrap_or_default());
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let bit = |at: u32| (hash ^ hash >> 33) >> at & 1;
        match (bit(7), bit(11)) {
            (0, _) => Part::Seen,
            (_, 0) => Part::Later,
            _ => Part::Unseen,
        }
    }
}

/// What rules were written with, and what they are measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Looked at from the start: one half.
    Seen,
    /// Measured first, then looked at: a quarter.
    Later,
    /// Never looked at: a quarter.
    Unseen,
}

impl Part {
    /// As the report names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Later => "later",
            Self::Unseen => "unseen",
        }
    }
}

/// All rows of one set.
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// The set `name` in `folder`, plain or compressed; `None` if it is not there.
    pub(crate) fn open(folder: &Path, name: &str) -> anyhow::Result<Option<Self>> {
        let (plain, packed) = (folder.join(format!("{name}.jsonl")), folder.join(format!("{name}.jsonl.gz")));
        let reader: Box<dyn Read> = match (plain.exists(), packed.exists()) {
            (true, _) => Box::new(File::open(plain)?),
            (_, true) => Box::new(GzDecoder::new(File::open(packed)?)),
            _ => return Ok(None),
        };
        let rows = BufReader::new(reader).lines().map(|line| Ok(Row(serde_json::from_str(&line?)?)));
        Ok(Some(Self(rows.collect::<anyhow::Result<_>>()?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.0.iter()
    }
}

/// What one answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Hit,
    Missed,
    Alarm,
    Quiet,
}

impl Verdict {
    fn of(expected: bool, found: bool) -> Self {
        match (expected, found) {
            (true, true) => Self::Hit,
            (true, false) => Self::Missed,
            (false, true) => Self::Alarm,
            (false, false) => Self::Quiet,
        }
    }
}

/// Answers counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count([u32; 4]);

impl Count {
    pub(crate) fn add(&mut self, verdict: Verdict) {
        self.0[verdict as usize] += 1;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [hit, missed, alarm, quiet] = self.0;
        let share = |part: u32, rest: u32| match part + rest {
            0 => "-".to_owned(),
            all => format!("{:.4}", f64::from(part) / f64::from(all)),
        };
        let f1 = share(2 * hit, alarm + missed);
        let (precision, recall, fpr) = (share(hit, alarm), share(hit, missed), share(alarm, quiet));
        write!(f, "{hit:>5} {alarm:>5} {missed:>5} {quiet:>5} {precision:>9} {recall:>7} {f1:>7} {fpr:>7}")
    }
}

type Verdicts = Vec<(String, Verdict)>;
type Judge = fn(&Scanner, &Row) -> Verdicts;

/// Every set that is scored, and how.
pub(crate) const ALL: &[(&str, Judge)] = &[
    ("secrets_gitleaks", gitleaks),
    ("secrets_detect_secrets", detect_secrets),
    ("pii_presidio_synth", presidio_synth),
    ("pii_presidio_unit", presidio_unit),
    ("shell_commands", shell_commands),
    ("shell_benign_wild", shell_wild),
    ("sql_destructive", sql_destructive),
    ("sql_readonly", sql_readonly),
    ("sql_injection", sql_injection),
    ("notinject", benign_notinject),
    ("harmful_intent", benign_harmful),
    ("hatecheck", benign_hatecheck),
    ("spam_sms", benign_sms),
    ("xstest", benign_xstest),
    ("mod_openai", benign_mod),
    ("sessions_mtchat", benign_mtchat),
    ("sessions_hh", benign_hh),
    ("sessions_task", benign_task),
];

fn one(name: &str, expected: bool, found: bool) -> Verdicts {
    vec![(name.to_owned(), Verdict::of(expected, found))]
}

fn gitleaks(scanner: &Scanner, row: &Row) -> Verdicts {
    let found = scanner.scan(&row.text());
    let same = found.iter().any(|finding| labels::gitleaks_kind(finding, row.kind()));
    let secret = row.label() == "SECRET";
    let mut verdicts = one("secrets_gitleaks same kind", secret, same);
    if secret {
        verdicts
            .push(("secrets_gitleaks any".into(), Verdict::of(true, found.iter().any(labels::is_secret))));
    }
    verdicts
}

fn detect_secrets(scanner: &Scanner, row: &Row) -> Verdicts {
    let text = row.text();
    let same =
        scanner.scan(&text).iter().any(|finding| labels::detect_secrets_kind(finding, &text, row.kind()));
    one("secrets_detect_secrets same kind", row.label() == "SECRET", same)
}

const PATTERN_ENTITIES: [&str; 6] =
    ["EMAIL_ADDRESS", "US_SSN", "CREDIT_CARD", "PHONE_NUMBER", "IP_ADDRESS", "IBAN_CODE"];

/// Each span counts once: found if a finding of its entity shares a byte with it.
fn presidio_synth(scanner: &Scanner, row: &Row) -> Verdicts {
    let text = row.text();
    let byte = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let found: Vec<Finding> = scanner.scan(&text);
    let spans: Vec<_> = row.spans().into_iter().map(|(entity, s, e)| (entity, byte(s), byte(e))).collect();
    let mut verdicts = Vec::new();
    for entity in PATTERN_ENTITIES {
        let gold: Vec<_> = spans.iter().filter(|(kind, ..)| kind == entity).collect();
        let ours: Vec<_> = found.iter().filter(|f| labels::is_presidio_entity(f, entity)).collect();
        let shares = |f: &Finding, s: usize, e: usize| f.span.start < e && s < f.span.end;
        let hits = gold.iter().map(|(_, s, e)| Verdict::of(true, ours.iter().any(|f| shares(f, *s, *e))));
        let alarms =
            ours.iter().filter(|f| !gold.iter().any(|(_, s, e)| shares(f, *s, *e))).map(|_| Verdict::Alarm);
        for verdict in hits.chain(alarms) {
            verdicts.push(("pii_presidio_synth".to_owned(), verdict));
            verdicts.push((format!("pii_presidio_synth {entity}"), verdict));
        }
    }
    verdicts
}

fn presidio_unit(scanner: &Scanner, row: &Row) -> Verdicts {
    let found = scanner.scan(&row.text());
    let entity = row.kind();
    let same = found.iter().any(|finding| labels::is_presidio_entity(finding, entity));
    one("pii_presidio_unit", !row.label().starts_with("NOT_"), same)
}

fn shell_commands(_: &Scanner, row: &Row) -> Verdicts {
    one("shell_commands", row.label() == "DANGEROUS", shell::assess(&row.text()).is_destructive())
}

fn shell_wild(_: &Scanner, row: &Row) -> Verdicts {
    one("shell_benign_wild", false, shell::assess(&row.text()).is_destructive())
}

fn sql_destructive(_: &Scanner, row: &Row) -> Verdicts {
    let text = row.text();
    let found = sql::assess(&text).destructive.is_some() || shell::assess(&text).is_destructive();
    one("sql_destructive", row.label() == "DANGEROUS", found)
}

fn sql_readonly(_: &Scanner, row: &Row) -> Verdicts {
    one("sql_readonly (write)", row.label() == "WRITE_OR_UNSAFE", !sql::assess(&row.text()).read_only)
}

fn sql_injection(_: &Scanner, row: &Row) -> Verdicts {
    one("sql_injection", row.label() == "SQLI", sql::assess(&row.text()).injection)
}

/// Rows that hold no secret and no command: every such finding is a false alarm.
fn benign(set: &str, scanner: &Scanner, row: &Row) -> Verdicts {
    let found = scanner.scan(&row.text());
    let of = |kinds: &[Kind]| found.iter().any(|finding| kinds.contains(&finding.kind));
    vec![
        (format!("{set} (secret alarms)"), Verdict::of(false, of(&[Kind::Secret]))),
        (
            format!("{set} (command alarms)"),
            Verdict::of(false, of(&[Kind::Shell, Kind::Sql, Kind::SqlInjection])),
        ),
    ]
}

fn benign_notinject(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("notinject", scanner, row)
}

fn benign_harmful(scanner: &Scanner, row: &Row) -> Verdicts {
    if row.label() == "BENIGN" { benign("harmful_intent benign", scanner, row) } else { Vec::new() }
}

fn benign_hatecheck(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("hatecheck", scanner, row)
}

fn benign_sms(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("spam_sms", scanner, row)
}

fn benign_xstest(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("xstest", scanner, row)
}

fn benign_mod(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("mod_openai", scanner, row)
}

fn benign_mtchat(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("sessions_mtchat", scanner, row)
}

fn benign_hh(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("sessions_hh", scanner, row)
}

fn benign_task(scanner: &Scanner, row: &Row) -> Verdicts {
    benign("sessions_task", scanner, row)
}
