//! Threat models as an operator would set them up, at a vendor of a test's.

use std::sync::Arc;

use tidegate_domain::analysis::{SessionRequest, TurnKind};
use tidegate_domain::secret::Secret;
use tidegate_providers::judge::Judge;
use tidegate_providers::settings::{Api, ModelSettings};
use tidegate_testkit::threat_model::{session, turn};
use tidegate_testkit::world::{ManualClock, SeededEntropy};

use tidegate_testkit::vendor::Vendor;

/// The key of every test: seen in requests, and nowhere else.
pub(crate) const KEY: &str = "sk-hunter2-HUNTER2";
/// More than an answer takes here, and little to wait for.
pub(crate) const TIMEOUT_MS: u64 = 1500;

pub(crate) fn settings(api: Api, vendor: &Vendor) -> ModelSettings {
    let path = if api == Api::Openai { "/v1" } else { "" };
    ModelSettings {
        api,
        base_url: Some(format!("http://{}{path}", vendor.address).parse().unwrap()),
        api_key: Some(Secret::new(KEY)),
        model: "small-1".into(),
        timeout_ms: TIMEOUT_MS,
        response_bytes_max: 100_000,
        breaker_failures: 3,
        breaker_open_ms: 1000,
        price_input_microusd_per_mtok: 50_000,
        price_output_microusd_per_mtok: 400_000,
        ..ModelSettings::default()
    }
}

pub(crate) fn open(settings: &ModelSettings) -> Arc<Judge> {
    let name = if settings.api == Api::Openai { "openai" } else { "anthropic" };
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SeededEntropy::new(1)));
    Arc::new(tidegate_providers::open(name, settings, clock, entropy).unwrap())
}

/// A session of two turns with no floor.
pub(crate) fn request() -> SessionRequest {
    session(vec![turn(0, TurnKind::User, "hello"), turn(1, TurnKind::Assistant, "hi")], 0.0)
}
