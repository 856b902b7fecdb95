//! `tidegate tail`: the project's events as they are screened, one line each.
//!
//! - **V1** nothing is shown twice and nothing is left out quietly: a broken connection is resumed after the last
//!   event shown, and a gap that the server reports is shown.
//! - **V2** an event cannot steer the terminal, whatever its sender put into it (see `text`).

mod event;
mod follow;
mod line;
mod sse;
mod terminal;

use tidegate_domain::assessment::Category;

use super::client::{BaseUrl, Client, running_server, with_query};
use super::interrupt::Interrupt;
use super::{out, text};
use event::SeenEvent;
use follow::{Follower, Heard};
use line::Style;

/// Shows events as they come in and are screened: time, risk, category, session, type, actor and text.
///
/// Follows the server that runs on the data directory, unless --url names another one. Goes on after a broken
/// connection where it stopped. Ends with Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate tail --min-risk 0.3 --session chat-42")]
pub struct Args {
    /// The server to follow, for example http://127.0.0.1:3001.
    #[arg(long)]
    pub url: Option<BaseUrl>,
    /// The key to read with.
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Only this session.
    #[arg(long)]
    pub session: Option<String>,
    /// Only this type, for example message.user.
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only from this source.
    #[arg(long)]
    pub source: Option<String>,
    /// Only this category, for example TOXIC.
    #[arg(long, value_parser = category)]
    pub category: Option<Category>,
    /// Only events of at least this risk, 0 to 1.
    #[arg(long, value_name = "RISK", value_parser = risk)]
    pub min_risk: Option<f64>,
    /// Start at this position of the log, not at its end.
    #[arg(long, value_name = "POSITION")]
    pub from: Option<u64>,
    /// Print each event as one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// No colours, not even on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

fn category(name: &str) -> Result<Category, String> {
    let known = || Category::ALL.map(Category::name).join(", ");
    Category::parse(name).ok_or_else(|| format!("expected one of {}", known()))
}

fn risk(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|risk| (0.0..=1.0).contains(risk));
    number.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Runs `tidegate tail` until it is interrupted, or nobody reads its output. Errors: the server cannot be reached at
/// first, or does not let us in, or knows no such filter.
pub async fn run(args: Args, config: crate::config::Config) -> anyhow::Result<()> {
    let known = args.url.clone().or_else(|| running_server(&config.server.data_dir));
    let base = known.or_else(|| config.server.listen.first().map(|address| (*address).into()));
    let base = base.ok_or_else(|| anyhow::anyhow!("there is no server to follow: give its --url"))?;
    let client = Client::new(base, args.api_key.as_deref())?;
    let mut follower = Follower::new(client, filter(&args), args.from);
    let mut style = Style::new(args.no_color);
    let mut resized = terminal::Resized::listen();
    let mut interrupt = Interrupt::listen()?;
    loop {
        tokio::select! {
            heard = follower.next() => {
                if !show(heard?, &style, args.json)? {
                    return Ok(());
                }
            }
            () = resized.wait() => style.measure(),
            () = interrupt.wait() => return Ok(()),
        }
    }
}

/// The stream's path, with the filter.
fn filter(args: &Args) -> String {
    let min_risk = args.min_risk.map(|risk| risk.to_string());
    let pairs = [
        ("sessionId", args.session.as_deref()),
        ("type", args.event_type.as_deref()),
        ("source", args.source.as_deref()),
        ("category", args.category.map(Category::name)),
        ("minRisk", min_risk.as_deref()),
    ];
    let given: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    with_query("/v1/events/stream", &given)
}

/// Shows what was heard. False if nobody reads it any more.
fn show(heard: Heard, style: &Style, is_json: bool) -> std::io::Result<bool> {
    match heard {
        Heard::Event(json) if is_json => out::line(&text::escaped_json(&json)),
        Heard::Event(json) => match serde_json::from_str::<SeenEvent>(&json) {
            Ok(event) => out::line(&line::event(&event, style)),
            Err(error) => {
                out::note(&format!("an event cannot be shown: {error}"));
                Ok(true)
            }
        },
        Heard::Gap(gap) if is_json => {
            out::note(&gap.to_string());
            Ok(true)
        }
        Heard::Gap(gap) => out::line(&line::notice(&gap.to_string(), style)),
        Heard::Notice(notice) => {
            out::note(&line::notice(&notice, style));
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_filter_becomes_the_streams_query() {
        let line = ["tail", "--session", "a b", "--category", "toxic", "--min-risk", "0.5"];
        let args = Cli::try_parse_from(line).unwrap().args;
        assert_eq!(filter(&args), "/v1/events/stream?sessionId=a%20b&category=TOXIC&minRisk=0.5");
        for wrong in [["tail", "--min-risk", "2"], ["tail", "--category", "rude"]] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
