//! Just enough of PromQL to know which metrics and labels an expression asks for. Whether it is PromQL at all, promtool
//! says in `.ci/deploy`.
//!
//! A word before `{` or before anything but `(`, `by` and `without` is a metric, unless it is a keyword or an argument of a
//! clause that lists labels (`by (a, b)`). Strings, numbers and durations (`[5m]`, `offset 5m`) are no words.

use std::collections::BTreeSet;

/// Words that stand between expressions.
const KEYWORDS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];
/// Words before a list of labels.
const CLAUSES: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Each metric with the labels that its selector names.
    pub(super) metrics: Vec<(String, BTreeSet<String>)>,
    /// Labels that results are grouped or joined by.
    pub(super) grouping: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Mark(char),
}

/// Reads an expression.
pub(super) fn asked(expression: &str) -> Asked {
    let tokens = tokens(expression);
    let (mut asked, mut at) = (Asked::default(), 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        let next = tokens.get(at);
        if CLAUSES.contains(&word.as_str()) {
            if next == Some(&Token::Mark('(')) {
                let (labels, end) = words_until(&tokens, at, ')');
                asked.grouping.extend(labels);
                at = end;
            }
        } else if next == Some(&Token::Mark('{')) {
            let (labels, end) = words_until(&tokens, at, '}');
            asked.metrics.push((word.clone(), labels.into_iter().collect()));
            at = end;
        } else if next != Some(&Token::Mark('('))
            && !is_aggregation(next)
            && !KEYWORDS.contains(&word.to_lowercase().as_str())
        {
            asked.metrics.push((word.clone(), BTreeSet::new()));
        }
    }
    asked
}

/// Whether what comes next makes a word the name of an aggregation: `sum by (a) (…)`.
fn is_aggregation(next: Option<&Token>) -> bool {
    matches!(next, Some(Token::Word(clause)) if clause == "by" || clause == "without")
}

/// The words up to the mark that closes, and the place after it.
fn words_until(tokens: &[Token], from: usize, close: char) -> (Vec<String>, usize) {
    let end = tokens[from..]
        .iter()
        .position(|token| *token == Token::Mark(close))
        .map_or(tokens.len(), |n| from + n);
    let words = tokens[from..end].iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        Token::Mark(_) => None,
    });
    (words.collect(), end + 1)
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(first) = rest.next() {
        let is_more = |c: &char| c.is_ascii_alphanumeric() || "_:.".contains(*c);
        match first {
            '"' | '\'' => while rest.next().is_some_and(|c| c != first) {},
            '[' => while rest.next().is_some_and(|c| c != ']') {},
            '0'..='9' => while rest.next_if(is_more).is_some() {},
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                word.extend(std::iter::from_fn(|| rest.next_if(is_more)));
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Mark(c)),
        }
    }
    tokens
}

#[test]
fn metrics_and_labels_are_told_from_functions_and_words() {
    let metric =
        |name: &str, labels: &[&str]| (name.to_owned(), labels.iter().map(|&l| l.to_owned()).collect());
    let found = asked(
        r#"100 * sum by (job, le) (rate(a_total{job="x", status=~"5..|b_c{d"}[5m])) / (sum(c) > 0.5)
           and on (role) max_over_time(e{}[1h:1m] offset 5m) == bool 1 or vector(0) unless f"#,
    );
    let metrics =
        vec![metric("a_total", &["job", "status"]), metric("c", &[]), metric("e", &[]), metric("f", &[])];
    assert_eq!(found.metrics, metrics);
    assert_eq!(found.grouping, ["job", "le", "role"].map(str::to_owned).into());
    assert_eq!(
        asked("histogram_quantile(0.99, sum by (le) (rate(h_bucket[5m])))").metrics,
        [metric("h_bucket", &[])]
    );
}
