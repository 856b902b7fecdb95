//! Settings: any file and environment load or are refused by name, no secret is shown, and what is printed loads again.

use std::fs;

use serde_json::Value;
use tempfile::NamedTempFile;
use tidegate_server::config::{Loaded, Sources, load};

/// A key that must never be shown.
const SECRET: &str = "canary-71c5d2e09b";

thread_local! {
    static FILE: NamedTempFile = NamedTempFile::new().expect("a file for settings");
}

/// Lines that begin with `$` are the environment, as `$NAME=value`; the others are the file.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.contains(SECRET) {
        return;
    }
    let (mut file, mut env) = (String::new(), Vec::new());
    for line in text.lines() {
        match line.strip_prefix('$') {
            Some(set) => {
                let (name, value) = set.split_once('=').unwrap_or((set, ""));
                env.push((name.to_owned(), value.to_owned()));
            }
            None => {
                file.push_str(line);
                file.push('\n');
            }
        }
    }
    env.push(("TIDEGATE_ACCESS__STATIC_KEYS".to_owned(), SECRET.to_owned()));
    match load_text(&file, env) {
        Err(refused) => assert!(!refused.is_empty() && !refused.contains(SECRET), "{refused}"),
        Ok(loaded) => accepted(&loaded),
    }
}

fn load_text(file: &str, env: Vec<(String, String)>) -> Result<Loaded, String> {
    FILE.with(|settings| {
        fs::write(settings.path(), file).expect("the file can be written");
        load(Sources { file: Some(settings.path()), env, flags: Vec::new() }).map_err(|e| e.to_string())
    })
}

fn accepted(loaded: &Loaded) {
    let (toml, json) = (loaded.print(false), loaded.print(true));
    assert!(![&toml, &json, &format!("{loaded:?}")].into_iter().any(|shown| shown.contains(SECRET)));
    if let Err(refused) = tidegate_server::screening::open(&loaded.config) {
        panic!("settings were accepted, and the server cannot start with them: {refused:#}");
    }
    let again = load_text(&toml, Vec::new())
        .unwrap_or_else(|refused| panic!("{refused} in what was printed:\n{toml}"));
    assert_eq!(values(&again.print(true)), values(&json), "what is printed loads as it was");
}

/// The settings without where they came from.
fn values(json: &str) -> Value {
    let mut root: Value = serde_json::from_str(json).expect("settings print as JSON");
    for setting in root.as_object_mut().into_iter().flat_map(|sections| sections.values_mut()) {
        for value in setting.as_object_mut().into_iter().flat_map(|section| section.values_mut()) {
            *value = value["value"].take();
        }
    }
    root
}
