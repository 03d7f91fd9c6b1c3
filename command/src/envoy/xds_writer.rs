//! Brings an update to Envoy: files into its directory, one service after the other, and each only
//! once Envoy has taken the one before.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::admin::Admin;
use super::discovery::Service;
use super::secret::SecretFile;
use super::xds_state::Update;

/// How long Envoy may take for one service: a new backend's name may resolve slowly, and a filter
/// with another environment is compiled.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often we ask whether it is taken before we ask whether it is refused, which costs Envoy more.
const PATIENT: u32 = 5;

/// How often we ask.
const PAUSE: Duration = Duration::from_millis(10);

/// Workers take an update up when their event loop comes round, after the main thread has said that
/// it is taken.
const ROUND: Duration = Duration::from_millis(100);

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
    /// So many more things cannot be watched.
    NoRoom(usize),
}

/// Writes everything at once, for an Envoy that is about to start.
pub fn lay_out(directory: &Path, update: &Update) -> Result<(), Failure> {
    make_room(update.services.len() + watches(update))?;
    write_secrets(update).map_err(Failure::Unwritten)?;
    let mut services = update.services.iter();
    services
        .try_for_each(|(service, file)| put(directory, *service, file))
        .map_err(Failure::Unwritten)
}

/// Brings an update to a running Envoy. Whatever is refused, Envoy goes on with what it has.
pub fn deliver(
    directory: &Path,
    admin: &Admin,
    update: &Update,
    stop: &mut dyn FnMut() -> bool,
) -> Result<(), Failure> {
    make_room(watches(update))?;
    write_secrets(update).map_err(Failure::Unwritten)?;
    let services: Vec<Service> = update.services.iter().map(|(service, _)| *service).collect();
    let Some(first) = services.first() else { return Ok(()) };
    let before = wait(*first, stop, || admin.refusals(&services))?;
    for ((service, file), before) in update.services.iter().zip(before) {
        let service = *service;
        put(directory, service, file).map_err(Failure::Unwritten)?;
        let mut asked = 0;
        let taken = wait(service, stop, || {
            asked += 1;
            if admin.versions(&[service])? == [update.version] {
                return (service != Service::Clusters || !admin.is_warming()?).then_some(true);
            }
            let refused = asked % PATIENT == 0 && admin.refusals(&[service])? != [before];
            refused.then_some(false)
        })?;
        if !taken {
            return Err(Failure::Refused(service));
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(service) => write!(f, "Envoy refused the new {}", service.name()),
            Self::Silent(service) => write!(f, "Envoy has not taken the new {}", service.name()),
            Self::Interrupted => write!(f, "interrupted"),
            Self::Unwritten(error) => write!(f, "a temporary file: {error}"),
            Self::NoRoom(watches) => write!(
                f,
                "Envoy needs {watches} more inotify instances than this user may have\n  \
                 hint: raise `fs.inotify.max_user_instances`, or pass keys in variables"
            ),
        }
    }
}

/// What Envoy will watch for secrets that are new: where they are found, and where that leads.
fn watches(update: &Update) -> usize {
    2 * new_secrets(update).count()
}

/// Envoy aborts where it cannot watch what it is told to. So we try before it does.
#[cfg(target_os = "linux")]
fn make_room(watches: usize) -> Result<(), Failure> {
    use rustix::fs::inotify::{CreateFlags, init};
    let taken: Result<Vec<_>, _> = (0..watches).map(|_| init(CreateFlags::CLOEXEC)).collect();
    taken.map(drop).map_err(|_| Failure::NoRoom(watches))
}

#[cfg(not(target_os = "linux"))]
fn make_room(_: usize) -> Result<(), Failure> {
    Ok(())
}

fn write_secrets(update: &Update) -> io::Result<()> {
    new_secrets(update).try_for_each(|file| fs::write(&file.path, file.content.to_string()))
}

fn new_secrets(update: &Update) -> impl Iterator<Item = &SecretFile> {
    update.secrets.iter().filter(|file| !Path::new(&file.path).exists())
}

/// Moved into its place, so that Envoy never reads half a file.
fn put(directory: &Path, service: Service, content: &Value) -> io::Result<()> {
    let place = directory.join(service.file());
    let beside = place.with_extension("new");
    fs::write(&beside, content.to_string())?;
    fs::rename(beside, place)
}
