//! Where a backend answers, without what clients' paths say already.
//!
//! API Management replaces an API's own prefix by a backend's URL, which therefore ends with
//! `/openai`, as in Microsoft's labs, or even with the deployment. Spillway puts a backend's base
//! path in front of the client's path, and that begins with `/openai` itself.

use spillway::config::{Problem, name, url};

/// A backend's URL as Spillway wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The URL.
    pub(super) url: String,
    /// What was cut off its end.
    pub(super) dropped: String,
    /// What was left of its path.
    pub(super) base_path: String,
    /// The deployment that the URL named: the only one that the backend is asked for.
    pub(super) deployment: Option<String>,
    /// Whether Azure answers there, which always wants a credential.
    pub(super) azure: bool,
}

/// The address in a URL. A problem never repeats the URL: it may hold a key.
pub(super) fn read(text: &str) -> Result<Address, Problem> {
    let parsed = url::parse(text.trim())?;
    let path = parsed.base_path.clone();
    let (kept, deployment) = shortened(&path);
    let scheme = if parsed.tls { "https" } else { "http" };
    let azure = AZURE.iter().any(|domain| parsed.host.ends_with(domain));
    Ok(Address {
        url: format!("{scheme}://{}{kept}", parsed.authority()),
        dropped: path.get(kept.len()..).unwrap_or_default().to_owned(),
        base_path: kept.to_owned(),
        deployment: deployment.map(str::to_owned),
        azure,
    })
}

/// The path without what clients ask for themselves, and the deployment that it named.
fn shortened(path: &str) -> (&str, Option<&str>) {
    if let Some((before, last)) = path.rsplit_once('/')
        && let Some(kept) = before.strip_suffix("/openai/deployments")
        && name::model(last).is_ok()
    {
        return (kept, Some(last));
    }
    let ends = ["/openai/deployments", "/openai/v1", "/openai"];
    (ends.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path), None)
}

/// The domains of Azure OpenAI and of Foundry.
const AZURE: [&str; 3] =
    [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_ask_for_themselves_is_cut_off() {
        for (text, url, dropped, deployment) in [
            ("https://A.openai.azure.com/openai", "https://a.openai.azure.com", "/openai", None),
            ("https://a.openai.azure.com/openai/", "https://a.openai.azure.com", "/openai", None),
            ("https://a.openai.azure.com/", "https://a.openai.azure.com", "", None),
            ("https://a/base/openai/v1", "https://a/base", "/openai/v1", None),
            ("https://a/openai/deployments/", "https://a", "/openai/deployments", None),
            (
                "https://a:8443/openai/deployments/gpt-4o",
                "https://a:8443",
                "/openai/deployments/gpt-4o",
                Some("gpt-4o"),
            ),
            ("https://a/models", "https://a/models", "", None),
            ("https://a/myopenai", "https://a/myopenai", "", None),
            ("http://[::1]:8080/v1", "http://[::1]:8080/v1", "", None),
        ] {
            let address = read(text).unwrap();
            assert_eq!(
                (address.url.as_str(), address.dropped.as_str(), address.deployment.as_deref()),
                (url, dropped, deployment),
                "{text}"
            );
            assert!(url::parse(&address.url).is_ok());
        }
    }
}
