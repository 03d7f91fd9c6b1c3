//! Which Istio it is, and which Envoy its proxies are.

use std::fmt;
use std::str::FromStr;

use crate::envoy::Abilities;
use crate::envoy::version::Version;

/// An Istio minor that Spillway is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Minor {
    /// Istio 1.28.
    V1_28,
    /// Istio 1.29.
    V1_29,
    /// Istio 1.30.
    V1_30,
    /// Istio 1.31.
    V1_31,
    /// What becomes the next one.
    Master,
}

impl Minor {
    /// All of them, the oldest first.
    pub const ALL: [Self; 5] = [Self::V1_28, Self::V1_29, Self::V1_30, Self::V1_31, Self::Master];

    /// The Envoy that it brings: the newest patch of a minor.
    pub fn envoy(self) -> Version {
        let minor = match self {
            Self::V1_28 => 36,
            Self::V1_29 => 37,
            Self::V1_30 => 38,
            Self::V1_31 => 39,
            Self::Master => 40,
        };
        Version { major: 1, minor, patch: u32::MAX }
    }

    /// What its proxies can do: what that Envoy can, as far as Istio's own build links it.
    ///
    /// Source: `bazel/extension_config/extensions_build_config.bzl` of istio/proxy's branches, read in
    /// August 2026. Those of 1.28 and 1.29 have no `envoy.router.cluster_specifier_plugin.matcher`.
    pub fn abilities(self) -> Abilities {
        let reads_filter_state = self >= Self::V1_30;
        Abilities { reads_filter_state, ..self.envoy().abilities() }
    }

    /// Matches the versions that its proxies say of themselves (`proxyVersion`).
    pub fn proxies(self) -> String {
        let minor = if self == Self::Master { "1.32" } else { self.name() };
        format!("^{}[.-]", minor.replace('.', r"\."))
    }

    fn name(self) -> &'static str {
        match self {
            Self::V1_28 => "1.28",
            Self::V1_29 => "1.29",
            Self::V1_30 => "1.30",
            Self::V1_31 => "1.31",
            Self::Master => "master",
        }
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Minor {
    type Err = String;

    /// As on the command line: `1.31`, `1.31.2` or `master`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim_start_matches('v').splitn(3, '.');
        let minor: Vec<&str> = parts.by_ref().take(2).collect();
        let patch_is_one = parts.next().is_none_or(|patch| patch.parse::<u32>().is_ok());
        let known = Self::ALL.into_iter().find(|known| known.name() == minor.join("."));
        known.filter(|_| patch_is_one).ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("Spillway is rendered for Istio {all}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_is_meant_with_or_without_its_patch() {
        for text in ["1.31", "1.31.2", "v1.31"] {
            assert_eq!(text.parse(), Ok(Minor::V1_31));
        }
        assert_eq!("master".parse(), Ok(Minor::Master));
        for text in ["1.27", "1.32", "1", "1.31.x", "", "latest"] {
            assert!(text.parse::<Minor>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_knows_its_proxies_and_no_others() {
        let said = Minor::ALL.map(Minor::proxies);
        assert_eq!(said[0], r"^1\.28[.-]");
        assert_eq!(said[4], r"^1\.32[.-]");
    }

    #[test]
    fn each_brings_the_envoy_of_its_time() {
        let minors: Vec<u32> = Minor::ALL.map(|istio| istio.envoy().minor).to_vec();
        assert_eq!(minors, [36, 37, 38, 39, 40]);
    }
}
