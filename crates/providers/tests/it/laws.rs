//! The laws of threat models, for both vendors.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tidegate_domain::ports::ThreatModel;
use tidegate_providers::judge::Judge;
use tidegate_providers::settings::Api;
use tidegate_testkit::threat_model::Fixture;

use crate::models::{TIMEOUT_MS, open, settings};
use tidegate_testkit::vendor::{Act, Seen, Vendor, chat, message, verdict};

struct Case {
    vendor: Vendor,
    model: Arc<Judge>,
    must_answer: bool,
}

impl Case {
    async fn new(
        api: Api,
        must_answer: bool,
        behaviour: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let vendor = Vendor::start(behaviour).await;
        let model = open(&settings(api, &vendor));
        Self { vendor, model, must_answer }
    }

    async fn answering(api: Api) -> Vec<Self> {
        let say = move |said: fn(&Seen) -> Value| {
            move |seen: &Seen| match api {
                Api::Openai => Act::ok(chat(&said(seen).to_string())),
                Api::Anthropic => Act::ok(message(seen, &said(seen))),
            }
        };
        vec![
            Self::new(api, true, say(|seen| verdict(seen, 0.25))).await,
            Self::new(api, true, say(|seen| verdict(seen, 0.0))).await,
            Self::new(api, true, say(wild)).await,
            Self::new(api, false, say(|_| json!({"risk_score": 0}))).await,
        ]
    }

    async fn failing(api: Api) -> Vec<Self> {
        let body = chat("{}").to_string();
        let acts = [
            Act::Hang,
            Act::Drip,
            Act::Close,
            Act::Half(body),
            Act::Raw("nonsense\r\n\r\n"),
            Act::ok("<html>"),
        ];
        let mut cases = Vec::new();
        for act in acts {
            cases.push(Self::new(api, false, move |_| act.clone()).await);
        }
        cases
    }

    /// The prompt without its code, split at its markers.
    fn reached(&self) -> Option<(String, String)> {
        let mut seen = self.vendor.seen().pop()?;
        let user = seen.body["messages"].as_array()?.last()?["content"].as_str()?.to_owned();
        assert_eq!(user.matches("<<<").count(), 2, "a text holds what a marker begins with: {user}");
        let lines: Vec<_> = user.lines().collect();
        let markers: Vec<_> = (0..lines.len()).filter(|at| lines[*at].starts_with("<<<")).collect();
        let [begin, end] = markers[..] else { panic!("{} markers in {user}", markers.len()) };
        let code = |at: usize| lines[at].split_once(' ').unwrap().1;
        assert_eq!(code(begin), code(end));
        seen.body["messages"].as_array_mut()?.pop();
        let outside = format!("{}{}{}", seen.body, lines[..begin].concat(), lines[end + 1..].concat());
        Some((outside, lines[begin + 1..end].concat()))
    }
}

/// All that an answer of the right form may say wrongly.
fn wild(seen: &Seen) -> Value {
    let long = "ä".repeat(5000);
    if seen.body.to_string().contains("reasoning_verdict") {
        let indicator = |quote: &str| json!({"label": "deception", "quote": quote});
        let quotes = ["a", "e", " ", "", "QXZMARK", "ä", &long].map(indicator);
        let many: Vec<_> = quotes.iter().cycle().take(30).collect();
        return json!({"risk_score": -3, "labels": ["deception", "evil", "deception"], "indicators": many, "summary": long});
    }
    let events: Vec<_> =
        (-3..60).rev().map(|event| json!({"event": event, "reason": "ä".repeat(600)})).collect();
    let patterns = ["policy_probing", "x", "long_conversation", "policy_probing", "reconnaissance"];
    json!({"risk_score": 1e300, "patterns": patterns, "explanation": long, "events": events})
}

macro_rules! vendor {
    ($module:ident, $api:expr) => {
        mod $module {
            use super::*;

            struct OfVendor(Case);

            #[async_trait]
            impl Fixture for OfVendor {
                async fn answering() -> Vec<Self> {
                    Case::answering($api).await.into_iter().map(Self).collect()
                }

                async fn failing() -> Vec<Self> {
                    Case::failing($api).await.into_iter().map(Self).collect()
                }

                fn model(&self) -> Arc<dyn ThreatModel> {
                    Arc::clone(&self.0.model) as Arc<dyn ThreatModel>
                }

                fn must_answer(&self) -> bool {
                    self.0.must_answer
                }

                fn timeout(&self) -> Duration {
                    Duration::from_millis(TIMEOUT_MS)
                }

                fn reached(&self) -> Option<(String, String)> {
                    self.0.reached()
                }
            }

            tidegate_testkit::threat_model_laws!(OfVendor);
        }
    };
}

vendor!(openai, Api::Openai);
vendor!(anthropic, Api::Anthropic);
