//! Where an import goes: a server that runs, or the data directory opened for the purpose.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context;
use hyper::{Method, header};
use serde::Deserialize;
use tidegate_domain::id::ProjectId;

use super::Args;
use crate::cli::client::{BaseUrl, Client, running_server};
use crate::cli::out;
use crate::config::{Config, Secret};
use crate::http::auth::DEV_PROJECT;
use crate::run::Running;

/// How long a server that is not ours may take to screen what was sent.
const SCREENING_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// The server that takes the events.
pub(super) struct Target {
    base: BaseUrl,
    api_key: Option<String>,
    own: Option<Own>,
}

/// A server of our own, in this process, on loopback, with a key that only we know.
struct Own {
    running: Running,
    is_screening: bool,
}

impl Target {
    /// `--url` if it is given; else the server that runs on the data directory; else one of our own on it.
    pub(super) async fn choose(args: &Args, config: Config) -> anyhow::Result<Self> {
        let known = args.url.clone().or_else(|| running_server(&config.server.data_dir));
        if let Some(base) = known {
            out::note(&format!("importing through the server at {base}"));
            return Ok(Self { base, api_key: args.api_key.clone(), own: None });
        }
        let data_dir = config.server.data_dir.display().to_string();
        out::note(&format!("no server runs on {data_dir}: opening it"));
        Self::own(args.project.clone(), config).await.with_context(|| format!("cannot open {data_dir}"))
    }

    async fn own(project: Option<ProjectId>, mut config: Config) -> anyhow::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).context("the system gives no random bytes")?;
        let key = data_encoding::HEXLOWER.encode(&secret);
        let is_screening = config.pipeline.enabled;
        config.server.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        config.access.static_keys = vec![Secret::new(key.as_str())];
        if let Some(project) = project {
            config.access.static_keys_project = project;
        } else if config.server.dev {
            config.access.static_keys_project = DEV_PROJECT.parse()?;
        }
        let running = crate::run::start(config).await?;
        let address = *running.addresses.first().context("the server listens nowhere")?;
        Ok(Self { base: address.into(), api_key: Some(key), own: Some(Own { running, is_screening }) })
    }

    /// A client of it.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Client::new(self.base.clone(), self.api_key.as_deref())
    }

    /// The project that events should name, so that a server of others checks it against the key.
    pub(super) fn project_to_check(&self, args: &Args) -> Option<String> {
        if self.own.is_some() {
            None
        } else {
            args.project.as_ref().map(|project| project.as_str().to_owned())
        }
    }

    /// Waits until what was sent is screened, if it ever will be; for a server of others only half a minute.
    pub(super) async fn settle(&self, client: &mut Client) {
        match &self.own {
            Some(own) if own.is_screening => own.running.caught_up().await,
            Some(_) => {}
            None => wait_for_pipeline(client).await,
        }
    }

    /// Closes what was opened.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self.own {
            Some(own) => own.running.stop().await,
            None => Ok(()),
        }
    }
}

/// The part of `/v1/metrics` that says how far screening is behind.
#[derive(Deserialize)]
struct Lag {
    pipeline_lag_events: u64,
}

async fn wait_for_pipeline(client: &mut Client) {
    let started = Instant::now();
    let accept = [(header::ACCEPT, "application/json")];
    while started.elapsed() < SCREENING_MAX {
        let answer = client.send(Method::GET, "/v1/metrics", &accept, bytes::Bytes::new()).await;
        match answer.and_then(|answer| answer.success()?.json::<Lag>()) {
            Ok(lag) if lag.pipeline_lag_events > 0 => tokio::time::sleep(POLL).await,
            // Nothing is behind, or it cannot be known: the summary shows what there is.
            Ok(_) | Err(_) => return,
        }
    }
}
