//! Tier 0: rules over words, signs and facts. Each rule that fires becomes a flag with a reason in words.
//!
//! A rule speaks for one category. How strongly grows with the number of places where it fired, up to a limit; rules of
//! one category add up as independent evidence does (noisy-or). The table is [`Rule`].

mod abuse;
mod author;
mod contact;
mod evidence;
mod floods;
mod models;
mod shouting;

pub(crate) use evidence::Evidence;

use tidegate_domain::assessment::Category;
use tidegate_domain::author::Facts;

use crate::lexicon::Tag;
use crate::normal::Normal;

macro_rules! rules {
    ($($rule:ident $code:literal $category:ident $first:literal $most:literal $reason:literal,)+) => {
        /// A rule of tier 0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rule {
            $($rule,)+
        }

        impl Rule {
            /// Every rule, by its number.
            pub(crate) const ALL: &[Self] = &[$(Self::$rule,)+];

            /// The name in flags.
            pub(crate) fn code(self) -> &'static str {
                match self {
                    $(Self::$rule => $code,)+
                }
            }

            /// What the rule is evidence of.
            pub(crate) fn category(self) -> Category {
                match self {
                    $(Self::$rule => Category::$category,)+
                }
            }

            fn reason(self) -> &'static str {
                match self {
                    $(Self::$rule => $reason,)+
                }
            }

            /// Hundredths of evidence: of each place, and at most.
            fn strength(self) -> (u32, u32) {
                match self {
                    $(Self::$rule => ($first, $most),)+
                }
            }
        }
    };
}

rules! {
    AllCapsSpam "all_caps_spam" Spam 20 20 "Most letters are capitals.",
    RepeatedPunctuation "repeated_punctuation" Spam 10 15 "Exclamation or question marks stand three or more in a row.",
    RepeatedCharacters "repeated_characters" Spam 15 15 "One character stands five or more times in a row.",
    SpamCue "spam_cue" Spam 12 45 "Words that sell or ask for clicks.",
    LinkFlood "link_flood" Spam 20 60 "More than two links.",
    MentionFlood "mention_flood" Spam 10 60 "More than four people or tags are mentioned.",
    OffensiveLanguage "offensive_language" Toxic 15 75 "Words of contempt, swear words or insults.",
    TargetingBehavior "targeting_behavior" LowRisk 0 0 "Words that address the reader stand near an offensive word.",
    NameCalling "name_calling" TargetedHarassment 80 90 "The reader is called names.",
    Threat "threat" Violence 65 85 "Somebody is threatened with harm.",
    Slur "slur" HateSpeech 40 70 "A word made to degrade a group of people.",
    IdentityAttack "identity_attack" HateSpeech 55 80 "Contempt, insults or harm stand next to a group of people.",
    SexualContent "sexual_content" Sexual 20 70 "Words of sexual content.",
    SelfHarm "self_harm" SelfHarm 85 95 "The writer speaks of harming or killing themselves.",
    Doxxing "doxxing" TargetedHarassment 55 75 "Where somebody lives or can be reached is given away.",
    PromptOverride "prompt_override" PromptInjection 60 85 "A model is told to ignore its instructions.",
    PersonaUnlimited "persona_unlimited" Jailbreak 35 80 "A model is to play somebody who has no rules.",
    Obfuscation "obfuscation" LowRisk 0 0 "An abusive word is written so that word lists miss it.",
    HiddenCharacters "hidden_characters" LowRisk 0 0 "Invisible or direction-changing characters stand inside the text.",
    DecodedText "decoded_text" LowRisk 0 0 "Encoded text was found and screened too.",
    CrossPosting "cross_posting" Spam 35 80 "The author sent the same text to several channels within the hour.",
    RapidMessages "rapid_messages" Spam 30 60 "The author sent very many messages within the minute.",
    NewAccount "new_account" LowRisk 0 5 "The account is younger than a week.",
    LowReputation "low_reputation" LowRisk 0 5 "The platform gives the author a low reputation.",
    PreviousViolations "previous_violations" LowRisk 0 10 "The author has broken the platform's rules before.",
    RecentToxicity "recent_toxicity" LowRisk 0 10 "Much of what the author sent lately was risky.",
    EscalationTrend "escalation_trend" LowRisk 0 5 "The author's messages are riskier now than in the week before.",
}

/// Why a flag was set, in words; `None` for a code this version does not know.
pub(crate) fn reason(code: &str) -> Option<&'static str> {
    let rule = Rule::ALL.iter().find(|rule| rule.code() == code).map(|rule| rule.reason());
    rule.or_else(|| {
        let learned = code.strip_prefix("learned_")?;
        Category::parse(learned)
            .map(|_| "The words resemble those of texts that people put into this category.")
    })
}

/// Applies every rule to a text. Cost O(bytes).
pub(crate) fn apply(normal: &Normal<'_>, tags: &[Tag], evidence: &mut Evidence) {
    let text = normal.original();
    shouting::scan(text, &normal.shape, evidence);
    floods::scan(text, evidence);
    abuse::scan(normal, tags, evidence);
    contact::scan(normal, tags, evidence);
    models::scan(normal, tags, evidence);
}

/// Applies the rules about the author. Cost O(1).
pub(crate) fn apply_facts(facts: &Facts, evidence: &mut Evidence) {
    author::weigh(facts, evidence);
}
