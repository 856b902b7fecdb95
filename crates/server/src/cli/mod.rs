//! The command line: one module a command, each with its `Args` and its `run`.

pub mod backup;
pub mod bench;
pub mod client;
mod command;
mod doctor;
mod eval;
mod health;
pub mod import;
mod interrupt;
mod jobs;
mod key;
mod out;
pub mod print;
mod rebuild;
mod serve;
pub mod tail;
mod text;
mod train;

use std::process::ExitCode;

use clap::Parser;
use command::{Cli, Command, ConfigAction};

use crate::config::{self, Config, Loaded, LogLevel, Sources};
use crate::telemetry;

/// `EX_CONFIG` of sysexits.h: the settings are wrong.
const EXIT_CONFIG: u8 = 78;

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let file = cli.settings.config.clone();
    let loaded = Sources::from_process(file.as_deref(), cli.flags()).and_then(config::load);
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            out::error(&anyhow::Error::from(error).context("settings"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match run(cli.command, loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, loaded: Loaded) -> anyhow::Result<()> {
    let command = match command {
        Command::Config(args) => {
            let ConfigAction::Print(args) = args.action;
            out::say(&loaded.print(args.json));
            return Ok(());
        }
        Command::Openapi => {
            out::say(&crate::http::router::openapi().to_pretty_json()?);
            return Ok(());
        }
        Command::Eval(args) => return eval::run(&args, &loaded.config.embedding),
        Command::Train(args) => return train::run(&args),
        command => command,
    };
    let mut config = loaded.config;
    if !matches!(command, Command::Serve(_)) {
        // The other commands talk to a person; of their servers' log lines only trouble matters.
        config.telemetry.log_level = config.telemetry.log_level.at_least(LogLevel::Warn);
    }
    telemetry::start(&config.telemetry)?;
    crate::open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(dispatch(command, config))
}

async fn dispatch(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve(_) => serve::run(config).await,
        Command::Import(args) => Box::pin(import::run(args, config)).await,
        Command::Tail(args) => tail::run(args, config).await,
        Command::Jobs(args) => jobs::run(args.action, &config).await,
        Command::Key(args) => key::run(args.action, &config).await,
        Command::Rebuild(args) => Box::pin(rebuild::run(&args, &config)).await,
        Command::Backup(args) => backup::run_backup(&args, &config).await,
        Command::Restore(args) => backup::run_restore(&args, &config).await,
        Command::Health(args) => health::run(&args, &config).await,
        Command::Doctor(args) => doctor::run(&config, args.json).await,
        Command::Bench(args) => bench::run(args, config).await,
        Command::Config(_) | Command::Openapi | Command::Eval(_) | Command::Train(_) => Ok(()),
    }
}
