//! Masking: hides secrets and personal data before the first durable byte (law 7), on every door.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use tidegate_domain::event::Event;
use tidegate_domain::json;

/// Hides what must not be stored. Runs before an event is encoded, so the log, Views and every reader see the
/// masked text only.
pub trait Mask: Send + Sync {
    /// Changes `event` in place.
    fn apply(&self, event: &mut Event<'_>);
}

/// Hides what must not be stored in one text.
pub trait Hide: Send + Sync {
    /// The text without it; the text itself if there is nothing to hide. Hiding twice is hiding once.
    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str>;
}

/// One masking rule.
#[derive(Clone, Debug)]
pub struct MaskRule {
    /// Shown in place of what was hidden: `[masked:name]`.
    pub name: String,
    /// What to hide: a regular expression of the linear-time `regex` crate.
    pub pattern: String,
}

/// A masking rule that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The pattern is no regular expression, or compiles to more than the limit.
    #[error("masking rule {name}")]
    Pattern {
        /// The rule.
        name: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// The name would break the JSON it is put into.
    #[error("masking rule {0:?}: a name is 1..=64 characters of A-Za-z0-9._-")]
    Name(String),
}

/// Size of one compiled pattern: a rule bomb is refused when it is set, not when it runs.
const COMPILED_MAX_BYTES: usize = 1 << 20;

/// Hides in `content`, and in every string of `data`, `attribution` and `context`.
pub struct EventMask {
    /// One after the other.
    hides: Vec<Box<dyn Hide>>,
}

/// Hides what regular expressions name.
pub struct RegexMask {
    rules: Vec<(Regex, String)>,
}

impl RegexMask {
    /// A mask of these rules, applied in order; `None` if there are none.
    pub fn new(rules: &[MaskRule]) -> Result<Option<Self>, RuleError> {
        let compiled: Vec<_> = rules.iter().map(compile).collect::<Result<_, _>>()?;
        Ok((!compiled.is_empty()).then_some(Self { rules: compiled }))
    }
}

impl Hide for RegexMask {
    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.rules.iter().fold(Cow::Borrowed(text), |text, (pattern, mark)| {
            match pattern.replace_all(&text, regex::NoExpand(mark)) {
                Cow::Borrowed(_) => text,
                Cow::Owned(masked) => Cow::Owned(masked),
            }
        })
    }
}

impl EventMask {
    /// A mask that applies `hides` in order.
    pub fn new(hides: Vec<Box<dyn Hide>>) -> Self {
        Self { hides }
    }

    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.hides.iter().fold(Cow::Borrowed(text), |text, hide| match hide.hide(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(masked) => Cow::Owned(masked),
        })
    }

    fn mask_json(&self, raw: &str) -> Option<String> {
        json::change_strings(raw, |text| match self.mask(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        })
    }
}

fn compile(rule: &MaskRule) -> Result<(Regex, String), RuleError> {
    let MaskRule { name, pattern } = rule;
    let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if name.is_empty() || name.len() > 64 || !clean {
        return Err(RuleError::Name(name.clone()));
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(COMPILED_MAX_BYTES)
        .build()
        .map_err(|source| RuleError::Pattern { name: name.clone(), source: Box::new(source) })?;
    Ok((regex, format!("[masked:{name}]")))
}

impl Mask for EventMask {
    fn apply(&self, event: &mut Event<'_>) {
        if let Some(content) = &event.content
            && let Cow::Owned(masked) = self.mask(content)
        {
            event.content = Some(masked.into());
        }
        for object in [&mut event.data, &mut event.attribution] {
            if let Some(masked) = object.as_deref().and_then(|json| self.mask_json(json)) {
                *object = Some(masked.into());
            }
        }
        if let Some(masked) = event.extra.as_deref().and_then(|extra| self.mask_json(extra)) {
            event.extra = Some(masked.into());
        }
        if let Some(masked) = self.mask_json(&event.context) {
            event.context = masked.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn nothing_that_a_rule_names_is_left_in_any_text(
            content in "[a-z 4]{0,20}", words in prop::collection::vec("([a-z\"\\\\ ]|4242){0,8}", 0..6), n: i64,
        ) {
            let data = json!({"4242": words, "n": n, "in": {"s": content}});
            let mut event = Event {
                content: Some(format!("{content}4242{content}").into()),
                data: Some(data.to_string().into()),
                context: data.to_string().into(),
                ..Event::default()
            };
            let mask = mask("4242");
            mask.apply(&mut event);
            prop_assert!(!event.content.as_deref().unwrap().contains("4242"));
            for masked in [event.data.as_deref().unwrap(), &event.context] {
                let value: Value = serde_json::from_str(masked).unwrap();
                prop_assert_eq!(&value["n"], &json!(n), "numbers stay");
                let expected: Vec<_> = words.iter().map(|word| word.replace("4242", "[masked:card]")).collect();
                prop_assert_eq!(&value["4242"], &json!(expected), "names stay, strings are masked");
            }
            let once = event.clone();
            mask.apply(&mut event);
            prop_assert_eq!(event, once, "masked once is masked");
        }
    }

    fn mask(pattern: &str) -> EventMask {
        let rule = MaskRule { name: "card".into(), pattern: pattern.into() };
        EventMask::new(vec![Box::new(RegexMask::new(&[rule]).unwrap().unwrap())])
    }

    #[test]
    fn content_and_every_string_of_data_are_masked() {
        let mut event = Event {
            content: Some("my card is 4111111111111111, ok?".into()),
            data: Some(r#"{"note":["4111111111111111"],"n":4111111111111111}"#.into()),
            attribution: Some(r#"{"referrer":"/?card=4111111111111111"}"#.into()),
            context: r#"{"extra":{"x":"4111111111111111"}}"#.into(),
            ..Event::default()
        };
        mask(r"\b4\d{15}\b").apply(&mut event);
        assert_eq!(event.content.as_deref(), Some("my card is [masked:card], ok?"));
        assert_eq!(event.data.as_deref(), Some(r#"{"note":["[masked:card]"],"n":4111111111111111}"#));
        assert_eq!(event.attribution.as_deref(), Some(r#"{"referrer":"/?card=[masked:card]"}"#));
        assert_eq!(event.context, r#"{"extra":{"x":"[masked:card]"}}"#);
    }

    #[test]
    fn an_event_without_a_secret_stays_as_sent() {
        let mut event = Event { data: Some(r#"{ "n": 1.50 }"#.into()), ..Event::default() };
        mask("secret").apply(&mut event);
        assert_eq!(event.data.as_deref(), Some(r#"{ "n": 1.50 }"#));
    }

    #[test]
    fn a_rule_that_cannot_be_used_says_why() {
        let rule = |name: &str, pattern: &str| {
            RegexMask::new(&[MaskRule { name: name.into(), pattern: pattern.into() }])
        };
        assert!(matches!(rule("a", "("), Err(RuleError::Pattern { .. })));
        assert!(matches!(rule("a", r"\w{5000}{50}"), Err(RuleError::Pattern { .. })));
        assert!(matches!(rule("a\"b", "x"), Err(RuleError::Name(_))));
    }
}
