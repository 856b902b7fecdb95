//! Threat models by their names in the settings.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use tidegate_analysis::{MockModel, RulesModel};
use tidegate_domain::ports::ThreatModel;
use tidegate_providers::fallback::Fallback;
use tidegate_providers::settings::Api;

use crate::config::{Config, Vendor};
use crate::stores::Ports;

/// The names that `analysis.models` may hold.
pub const NAMES: [&str; 4] = ["rules", "mock", "openai", "anthropic"];

/// Every list of models that the settings name, set up once.
pub(super) struct Models(HashMap<Vec<String>, Arc<dyn ThreatModel>>);

impl Models {
    /// Sets up what the settings name. Errors: a vendor's settings cannot work.
    pub(super) fn open(config: &Config, ports: &Ports) -> anyhow::Result<Self> {
        let mut single: HashMap<String, Arc<dyn ThreatModel>> = HashMap::new();
        let mut lists = HashMap::new();
        for names in named(config) {
            for name in &names {
                if !single.contains_key(name) {
                    single.insert(name.clone(), model(name, config, ports)?);
                }
            }
            let models: Vec<_> = names.iter().map(|name| Arc::clone(&single[name])).collect();
            lists.insert(names, in_order(models).context("analysis.models is empty")?);
        }
        Ok(Self(lists))
    }

    /// The models of this list. Every list of the settings was set up by [`Models::open`].
    pub(super) fn of(&self, names: &[String]) -> Arc<dyn ThreatModel> {
        Arc::clone(self.0.get(names).expect("every list that the settings name was set up"))
    }
}

/// Calls a minute to each vendor, by its name.
pub(super) fn calls_per_minute(config: &Config) -> HashMap<String, u32> {
    let vendors = [("openai", &config.openai), ("anthropic", &config.anthropic)];
    vendors.into_iter().map(|(name, vendor)| (name.to_owned(), vendor.calls_per_minute)).collect()
}

/// The lists of models that the settings name.
fn named(config: &Config) -> Vec<Vec<String>> {
    let all = &config.analysis;
    let own = all.projects.iter().flat_map(|own| [&own.session_models, &own.cot_models]);
    let lists = [&all.models, &all.session_models, &all.cot_models].into_iter().chain(own);
    lists.filter(|names| !names.is_empty()).cloned().collect()
}

fn in_order(mut models: Vec<Arc<dyn ThreatModel>>) -> Option<Arc<dyn ThreatModel>> {
    if models.len() <= 1 {
        return models.pop();
    }
    let others = models.split_off(1);
    Some(Arc::new(Fallback::new(models.pop()?, others)))
}

fn model(name: &str, config: &Config, ports: &Ports) -> anyhow::Result<Arc<dyn ThreatModel>> {
    let vendor = |api, vendor: &Vendor| {
        let settings = vendor.settings(api).map_err(anyhow::Error::msg)?;
        let judge = tidegate_providers::open(name, &settings, ports.clock.clone(), ports.entropy.clone());
        Ok(Arc::new(judge.with_context(|| format!("[{name}]"))?) as Arc<dyn ThreatModel>)
    };
    match name {
        "rules" => Ok(Arc::new(RulesModel::new().context("rules")?)),
        "mock" => Ok(Arc::new(MockModel)),
        "openai" => vendor(Api::Openai, &config.openai),
        "anthropic" => vendor(Api::Anthropic, &config.anthropic),
        _ => bail!("there is no threat model `{name}`"),
    }
}
