//! Placeholder.
use crate::config::Config;
/// Flags.
#[derive(clap::Args, Debug)]
pub struct Args {}
/// Runs.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
