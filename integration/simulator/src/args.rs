//! The flags, and what they mean for each region.
//!
//! Regions and deployments are written in one word each (see `words`), so that a whole
//! set-up is a line of shell. What was said for all regions is dealt out here.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use spillway_simulator::{DeploymentConfig, Latency, RegionConfig, TlsConfig};

use crate::words::{DeploymentArg, RegionArg};

/// Azure OpenAI regions on local ports, with real rate limits and faults on demand.
///
/// Prints one JSON line per region once it listens, then serves until SIGTERM or
/// SIGINT. Control it under /_sim/ on the port of each region; see the README.
#[derive(Debug, Parser)]
#[command(name = "azure-openai-simulator", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A region: its name, its port (0 or none takes a free one), its display name.
    #[arg(long = "region", value_name = "NAME[:PORT[:DISPLAY NAME]]", required = true)]
    regions: Vec<RegionArg>,

    /// A deployment, in one region or in all. Options: model=M, capacity=UNITS (1,000
    /// tokens per minute and one request per 10 s each), requests=N/SECONDSs or
    /// N/MILLISms, tokens=N (per minute), retry-after-ms=true.
    #[arg(long = "deployment", value_name = "[REGION/]NAME[:OPTION=VALUE,…]")]
    deployments: Vec<DeploymentArg>,

    /// Serve deployments that were not named too, without limits.
    #[arg(long)]
    any_deployment: bool,

    /// The key callers must send, for one region or for all; without one all may call.
    #[arg(long = "api-key", value_name = "[REGION=]KEY")]
    api_keys: Vec<String>,

    /// The same, taken from an environment variable.
    #[arg(long = "api-key-env", value_name = "[REGION=]VARIABLE")]
    api_key_variables: Vec<String>,

    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,

    /// Wait before the headers of each answer.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,

    /// Wait between two chunks of a stream.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    chunk_delay_ms: u64,

    /// Pieces into which a streamed text is cut.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    chunks: usize,

    /// Requests each region remembers.
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    remember: usize,

    /// Serve TLS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Args {
    /// One configuration per region, or what is wrong with the flags.
    pub(crate) fn regions(&self) -> Result<Vec<RegionConfig>, String> {
        self.check_region_names()?;
        let tls = self.tls()?;
        let region = |region: &RegionArg| {
            Ok(RegionConfig {
                api_key: self.api_key(&region.name)?,
                listen: SocketAddr::new(self.host, region.port),
                deployments: self.deployments_of(&region.name),
                any_deployment: self.any_deployment,
                latency: Latency {
                    before_headers: Duration::from_millis(self.latency_ms),
                    between_chunks: Duration::from_millis(self.chunk_delay_ms),
                    chunks: self.chunks,
                },
                tls: tls.clone(),
                remembered_requests: self.remember,
                ..RegionConfig::named(&region.name, &region.display_name)
            })
        };
        self.regions.iter().map(region).collect()
    }

    fn check_region_names(&self) -> Result<(), String> {
        for name in self.deployments.iter().filter_map(|d| d.region.as_ref()) {
            if !self.regions.iter().any(|region| region.name == *name) {
                return Err(format!("--deployment {name}/…: there is no --region {name}"));
            }
        }
        Ok(())
    }

    fn deployments_of(&self, region: &str) -> Vec<DeploymentConfig> {
        self.deployments
            .iter()
            .filter(|d| d.region.as_deref().is_none_or(|name| name == region))
            .map(|d| d.config.clone())
            .collect()
    }

    /// The last key given for the region; a key for one region wins over one for all.
    fn api_key(&self, region: &str) -> Result<Option<String>, String> {
        if let Some(key) = self.chosen(&self.api_keys, region) {
            return Ok(Some(key.to_owned()));
        }
        let Some(variable) = self.chosen(&self.api_key_variables, region) else {
            return Ok(None);
        };
        std::env::var(variable)
            .map(Some)
            .map_err(|problem| format!("--api-key-env {variable}: {problem}"))
    }

    fn chosen<'a>(&self, values: &'a [String], region: &str) -> Option<&'a str> {
        let split = |value: &'a String| match value.split_once('=') {
            Some((name, rest)) if self.regions.iter().any(|known| known.name == name) => {
                (Some(name), rest)
            }
            _ => (None, value.as_str()),
        };
        let find = |wanted: Option<&str>| {
            let mut found = values.iter().rev().map(split);
            found.find(|(name, _)| *name == wanted)
        };
        let (_, value) = find(Some(region)).or_else(|| find(None))?;
        Some(value)
    }

    fn tls(&self) -> Result<Option<TlsConfig>, String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => TlsConfig::from_files(certificate, key)
                .map(Some)
                .map_err(|problem| problem.to_string()),
            _ => Ok(None),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  azure-openai-simulator --region eastus:8101:\"East US\" --any-deployment

  azure-openai-simulator \\
      --region eastus:8101:\"East US\" --api-key-env eastus=EASTUS_KEY \\
      --region westus:8102:\"West US\" --api-key-env westus=WESTUS_KEY \\
      --deployment eastus/gpt-4o-mini:capacity=1 \\
      --deployment westus/gpt-4o-mini:requests=10/60s,tokens=1000";

#[cfg(test)]
mod tests {
    use spillway_simulator::Limits;

    use super::*;

    fn regions(flags: &[&str]) -> Result<Vec<RegionConfig>, String> {
        let words = std::iter::once(&"azure-openai-simulator").chain(flags);
        let args = Args::try_parse_from(words).map_err(|problem| problem.to_string())?;
        args.regions()
    }

    #[test]
    fn a_region_is_one_word() {
        let regions = regions(&["--region", "eastus:8101:East US", "--region", "west"]).unwrap();
        assert_eq!(regions[0].listen.port(), 8101);
        assert_eq!(regions[0].display_name, "East US");
        assert_eq!(regions[1].listen.port(), 0);
        assert_eq!(regions[1].display_name, "west");
    }

    #[test]
    fn a_deployment_belongs_to_one_region_or_all() {
        let regions = regions(&[
            "--region=a",
            "--region=b",
            "--deployment=gpt-4o:capacity=2",
            "--deployment=b/small:model=gpt-4o-mini,requests=3/500ms",
        ])
        .unwrap();
        assert_eq!(regions[0].deployments.len(), 1);
        assert_eq!(regions[0].deployments[0].limits, Limits::capacity(2));
        let small = &regions[1].deployments[1];
        assert_eq!(small.model, "gpt-4o-mini");
        assert_eq!(small.limits, Limits::requests(3, Duration::from_millis(500)));
    }

    #[test]
    fn a_region_s_own_key_wins() {
        let regions =
            regions(&["--region=a", "--region=b", "--api-key=a=one", "--api-key=all=this"])
                .unwrap();
        assert_eq!(regions[0].api_key.as_deref(), Some("one"));
        assert_eq!(regions[1].api_key.as_deref(), Some("all=this"));
    }

    #[test]
    fn mistakes_are_told_with_their_word() {
        for (flags, word) in [
            (vec!["--region=a:port"], "`port` is not a port"),
            (vec!["--region=a", "--deployment=b/x"], "no --region b"),
            (vec!["--region=a", "--deployment=x:speed=9"], "`speed`"),
            (vec!["--region=a", "--deployment=x:requests=3"], "`3`"),
        ] {
            let problem = regions(&flags).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
