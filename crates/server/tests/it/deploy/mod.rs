//! What `deploy/` and `docs/` say of the server is so: metrics, labels, settings, commands, a page for every alert.
//!
//! `to_come.txt` lists metrics, each with its labels, that dashboards and alerts know and that a server as it is started here
//! does not show: it limits no rates and asks no vendor. A line goes when its metric comes, which a test demands.

mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::command::{say, tidegate_plain};
use crate::support::server::start_analysing;
use crate::support::{INSULT, patience::eventually};

/// Labels that Prometheus gives to every series of a target.
const OF_TARGETS: [&str; 3] = ["job", "instance", "role"];
/// Metrics of Prometheus itself.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
/// What every page on an alert answers.
const HEADINGS: [&str; 5] = ["## Meaning", "## What users notice", "## Look", "## Fix", "## Escalate"];

type Labels = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files of a folder, by their paths from the root.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths: Vec<_> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder} has files that end in {ending}");
    paths
}

/// The values of `key: …` in a YAML file of ours: on its line, or the indented block after `|`.
fn values(path: &str, key: &str) -> Vec<String> {
    let text = read(path);
    let mut lines = text.lines().peekable();
    let mut values = Vec::new();
    while let Some(line) = lines.next() {
        let inner = line.trim_start().trim_start_matches("- ");
        let Some(value) = inner.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) else { continue };
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut value = value.trim().to_owned();
        if value == "|" {
            value.clear();
            while let Some(more) = lines.next_if(|more| more.trim().is_empty() || indent(more) > indent(line))
            {
                value.push_str(more.trim());
                value.push(' ');
            }
        }
        values.push(value.trim_matches(['\'', '"']).to_owned());
    }
    values
}

/// Every expression of an alert, a panel, or an autoscaler's rule, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let alerts = "deploy/prometheus/alerts.yml";
    let mut found: Vec<_> =
        values(alerts, "expr").into_iter().map(|expr| (alerts.to_owned(), expr)).collect();
    for path in files("deploy/grafana/dashboards", ".json") {
        for (title, expr) in panels(&path) {
            found.push((format!("{path}, {title}"), expr));
        }
    }
    let adapter = "deploy/kubernetes/scale-out/prometheus-adapter.yaml";
    let rules = values(adapter, "seriesQuery");
    assert!(!rules.is_empty(), "{adapter} has a rule");
    found.extend(rules.into_iter().map(|expr| (adapter.to_owned(), expr)));
    found
}

/// Titles and expressions of a dashboard's panels.
fn panels(path: &str) -> Vec<(String, String)> {
    let dashboard: Value =
        serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let panels = dashboard["panels"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let targets = |panel: &Value| {
        panel["targets"].as_array().unwrap().iter().map(|t| text(&t["expr"])).collect::<Vec<_>>()
    };
    panels
        .iter()
        .flat_map(|panel| targets(panel).into_iter().map(|expr| (text(&panel["title"]), expr)))
        .collect()
}

/// Metrics of `to_come.txt` with their labels.
fn to_come() -> Labels {
    let lines = include_str!("to_come.txt").lines();
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().expect("a name"), words.collect())
        })
        .collect()
}

/// Series in the Prometheus text format, each with all labels it has.
fn series(text: &str) -> Labels {
    let mut found = Labels::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let asked = promql::asked(series);
        let (name, labels) = asked.metrics.into_iter().next().unwrap();
        found.entry(name).or_default().extend(labels);
    }
    found
}

/// What a server shows that has seen one of everything.
async fn shown() -> Labels {
    let server = start_analysing(|_| {}).await;
    let event = json!({"type": "message.user", "sessionId": "s", "content": INSULT, "idempotencyKey": "k"});
    server.store(event.clone()).await;
    server.store(event).await;
    server.post("/v1/events").json(&json!({"type": 7})).send().await.problem(422, "invalid-event");
    server.caught_up().await;
    let folded = eventually("the event and its analysis are counted", async || {
        let text = server.get("/metrics").await.text();
        (text.contains("\npipeline_events_total 2\n") && text.contains("\njobs_settled_total{"))
            .then_some(text)
    });
    series(&folded.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_dashboards_and_autoscalers_ask_only_for_what_the_server_shows() {
    let (shown, to_come) = (shown().await, to_come());
    let early: Vec<_> = to_come.keys().filter(|name| shown.contains_key(*name)).collect();
    assert!(early.is_empty(), "these have come: take them out of to_come.txt: {early:?}");
    let mut used = BTreeSet::new();
    for (place, expression) in expressions() {
        let asked = promql::asked(&expression);
        assert!(!asked.metrics.is_empty(), "{place}: {expression}");
        let mut known: BTreeSet<String> = OF_TARGETS.map(str::to_owned).into();
        for (name, labels) in asked.metrics {
            if OF_PROMETHEUS.contains(&name.as_str()) {
                continue;
            }
            let has = shown.get(&name).or_else(|| to_come.get(&name));
            let has = has.unwrap_or_else(|| panic!("{place}: no metric {name}"));
            for label in labels.iter().filter(|label| !OF_TARGETS.contains(&label.as_str())) {
                assert!(has.contains(label), "{place}: {name} has no label {label}: {has:?}");
            }
            known.extend(has.iter().cloned());
            used.insert(name);
        }
        for label in asked.grouping {
            assert!(known.contains(&label), "{place}: nothing has the label {label}: {expression}");
        }
    }
    let idle: Vec<_> = to_come.keys().filter(|name| !used.contains(*name)).collect();
    assert!(idle.is_empty(), "nothing asks for {idle:?}");
}

#[test]
fn the_autoscaler_scales_by_a_metric_that_the_adapter_makes() {
    let made: Vec<String> = values("deploy/kubernetes/scale-out/prometheus-adapter.yaml", "seriesQuery");
    let made: BTreeSet<_> =
        made.iter().flat_map(|query| promql::asked(query).metrics).map(|(name, _)| name).collect();
    let scaler = read("deploy/kubernetes/scale-out/autoscaling.yaml");
    let wanted: Vec<_> = scaler
        .split("metric:\n")
        .skip(1)
        .map(|rest| rest.lines().next().unwrap().trim().strip_prefix("name: ").expect("a name").to_owned())
        .collect();
    assert!(!wanted.is_empty() && wanted.iter().all(|name| made.contains(name)), "{wanted:?} of {made:?}");
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let alerts = values("deploy/prometheus/alerts.yml", "alert");
    let pages = values("deploy/prometheus/alerts.yml", "runbook_url");
    assert_eq!(pages, alerts.iter().map(|name| format!("docs/runbooks/{name}.md")).collect::<Vec<_>>());
    let expected: BTreeSet<_> = pages.iter().cloned().collect();
    assert_eq!(expected.len(), pages.len(), "names are unique");
    assert_eq!(files("docs/runbooks", ".md").into_iter().collect::<BTreeSet<_>>(), expected);
    for (alert, page) in alerts.iter().zip(&pages) {
        let text = read(page);
        assert!(text.starts_with(&format!("# {alert}\n")), "{page} begins with its alert");
        let headings: Vec<_> = text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, HEADINGS, "{page}");
    }
}

#[test]
fn commands_in_the_documents_exist() {
    let dir = tempfile::tempdir().unwrap();
    let help = say(dir.path(), &["--help"]);
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: BTreeSet<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    let mut pages = files("docs/runbooks", ".md");
    pages.push("docs/operations.md".to_owned());
    for page in pages {
        for line in read(&page).lines().map(|line| line.replace('`', " ")) {
            for (at, _) in line.match_indices("tidegate ") {
                // Only where a command begins, not in a path or in prose that names the program.
                let is_command = at == 0 || line[..at].ends_with("  ") || line[..at].ends_with("-- ");
                let word: String =
                    line[at + 9..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
                let is_known = commands.contains(word.as_str());
                assert!(!is_command || word.is_empty() || is_known, "{page}: no command {word:?}: {line}");
            }
        }
    }
}

/// The first four blocks of settings in the document are the profiles, one more is a model of one's own.
#[test]
fn profiles_in_the_document_are_settings() {
    let text = read("docs/operations.md");
    let section = text.split("## 10. Analyses and jobs").nth(1).expect("the section");
    let blocks: Vec<_> =
        section.split("```sh\n# ").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let shown: Vec<_> = blocks.iter().map(|block| settings_of(block)).collect();
    let all = |key: &str| shown.iter().map(|s| s["analysis"][key]["value"].clone()).collect::<Vec<_>>();
    assert_eq!(all("session_enabled"), [true, false, false, false, true].map(Value::from));
    assert_eq!(all("cot_enabled"), [true, true, true, false, true].map(Value::from));
    let models = [json!(["openai", "rules"]), json!(["mock"]), json!(["openai"]), json!(["rules"])];
    assert_eq!(all("models")[..4], models);
    assert_eq!(shown[0]["openai"]["timeout_ms"]["value"], 30_000);
    assert_eq!(shown[4]["openai"]["base_url"]["value"], "http://127.0.0.1:11434/v1");
    let file = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tidegate.toml");
    std::fs::write(&path, file).unwrap();
    let shown = say(dir.path(), &["config", "print", "--json", "--config", path.to_str().unwrap()]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let projects = shown["analysis"]["projects"]["value"].as_array().unwrap();
    assert_eq!((projects.len(), &projects[0]["project"]), (3, &json!("shop")));
}

/// What a server makes of a block of `NAME=value` lines.
fn settings_of(block: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let names = block.lines().filter_map(|line| line.split_once('='));
    let ended = tidegate_plain(dir.path()).args(["config", "print", "--json"]).envs(names).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{block}: {error}: {said}"))
}

#[test]
fn settings_files_hold_settings_the_server_knows() {
    let dir = tempfile::tempdir().unwrap();
    for overlay in ["embedded", "scale-out"] {
        let file = root().join("deploy/kubernetes").join(overlay).join("tidegate.toml");
        let shown = say(dir.path(), &["config", "print", "--json", "--config", file.to_str().unwrap()]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["server"]["listen"]["value"], json!(["0.0.0.0:3001"]), "{overlay}");
    }
}
