//! Sentences of our own: contrasts that the public sets have too few of, in `own/contrast.txt`.

use crate::data::Row;

const CONTRAST: &str = include_str!("../own/contrast.txt");

/// The name of the set.
pub(crate) const SET: &str = "own_contrast";

/// Groups of people, and one of each.
const GROUPS: [(&str, &str); 10] = [
    ("women", "woman"),
    ("gay people", "gay person"),
    ("trans people", "trans person"),
    ("black people", "black person"),
    ("Muslims", "Muslim"),
    ("Jews", "Jew"),
    ("immigrants", "immigrant"),
    ("refugees", "refugee"),
    ("disabled people", "disabled person"),
    ("Mexicans", "Mexican"),
];
const SLURS: [&str; 8] = ["nigger", "faggot", "tranny", "retard", "bitch", "raghead", "wetback", "whore"];
/// Sentences about groups stand for this many of them, chosen by their place in the file.
const FILLED: usize = 3;

/// The rows: every sentence, filled with some groups of people. Rows of one sentence are one group.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut label = "";
    for (nth, line) in CONTRAST.lines().map(str::trim).enumerate() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            label = name;
        } else if !line.is_empty() && !line.starts_with('#') {
            let copies = if line.contains('{') { FILLED } else { 1 };
            rows.extend((0..copies).map(|copy| Row {
                id: format!("{SET}-{nth}-{copy}"),
                text: filled(line, nth * FILLED + copy),
                labels: vec![label.to_owned()],
                group: Some(format!("{SET}-{nth}")),
                ..Row::default()
            }));
        }
    }
    rows
}

fn filled(line: &str, nth: usize) -> String {
    let (group, one) = GROUPS[nth % GROUPS.len()];
    let text =
        line.replace("{group}", group).replace("{one}", one).replace("{slur}", SLURS[nth % SLURS.len()]);
    let mut letters = text.chars();
    // A sentence begins with a capital, whatever group it begins with.
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
