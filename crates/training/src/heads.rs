//! What each row teaches each head: that it is, that it is not, or nothing.
//!
//! A set teaches only the heads that its labels decide. Benign chat is a negative of every head: it keeps everyday
//! prompts from being taken for what they merely resemble.

use tidegate_screening::{Head, LANES};

use crate::data::Row;
use crate::own;

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

/// The sets of benign sessions whose user turns are negatives.
pub(crate) const CHATS: [&str; 2] = ["sessions_mtchat", "sessions_task"];

/// For each head: +1 it is, -1 it is not, 0 not known.
pub(crate) type Lessons = [i8; LANES];

/// What `row` of the set `set` teaches.
pub(crate) fn lessons(set: &str, row: &Row) -> Lessons {
    use Head::{
        AnyRisk, Harassment, HarmfulIntent, Hate, HateContrast, HateTweet, InjectionDirect,
        InjectionIndirect, Jailbreak, Offensive, Sexist, Sexual, SpamComment, SpamMessage, Toxic, Violence,
    };
    let mut lessons = Lesson::default();
    match set {
        "spam_sms" => {
            lessons.say(&[SpamMessage], row.has("SPAM"));
            lessons.not(&[Jailbreak, InjectionDirect, HarmfulIntent]);
            if !row.has("SPAM") {
                lessons.not(&[SpamComment]);
            }
        }
        "spam_youtube" => {
            lessons.say(&[SpamComment], row.has("SPAM"));
            if !row.has("SPAM") {
                lessons.not(&[SpamMessage]);
            }
        }
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
                lessons.not(&[
                    Jailbreak,
                    InjectionIndirect,
                    SpamComment,
                    HarmfulIntent,
                    Sexual,
                    Harassment,
                    Toxic,
                ]);
            }
        }
        "injection_indirect" => {
            lessons.say(&[InjectionIndirect], row.has("INJECTION"));
            if !row.has("INJECTION") {
                lessons.not(&[
                    InjectionDirect,
                    Jailbreak,
                    HarmfulIntent,
                    SpamMessage,
                    Harassment,
                    Violence,
                    Sexual,
                    Toxic,
                ]);
            }
        }
        "harmful_intent" => lessons.say(&[HarmfulIntent], row.has("HARMFUL_INTENT")),
        "xstest" => lessons.say(&[HarmfulIntent], row.has("HARMFUL_INTENT")),
        own::SET if row.has("HATE_SPEECH") => lessons.is(&[Hate, HateContrast, AnyRisk]),
        own::SET if row.has("NOT_HATE") => lessons.not(&[Hate, HateContrast, Violence]),
        own::SET => own_sentence(&mut lessons, row),
        "sessions_task" => lessons.not(&[HarmfulIntent, InjectionDirect, Jailbreak, Harassment, Toxic]),
        _ => lessons.not(&Head::ALL),
    }
    lessons.0
}

/// The moderation set leaves labels undecided where nobody looked.
fn moderation(lessons: &mut Lesson, row: &Row) {
    let risky = !row.has("LOW_RISK");
    if row.certain || risky {
        lessons.say(&[Head::AnyRisk], risky);
    }
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

/// Sentences of our own: each label teaches its heads, and those that the sentence surely is not of.
fn own_sentence(lessons: &mut Lesson, row: &Row) {
    use Head::{AnyRisk, Harassment, HarmfulIntent, Hate, HateContrast, Sexist, Sexual, Toxic, Violence};
    if row.has("HARMLESS") {
        lessons.not(&Head::ALL.map(|head| if head == Head::SpamComment { HarmfulIntent } else { head }));
    } else if row.has("HARMFUL_INTENT") || row.has("BENIGN") {
        lessons.say(&[HarmfulIntent], row.has("HARMFUL_INTENT"));
    } else if row.has("INJECTION") {
        lessons.is(&[Head::InjectionDirect]);
    } else if row.has("TRIGGERS") {
        lessons.not(&[Head::InjectionDirect, Head::InjectionIndirect, Head::Jailbreak, HarmfulIntent]);
    } else if row.has("TARGETED_HARASSMENT") {
        lessons.is(&[Harassment, Toxic, AnyRisk]);
        lessons.not(&[Sexual]);
    } else if row.has("VIOLENCE") {
        lessons.is(&[Violence, AnyRisk]);
        lessons.not(&[Sexual]);
    } else if row.has("SEXUAL") {
        lessons.is(&[Sexual, AnyRisk]);
        lessons.not(&[Violence, Hate]);
    } else if row.has("TOXIC") {
        lessons.is(&[Toxic]);
        lessons.not(&[Sexual, Violence, Hate, HateContrast, Sexist]);
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
