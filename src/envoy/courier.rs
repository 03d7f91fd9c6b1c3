//! Brings an update to Envoy: files into its directory, one service after the other, and each only
//! once Envoy has taken the one before.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::admin::Admin;
use super::discovery::Service;
use super::live::Update;

/// How long Envoy may take for one service: a new backend's name may resolve slowly, and a filter
/// with another environment is compiled.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often we ask.
const PAUSE: Duration = Duration::from_millis(10);

/// Workers take an update up when their event loop comes round, after the main thread has said that
/// it is taken.
const ROUND: Duration = Duration::from_millis(50);

/// Why an update did not arrive.
#[derive(Debug)]
pub enum Failure {
    /// Envoy refused this.
    Refused(Service),
    /// Envoy has not said anything about this.
    Silent(Service),
    /// We were told to stop.
    Interrupted,
    /// A file cannot be written.
    Unwritten(io::Error),
}

/// Writes everything at once, for an Envoy that is about to start.
pub fn lay_out(directory: &Path, update: &Update) -> io::Result<()> {
    write_secrets(update)?;
    update.services.iter().try_for_each(|(service, file)| put(directory, *service, file))
}

/// Brings an update to a running Envoy. Whatever is refused, Envoy goes on with what it has.
pub fn deliver(
    directory: &Path,
    admin: &Admin,
    update: &Update,
    stop: &mut dyn FnMut() -> bool,
) -> Result<(), Failure> {
    write_secrets(update).map_err(Failure::Unwritten)?;
    for (service, file) in &update.services {
        let refused =
            wait(*service, stop, || Some(admin.discovered(&[*service])?.first()?.refused))?;
        put(directory, *service, file).map_err(Failure::Unwritten)?;
        let taken = wait(*service, stop, || {
            let at = *admin.discovered(&[*service])?.first()?;
            if at.refused > refused {
                return Some(false);
            }
            (at.version == update.version && !at.warming).then_some(true)
        })?;
        if !taken {
            return Err(Failure::Refused(*service));
        }
    }
    sleep(ROUND);
    Ok(())
}

/// Asks until there is an answer.
fn wait<T>(
    service: Service,
    stop: &mut dyn FnMut() -> bool,
    mut ask: impl FnMut() -> Option<T>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if stop() {
            return Err(Failure::Interrupted);
        }
        if Instant::now() > deadline {
            return Err(Failure::Silent(service));
        }
        sleep(PAUSE);
    }
}

fn write_secrets(update: &Update) -> io::Result<()> {
    let mut missing = update.secrets.iter().filter(|file| !Path::new(&file.path).exists());
    missing.try_for_each(|file| fs::write(&file.path, file.content.to_string()))
}

/// Moved into its place, so that Envoy never reads half a file.
fn put(directory: &Path, service: Service, content: &Value) -> io::Result<()> {
    let place = directory.join(service.file());
    let beside = place.with_extension("new");
    fs::write(&beside, content.to_string())?;
    fs::rename(beside, place)
}
