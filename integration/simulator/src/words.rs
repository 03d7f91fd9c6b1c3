//! Regions and deployments, each written as one word.
//!
//! A mistake is told with the part it is in and how to write it.

use std::str::FromStr;

use spillway_simulator::{DeploymentConfig, Limits, RequestWindow, WindowKind};

/// `eastus:8101:East US`
#[derive(Clone, Debug)]
pub(crate) struct RegionArg {
    pub name: String,
    pub port: u16,
    pub display_name: String,
}

impl FromStr for RegionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        if name.is_empty() {
            return Err("a region needs a name, as in eastus:8101:\"East US\"".into());
        }
        let port = match parts.next() {
            None | Some("") => 0,
            Some(port) => port.parse().map_err(|_| format!("`{port}` is not a port"))?,
        };
        Ok(Self {
            name: name.to_owned(),
            port,
            display_name: parts.next().unwrap_or(name).to_owned(),
        })
    }
}

/// `eastus/gpt-4o-mini:capacity=1,model=gpt-4o-mini`
#[derive(Clone, Debug)]
pub(crate) struct DeploymentArg {
    pub region: Option<String>,
    pub config: DeploymentConfig,
}

impl FromStr for DeploymentArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, options) = text.split_once(':').unwrap_or((text, ""));
        let (region, name) = match place.split_once('/') {
            Some((region, name)) => (Some(region.to_owned()), name),
            None => (None, place),
        };
        if name.is_empty() {
            return Err("a deployment needs a name, as in gpt-4o-mini:capacity=1".into());
        }
        let mut config = DeploymentConfig::named(name);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            apply(option, &mut config)?;
        }
        Ok(Self { region, config })
    }
}

fn apply(option: &str, config: &mut DeploymentConfig) -> Result<(), String> {
    let (name, value) =
        option.split_once('=').ok_or_else(|| format!("`{option}` is not OPTION=VALUE"))?;
    let limits = &mut config.limits;
    match name {
        "model" => config.model = value.to_owned(),
        "capacity" => {
            let capacity = Limits::capacity(number(value)?);
            limits.requests = capacity.requests;
            limits.tokens_per_minute = capacity.tokens_per_minute;
        }
        "requests" => limits.requests = Some(window(value)?),
        "tokens" => limits.tokens_per_minute = Some(number(value)?),
        "retry-after-ms" => limits.retry_after_ms = value == "true",
        _ => {
            return Err(format!(
                "`{name}` is not an option; there are model, capacity, requests, tokens and \
                 retry-after-ms"
            ));
        }
    }
    Ok(())
}

/// `3/10s` or `3/500ms`
fn window(value: &str) -> Result<RequestWindow, String> {
    let wrong = || format!("`{value}` is not a window; write it as 10/60s or 3/500ms");
    let (count, per) = value.split_once('/').ok_or_else(wrong)?;
    let per_ms = if let Some(millis) = per.strip_suffix("ms") {
        millis.parse().ok()
    } else {
        per.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok()?.checked_mul(1_000))
    };
    Ok(RequestWindow {
        count: number(count)?,
        per_ms: per_ms.ok_or_else(wrong)?,
        kind: WindowKind::Sliding,
    })
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}
