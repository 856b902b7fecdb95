//! The heads: what each lane of the weights was trained to tell.

/// Weights a feature: one a head.
pub const LANES: usize = 16;

macro_rules! heads {
    ($($(#[$doc:meta])+ $head:ident $name:literal,)+) => {
        /// One classifier: a lane of the weights.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Head {
            $($(#[$doc])+ $head,)+
        }

        impl Head {
            /// Every head, by lane.
            pub const ALL: [Self; LANES] = [$(Self::$head,)+];

            /// The name in reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$head => $name,)+
                }
            }
        }
    };
}

heads! {
    /// Spam in short messages.
    SpamMessage "spam_message",
    /// Spam in comments.
    SpamComment "spam_comment",
    /// Toxic, of any kind and place.
    Toxic "toxic",
    /// Offensive, as people judge tweets.
    Offensive "offensive",
    /// Hateful, of any kind and place.
    Hate "hate",
    /// Hateful rather than offensive, as people judge tweets.
    HateTweet "hate_tweet",
    /// Hateful, where the same words may also be harmless.
    HateContrast "hate_contrast",
    /// Sexist.
    Sexist "sexist",
    /// Harassment of a person.
    Harassment "harassment",
    /// Violence: threats, praise, gore.
    Violence "violence",
    /// Sexual content.
    Sexual "sexual",
    /// Instructions of a user against those of the owner.
    InjectionDirect "injection_direct",
    /// Instructions in what a tool returned.
    InjectionIndirect "injection_indirect",
    /// Tricks to make a model drop its rules.
    Jailbreak "jailbreak",
    /// Requests for help with harm.
    HarmfulIntent "harmful_intent",
    /// Risky in any way that moderators look for.
    AnyRisk "any_risk",
}
