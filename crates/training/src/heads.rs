//! What each row teaches each head: that it is, that it is not, or nothing.
//!
//! A set teaches only the heads that its labels decide. Benign chat is a negative of every head: it keeps everyday
//! prompts from being taken for what they merely resemble.

use tidegate_screening::{Head, LANES};

use crate::data::Row;

/// The sets that are trained on, by the names of their files.
pub(crate) const SETS: [&str; 13] = [
    "mod_openai",
    "hatecheck",
    "davidson_tweets",
    "surge_toxicity",
    "edos_sexism",
    "spam_sms",
    "spam_youtube",
    "jailbreak",
    "injection_direct",
    "notinject",
    "injection_indirect",
    "xstest",
    "harmful_intent",
];

/// The set of benign sessions whose user turns are negatives of every head.
pub(crate) const CHAT: &str = "sessions_mtchat";

/// For each head: +1 it is, -1 it is not, 0 not known.
pub type Lessons = [i8; LANES];

/// What `row` of the set `set` teaches.
pub(crate) fn lessons(set: &str, row: &Row) -> Lessons {
    use Head::{
        Harassment, HarmfulContrast, HarmfulIntent, Hate, HateContrast, HateTweet, InjectionDirect,
        InjectionIndirect, Jailbreak, Offensive, Sexist, Sexual, SpamComment, SpamMessage, Toxic, Violence,
    };
    let mut lessons = Lesson::default();
    match set {
        "spam_sms" => {
            lessons.say(&[SpamMessage], row.has("SPAM"));
            lessons.not(&[Jailbreak, InjectionDirect, HarmfulIntent]);
        }
        "spam_youtube" => lessons.say(&[SpamComment], row.has("SPAM")),
        "surge_toxicity" => lessons.say(&[Toxic], row.has("TOXIC")),
        "davidson_tweets" => {
            let hate = row.has("HATE_SPEECH");
            lessons.say(&[Offensive], hate || row.has("TOXIC"));
            lessons.say(&[HateTweet], hate);
        }
        "edos_sexism" => lessons.say(&[Sexist], row.has("SEXIST")),
        "hatecheck" => {
            lessons.say(&[Hate, HateContrast], row.has("HATE_SPEECH"));
            let kind = row.functionality.as_deref().unwrap_or("");
            if kind.starts_with("threat_") {
                lessons.is(&[Violence]);
            }
            if kind == "target_indiv_nh" {
                lessons.is(&[Harassment, Toxic]);
            }
        }
        "mod_openai" => moderation(&mut lessons, row),
        "jailbreak" => {
            lessons.say(&[Jailbreak], row.has("JAILBREAK"));
            if !row.has("JAILBREAK") {
                lessons.not(&[SpamComment, Sexual, Violence, Harassment, Hate]);
            }
        }
        "injection_direct" | "notinject" => {
            lessons.say(&[InjectionDirect], row.has("INJECTION"));
            if !row.has("INJECTION") {
                lessons.not(&[Jailbreak, SpamComment]);
            }
        }
        "injection_indirect" => lessons.say(&[InjectionIndirect], row.has("INJECTION")),
        "harmful_intent" => lessons.say(&[HarmfulIntent], row.has("HARMFUL_INTENT")),
        "xstest" => lessons.say(&[HarmfulIntent, HarmfulContrast], row.has("HARMFUL_INTENT")),
        _ => lessons.not(&Head::ALL),
    }
    lessons.0
}

/// The moderation set leaves labels undecided where nobody looked.
fn moderation(lessons: &mut Lesson, row: &Row) {
    let heads = [
        (Head::Hate, "HATE_SPEECH"),
        (Head::Harassment, "TARGETED_HARASSMENT"),
        (Head::Violence, "VIOLENCE"),
        (Head::Sexual, "SEXUAL"),
    ];
    for (head, label) in heads {
        if !row.unknown.iter().any(|unknown| unknown == label) {
            lessons.say(&[head], row.has(label));
        }
    }
}

#[derive(Default)]
struct Lesson(Lessons);

impl Lesson {
    fn say(&mut self, heads: &[Head], it_is: bool) {
        for &head in heads {
            self.0[head as usize] = if it_is { 1 } else { -1 };
        }
    }

    fn is(&mut self, heads: &[Head]) {
        self.say(heads, true);
    }

    fn not(&mut self, heads: &[Head]) {
        self.say(heads, false);
    }
}
