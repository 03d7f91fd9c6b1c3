//! `spillway top`: the status page in a terminal.
//!
//! It asks the status listener of a running gateway, or of several, and shows the answer: live where it
//! is shown in a terminal, once where it goes into a pipe or a file.

mod fleet;
mod numbers;
mod screen;
mod terminal;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::time::Duration;
use std::{slice, thread};

use serde_json::Value;

use super::{Exit, Output};
use crate::envoy::admin::Admin;
use fleet::Asked;
use screen::{Look, screen};
use spillway::status::{Report, report};
use terminal::Terminal;

/// Show what a running gateway does: backends, their states, traffic, failovers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the status pages of several gateways listen, which are shown as one
    #[arg(value_name = "ADDRESS")]
    gateways: Vec<SocketAddr>,
    /// Where the gateway's status page listens
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:10001",
        conflicts_with = "gateways"
    )]
    status: SocketAddr,
    /// Show it once and end; so it is anyway where the output is not a terminal
    #[arg(long)]
    once: bool,
    /// Seconds between two looks; given, the output is repeated into a pipe or a file too
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: Option<u64>,
    /// Show every member of large pools, the quiet ones too
    #[arg(long)]
    all: bool,
}

/// Shows the status once, or until it is told to end.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let xds_state = io::stdout().is_terminal() && !args.once;
    let interval = Duration::from_secs(args.interval.unwrap_or(1));
    if !xds_state && (args.once || args.interval.is_none()) {
        return args.show(output);
    }
    let mut terminal = Terminal::take(xds_state)?;
    let mut last = None;
    while !terminal.is_left() {
        let asked = args.ask_all();
        let answers = asked.iter().any(|(_, said)| said.is_ok());
        // Where none has ever answered, that is told of in lines, and not in an empty screen.
        if last.is_none() && !answers {
            drop(terminal);
            return args.show(output);
        }
        let (width, height) = terminal.size();
        let look = Look { width, all: args.all, bold: xds_state };
        let mut lines = Vec::new();
        if let [(_, Err(trouble))] = asked.as_slice() {
            lines.push(format!("{trouble}; this is what it said last."));
        }
        // Several gateways are not shown as they were: the others go on.
        if answers || asked.len() > 1 {
            last = Some(asked);
        }
        lines.extend(last.iter().flat_map(|asked| lines_of(asked, &look)));
        terminal.show(&lines, height, output.data)?;
        terminal.wait(interval);
    }
    Ok(Exit::Ok)
}

/// One gateway as ever, several as one.
fn lines_of(asked: &Asked, look: &Look) -> Vec<String> {
    match asked.as_slice() {
        [(at, Ok(report))] => screen(report, *at, look),
        _ => fleet::screen(asked, look),
    }
}

impl Args {
    fn show(&self, output: &mut Output<'_>) -> io::Result<Exit> {
        let asked = self.ask_all();
        if asked.iter().any(|(_, said)| said.is_ok()) {
            let look = Look { width: None, all: self.all, bold: false };
            for line in lines_of(&asked, &look) {
                writeln!(output.data, "{line}")?;
            }
            return Ok(Exit::Ok);
        }
        for (_, said) in &asked {
            if let Err(trouble) = said {
                writeln!(output.talk, "error: {trouble}")?;
            }
        }
        writeln!(
            output.talk,
            "  hint: `spillway up` says where its status page is; name it with `--status`"
        )?;
        Ok(Exit::Failed)
    }

    /// Asks all gateways at once: one that is slow does not keep the others.
    fn ask_all(&self) -> Asked {
        let all =
            if self.gateways.is_empty() { slice::from_ref(&self.status) } else { &self.gateways };
        thread::scope(|scope| {
            let asked: Vec<_> = all.iter().map(|at| (*at, scope.spawn(|| ask(*at)))).collect();
            let answer = |said: thread::ScopedJoinHandle<'_, _>| {
                said.join().unwrap_or_else(|_| Err("it could not be asked".to_owned()))
            };
            asked.into_iter().map(|(at, said)| (at, answer(said))).collect()
        })
    }
}

fn ask(at: SocketAddr) -> Result<Report, String> {
    let answer = Admin::at(at)
        .get("/status")
        .map_err(|error| format!("no gateway answers at {at}: {}", said(&error)))?;
    let value: Value = serde_json::from_str(&answer)
        .map_err(|_| format!("what answers at {at} is no status page of Spillway's"))?;
    if let Some(message) = value.pointer("/error/message").and_then(Value::as_str) {
        return Err(format!("{at} has no status: {message}"));
    }
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(report::VERSION) => {}
        Some(version) => {
            return Err(format!("{at} speaks form {version} of the status, this command 1"));
        }
        None => return Err(format!("what answers at {at} is no status page of Spillway's")),
    }
    serde_json::from_value(value).map_err(|error| format!("{at} cannot be read: {error}"))
}

/// In words that are the same on every system.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "it took too long".to_owned(),
        _ => error.to_string(),
    }
}
