//! From settings to a threat model.

use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tidegate_domain::ports::{Clock, Entropy};

use crate::breaker::{Guarded, Policy};
use crate::http::{BaseUrl, Connecting, HttpClient, Reach, Roots, SystemResolver, tls};
use crate::judge::{Judge, Limits};
use crate::model::{Anthropic, ModelClient, OpenAi, Vendor, anthropic, openai};
use crate::price::Prices;
use crate::settings::{Api, ModelSettings, SettingError};

/// Why a model cannot be set up. The settings must change.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting that cannot be.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The key holds bytes that no header may hold.
    #[error("api_key is *** : not a header's value")]
    Key,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// The threat model of `settings`, with a breaker; `name` is its provider's in metrics, logs and versions.
///
/// Nobody is called before it is first asked. Cost: reads the system's certificates if the model is called by `https`.
pub fn open(
    name: &str,
    settings: &ModelSettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Judge, OpenError> {
    settings.check()?;
    let policy =
        Policy { failures: settings.breaker_failures, open: Duration::from_millis(settings.breaker_open_ms) };
    let client = Guarded::new(name.to_owned(), client(settings, clock)?, policy, entropy);
    let prices = Prices {
        input_microusd_per_mtok: settings.price_input_microusd_per_mtok,
        output_microusd_per_mtok: settings.price_output_microusd_per_mtok,
    };
    let limits =
        Limits { prompt_chars_max: settings.prompt_chars_max, output_tokens_max: settings.output_tokens_max };
    Ok(Judge::new(name, &settings.model, Arc::new(client), prices, limits))
}

fn client(settings: &ModelSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn ModelClient>, OpenError> {
    let model = settings.model.clone();
    let temperature = Some(settings.temperature).filter(|temperature| *temperature >= 0.0);
    Ok(match settings.api {
        Api::Openai => {
            let vendor = vendor(settings, openai::PATH, openai_headers(settings)?, clock)?;
            Arc::new(OpenAi::new(vendor, model, temperature, settings.output_limit))
        }
        Api::Anthropic => {
            let vendor = vendor(settings, anthropic::PATH, anthropic_headers(settings)?, clock)?;
            Arc::new(Anthropic::new(vendor, model, temperature))
        }
    })
}

fn openai_headers(settings: &ModelSettings) -> Result<HeaderMap, OpenError> {
    let mut headers = Vendor::headers();
    if let Some(key) = &settings.api_key {
        let bearer = Vendor::secret(&format!("Bearer {}", key.expose())).map_err(|_| OpenError::Key)?;
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

fn anthropic_headers(settings: &ModelSettings) -> Result<HeaderMap, OpenError> {
    let mut headers = Vendor::headers();
    headers
        .insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(anthropic::VERSION));
    if let Some(key) = &settings.api_key {
        let key = Vendor::secret(key.expose()).map_err(|_| OpenError::Key)?;
        headers.insert(HeaderName::from_static("x-api-key"), key);
    }
    Ok(headers)
}

fn vendor(
    settings: &ModelSettings,
    path: &str,
    headers: HeaderMap,
    clock: Arc<dyn Clock>,
) -> Result<Vendor, OpenError> {
    let no_base = || SettingError { key: "base_url", rule: "must be the base of an address" };
    let own = || settings.api.base_url().parse::<BaseUrl>().ok();
    let base = settings.base_url.clone().or_else(own).ok_or_else(no_base)?;
    let connecting = Connecting {
        reach: Reach { loopback: true, private: settings.allow_private },
        allow_plain_http: settings.allow_plain_http,
        timeout: Duration::from_millis(settings.connect_timeout_ms),
        resolver: Arc::new(SystemResolver),
        tls: base.is_tls().then(|| tls(Roots::Native)).transpose()?,
    };
    Ok(Vendor {
        http: HttpClient::new(connecting, settings.response_bytes_max),
        uri: base.join(path).map_err(|_| no_base())?,
        headers,
        timeout: Duration::from_millis(settings.timeout_ms),
        clock,
    })
}
