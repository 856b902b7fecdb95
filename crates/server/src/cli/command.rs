//! The commands and their flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{backup, bench, eval, health, import, tail, train};
use crate::config::Flag;

/// Takes in every event of an AI product or a community, keeps it durably, screens it, and shows it.
#[derive(Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// Flags that set settings; they win over files and the environment.
#[derive(Args, Clone, Debug)]
pub(super) struct Settings {
    /// A TOML file with the settings that differ from the defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Folder of all durable data
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Database to keep everything in, instead of that folder: postgres://user:password@host/name
    #[arg(long, global = true, value_name = "URL")]
    pub(super) store: Option<String>,
}

/// What to do.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the server. Example: tidegate serve --dev --listen 127.0.0.1:3001,127.0.0.1:8001
    Serve(ServeArgs),
    /// Import events from JSONL files. Example: tidegate import events.jsonl --as chat
    Import(import::Args),
    /// Follow events as they are screened. Example: tidegate tail --min-risk 0.3
    Tail(tail::Args),
    /// Count, pause and resume jobs, and retry those that failed for good. Example: tidegate jobs stats
    Jobs(JobsArgs),
    /// Make, list, rotate and revoke API keys. Example: tidegate key create --project shop --scopes ingest
    Key(KeyArgs),
    /// Derive the views again from the log. Example: tidegate rebuild --check
    Rebuild(RebuildArgs),
    /// Save events, projects and keys to one file. Example: tidegate backup /backups
    Backup(backup::BackupArgs),
    /// Restore a backup into an empty store. Example: tidegate restore tidegate.backup --data-dir data
    Restore(backup::RestoreArgs),
    /// Look at a data directory without changing it. Example: tidegate doctor --data-dir data
    Doctor(JsonArgs),
    /// Ask a server whether it is alive, or ready. Example: tidegate health --ready
    Health(health::Args),
    /// Show the settings and where each came from. Example: tidegate config print
    Config(ConfigArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Score the detectors on labelled sets. Example: tidegate eval spam.jsonl secrets.jsonl.gz --json
    Eval(eval::Args),
    /// Train the weights of the classifiers. Example: tidegate train sets/ --cross-validate
    Train(train::Args),
    /// Measure this machine. Example: tidegate bench ingest
    Bench(bench::Args),
}

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Development mode: loopback only, project proj_dev, no key needed
    #[arg(long)]
    pub(super) dev: bool,
    /// Addresses to listen on; each serves everything
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    pub(super) listen: Vec<SocketAddr>,
    /// Redis between processes, and for consumers of your own: redis://host:6379
    #[arg(long, value_name = "URL")]
    pub(super) stream: Option<String>,
    /// What this process does: api, worker or all
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    pub(super) roles: Vec<String>,
}

/// A command that can answer in JSON.
#[derive(Args, Debug)]
pub(super) struct JsonArgs {
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Flags of `rebuild`.
#[derive(Args, Debug)]
pub(super) struct RebuildArgs {
    /// Only compare the views with a rebuild, row by row; change nothing
    #[arg(long)]
    pub(super) check: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What to do with the settings.
#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    /// What to do
    #[command(subcommand)]
    pub(super) action: ConfigAction,
}

/// What to do with the settings.
#[derive(Subcommand, Debug)]
pub(super) enum ConfigAction {
    /// Print every setting, its value and where it came from
    Print(JsonArgs),
}

/// What to do with jobs.
#[derive(Args, Debug)]
pub(super) struct JobsArgs {
    /// What to do
    #[command(subcommand)]
    pub(super) action: JobsAction,
}

/// What to do with jobs.
#[derive(Subcommand, Debug)]
pub(super) enum JobsAction {
    /// Count jobs by kind and state
    Stats(JsonArgs),
    /// Let no worker take jobs of a kind; those at hand are finished
    Pause {
        /// For example session_analysis
        kind: String,
    },
    /// Let workers take jobs of a kind again
    Resume {
        /// For example session_analysis
        kind: String,
    },
    /// List a project's jobs that failed for good
    Dead {
        /// The project
        #[arg(long)]
        project: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a project's dead jobs another chance: one of them, or all
    Retry {
        /// The project
        #[arg(long)]
        project: String,
        /// The job's id; all if absent
        id: Option<u64>,
    },
}

/// What to do with keys.
#[derive(Args, Debug)]
pub(super) struct KeyArgs {
    /// What to do
    #[command(subcommand)]
    pub(super) action: KeyAction,
}

/// What to do with keys.
#[derive(Subcommand, Debug)]
pub(super) enum KeyAction {
    /// Make a key, and its project if it is new. The key is shown once
    Create {
        /// The project it acts for
        #[arg(long)]
        project: String,
        /// What it may do: ingest, read, write, admin
        #[arg(long, default_value = "ingest,read")]
        scopes: String,
        /// A word for people
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it runs out; never if absent
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// List keys; the keys themselves are not kept
    List(JsonArgs),
    /// Make a new key like this one, and let this one run out
    Rotate {
        /// The key's id, for example tg_abcdefgh
        id: String,
        /// Minutes for which both are accepted
        #[arg(long, default_value_t = 60)]
        overlap_minutes: u32,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Refuse a key from now on; running servers follow within a second
    Revoke {
        /// The key's id
        id: String,
    },
}

impl Cli {
    /// The settings that were given as flags.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let mut flags = Vec::new();
        if let Some(dir) = &self.settings.data_dir {
            flags.push(Flag::new("server.data_dir", dir.display().to_string(), "--data-dir"));
        }
        if let Some(url) = &self.settings.store {
            flags.push(Flag::new("store.url", url.as_str(), "--store"));
        }
        if let Command::Serve(serve) = &self.command {
            if let Some(url) = &serve.stream {
                flags.push(Flag::new("transport.url", url.as_str(), "--stream"));
            }
            if !serve.roles.is_empty() {
                flags.push(Flag::new("server.roles", serve.roles.clone(), "--roles"));
            }
            if serve.dev {
                flags.push(Flag::new("server.dev", true, "--dev"));
            }
            if !serve.listen.is_empty() {
                let addresses: Vec<toml::Value> = serve.listen.iter().map(|a| a.to_string().into()).collect();
                flags.push(Flag::new("server.listen", toml::Value::Array(addresses), "--listen"));
            }
        }
        flags
    }
}
