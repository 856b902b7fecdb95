//! Requests that delete, by the clients people type.

use super::words::Words;

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    let method = match words.program {
        "curl" => words.value_of(&["-X", "--request"]).or_else(|| joined(words)),
        "wget" => words.value_of(&["--method"]),
        "http" | "https" | "xh" | "httpie" => words.operands().first().copied(),
        "gh" | "glab" if words.operands().first() == Some(&"api") => words.value_of(&["-X", "--method"]),
        "Invoke-RestMethod" | "Invoke-WebRequest" | "iwr" | "irm" => words.value_of(&["-Method"]),
        _ => return None,
    };
    let method = method.unwrap_or_default().to_ascii_uppercase();
    (method == "DELETE" || (is_write(&method, words) && asks_to_delete(words))).then_some("http-delete")
}

/// `-XDELETE`
fn joined<'w>(words: &Words<'w>) -> Option<&'w str> {
    words.arguments.iter().find_map(|word| word.strip_prefix("-X").filter(|method| !method.is_empty()))
}

fn is_write(method: &str, words: &Words<'_>) -> bool {
    let sends = |word: &&str| matches!(*word, "-d" | "--data" | "--data-raw" | "--json" | "--data-binary");
    matches!(method, "POST" | "PUT" | "PATCH") || words.arguments.iter().any(sends)
}

/// A path or a query that deletes whatever the method is.
fn asks_to_delete(words: &Words<'_>) -> bool {
    const PATHS: [&str; 4] = ["_delete_by_query", "_cluster/settings", "/_close", "purge_cache"];
    words.arguments.iter().any(|word| {
        let mutates = word.contains("mutation")
            && ["delete", "Delete", "remove", "destroy"].iter().any(|verb| word.contains(verb));
        mutates || PATHS.iter().any(|path| word.contains(path)) || names_verb(word)
    })
}

/// Whether a part of the path is a verb that ends something: `…/subscriptions/sub_1/cancel`.
fn names_verb(url: &str) -> bool {
    const VERBS: [&str; 9] =
        ["purge", "delete", "destroy", "terminate", "revoke", "cancel", "void", "doDelete", "flush"];
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let skipped = if path.contains("://") { 3 } else { 1 };
    path.split('/').skip(skipped).any(|part| {
        VERBS.iter().any(|verb| {
            part.strip_prefix(verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
        })
    })
}
