//! The laws of the scanner, S1 to S4, over any text and over the worst texts we could think of.

mod samples;

use proptest::prelude::*;
use tidegate_scanner::{Finding, Kind, Mode, Options, Pattern, Scanner, Severity};

fn scanner() -> &'static Scanner {
    static SCANNER: std::sync::LazyLock<Scanner> = std::sync::LazyLock::new(|| {
        Scanner::new(&Options::default()).expect("the default options are valid")
    });
    &SCANNER
}

/// Any text, rich in what the rules look at; tokens are put together from parts.
fn any_text() -> impl Strategy<Value = String> {
    let bait = prop::sample::select(vec![
        "ghp_",
        "sk-",
        "AKIA",
        "xoxb-",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----END",
        "api_key = \"",
        "password: '",
        "://u:p@",
        "curl -u a:b1",
        "@",
        "a@b.org",
        "10.0.0.1",
        "fe80::1",
        "4111 1111 1111 1111",
        "+1 415 555 0132",
        "078-05-1123",
        "DE89370400440532013000",
        "rm -rf /",
        "\n$ ",
        "```\n",
        "DROP TABLE x;",
        "' or 1=1 --",
        "****",
        "[masked:x]",
        "é",
        "\u{301}",
        "\u{202e}",
        "🤡",
        " ",
        "\n",
        "'",
        "\"",
        "$(",
        "0123456789abcdef",
        "Zf3D0LXCM3EIMbgJp",
    ]);
    let part =
        prop_oneof![3 => bait.prop_map(str::to_owned), 1 => any::<String>(), 1 => "[A-Za-z0-9_-]{0,40}"];
    // Apart more often than not: what runs together is mostly no finding.
    let gap = prop::sample::select(vec!["", " ", " ", "\n"]);
    prop::collection::vec((part, gap), 0..14)
        .prop_map(|parts| parts.into_iter().map(|(p, g)| p + g).collect())
}

fn assert_lawful(text: &str, found: &[Finding]) {
    for finding in found {
        assert!(finding.span.start < finding.span.end, "S1 in {text:?}: {finding:?}");
        assert!(text.get(finding.span.start..finding.span.end).is_some(), "S1 in {text:?}: {finding:?}");
    }
    assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "S4 in {text:?}: {found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn s1_s4_spans_lie_inside_sorted_and_apart(text in any_text()) {
        let found = scanner().scan(&text);
        assert_lawful(&text, &found);
        prop_assert_eq!(scanner().scan(&text), found);
    }

    #[test]
    fn s3_redaction_leaves_nothing_and_is_idempotent(text in any_text(), named: bool) {
        let mode = if named { Mode::Named } else { Mode::Partial };
        let once = scanner().redact(&text, mode).into_owned();
        prop_assert!(scanner().scan(&once).iter().all(|finding| !finding.is_sensitive()), "{once:?}");
        prop_assert_eq!(scanner().redact(&once, mode).into_owned(), once);
    }

    #[test]
    fn s3_the_output_never_holds_the_secret(seed: u64, before in "[a-z ]{0,12}", after in "[ .,;\n][a-z ]{0,12}") {
        for (rule, secret) in samples::secrets(seed) {
            let text = format!("{before} {secret}{after}");
            let found = scanner().scan(&text);
            prop_assert!(found.iter().any(|f| f.rule == rule), "{rule}: {text:?} {found:?}");
            for mode in [Mode::Partial, Mode::Named] {
                let masked = scanner().redact(&text, mode);
                prop_assert!(!masked.contains(&secret), "{rule}: {masked:?}");
                prop_assert!(!masked.contains(&secret[secret.len() / 2..]), "{rule}: {masked:?}");
            }
        }
    }
}

/// S2 by structure: a text that would make a rule walk far at each byte ends here at all.
///
/// Nothing is timed: quadratic work on these texts takes hours, and the run would be cut off.
#[test]
fn s2_the_worst_texts_end() {
    /// Of these a megabyte, of the rest enough to see a square: the tests run unoptimised.
    const LONG: usize = 4;
    let units = [
        "a",
        "\u{301}",
        "🤡",
        "1 ",
        "1",
        "-",
        ".",
        ":",
        "@",
        "'",
        "\"",
        "(",
        "$(",
        "`",
        "\u{301}",
        "🤡",
        "\u{202e}א",
        "ey",
        "eyJa.eyJ",
        "AKIA",
        "a@",
        "://a:",
        "://",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "curl ",
        "curl -u ",
        "key=",
        "token: ",
        "1 ",
        "1-",
        "0:",
        "DE12",
        "ghp_a",
        "sk-a",
        "<<E\n",
        "```\n",
        "rm ",
        "/*",
        "/*!",
        "$$",
        "$a$",
        "' or ",
        "\n$ a ",
        "{\"cmd\":\"",
    ];
    for (number, unit) in units.into_iter().enumerate() {
        let bytes = if number < LONG { 1_000_000 } else { 20_000 };
        let text = unit.repeat(bytes / unit.len());
        assert_lawful(&text, &scanner().scan(&text));
    }
}

/// S2 on the judges for labelled commands: the same texts as one command, one query.
#[test]
fn s2_the_worst_commands_end() {
    for unit in [
        "a ", "'", "\"", "$(", "`", "${", "<(", "\\", "<<E\n", "sudo ", "(", "/*", "/*!", "$$", "$a$",
        "--\n", "union ", ";",
    ] {
        let text = unit.repeat(20_000 / unit.len());
        tidegate_scanner::shell::assess(&text);
        tidegate_scanner::sql::assess(&text);
    }
}

#[test]
fn partial_masks_keep_at_most_four_characters() {
    let masked = scanner().redact("mail ana.lopez@example.org now", Mode::Partial).into_owned();
    assert_eq!(masked, format!("mail ana.{} now", "*".repeat(17)));
    assert_eq!(scanner().redact("mail ana.lopez@example.org now", Mode::Named), "mail [masked:email] now");
    assert!(matches!(scanner().redact("nothing here", Mode::Partial), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn severities_are_those_of_the_policy() {
    let text = "ana@example.org +1 415 555 0132 and 4111 1111 1111 1111\nDROP TABLE users;\n";
    let found: Vec<_> =
        scanner().scan(text).into_iter().map(|f| (f.entity.into_owned(), f.severity)).collect();
    let expected = [
        ("EMAIL_ADDRESS", Severity::Low),
        ("PHONE_NUMBER", Severity::Medium),
        ("CREDIT_CARD", Severity::High),
        ("SQL_STATEMENT", Severity::High),
    ];
    assert_eq!(found, expected.map(|(entity, severity)| (entity.to_owned(), severity)));
}

#[test]
fn families_floor_and_own_patterns_are_kept() {
    let pattern = |name: &str, regex: &str| Pattern {
        name: name.into(),
        regex: regex.into(),
        kind: Kind::Pii,
        severity: Severity::Medium,
    };
    let options = Options {
        families: vec![Kind::Secret],
        severity_floor: Severity::Medium,
        patterns: vec![pattern("order-number", r"ORD-\d{6}")],
    };
    let own = Scanner::new(&options).unwrap();
    assert_eq!(
        own.redact("ORD-123456 of ana@example.org", Mode::Named),
        "[masked:order-number] of ana@example.org"
    );
    for (name, regex) in
        [("", "abc"), ("x", "a+"), ("x", "a*"), ("x", "("), ("x", ".{1,5000}"), ("x", "(?:a{1,1000}){1,9}")]
    {
        let patterns = vec![pattern(name, regex)];
        assert!(Scanner::new(&Options { patterns, ..Options::default() }).is_err(), "{name} {regex}");
    }
    let patterns = vec![pattern("x", "abc"); Options::PATTERNS_MAX + 1];
    assert!(Scanner::new(&Options { patterns, ..Options::default() }).is_err());
}

/// A pattern that matches its own mask would never come to an end of masking.
#[test]
fn s3_holds_for_a_pattern_that_matches_everything() {
    let all =
        Pattern { name: "all".into(), regex: "(?s).{1,5}".into(), kind: Kind::Pii, severity: Severity::High };
    let scanner = Scanner::new(&Options { patterns: vec![all], ..Options::default() }).unwrap();
    for mode in [Mode::Partial, Mode::Named] {
        let once = scanner.redact("anything", mode).into_owned();
        assert!(!once.contains("any"), "{once}");
        assert_eq!(scanner.redact(&once, mode), once);
    }
}

#[test]
fn prose_about_commands_is_no_command() {
    for text in [
        "Please drop the table by the window and update me.",
        "Never run rm -rf / on a server, it deletes everything.",
        "Delete from your list the names you do not know.",
        "Git push --force is dangerous, isn't it?",
        "UPDATE: the meeting is moved to noon",
    ] {
        assert_eq!(scanner().scan(text), [], "{text}");
    }
    for (text, kind) in [
        ("try this:\n```bash\nrm -rf ~/x\n```", Kind::Shell),
        ("$ git push --force origin main", Kind::Shell),
        ("{\"command\": \"sudo rm -rf \\\"/srv\\\"\"}", Kind::Shell),
        ("DROP TABLE users;", Kind::Sql),
        ("{\"query\": \"DELETE FROM users\"}", Kind::Sql),
        ("x' UNION SELECT password FROM users --", Kind::SqlInjection),
    ] {
        assert!(scanner().scan(text).iter().any(|finding| finding.kind == kind), "{text}");
    }
}
