//! Whose API a backend serves, as OpenTelemetry names it: for logs and spans.
//!
//! The cluster's metadata holds it: each attempt knows it, and a reload changes it.

use serde_json::{Value, json};

use spillway::config::Backend;

/// The metadata of a backend's cluster.
pub(super) fn metadata(backend: &Backend) -> Value {
    json!({ "filter_metadata": { NAMESPACE: { KEY: provider(&backend.url.host) } } })
}

fn provider(host: &str) -> &'static str {
    let is_azure = AZURE.iter().any(|domain| host.ends_with(domain));
    if is_azure { "azure.ai.openai" } else { "openai" }
}

/// Its name in the metadata.
pub(super) const NAMESPACE: &str = "spillway";
pub(super) const KEY: &str = "provider";

/// The hosts of Azure OpenAI and of Foundry, in Azure's clouds.
const AZURE: [&str; 8] = [
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
    ".models.ai.azure.com",
    ".openai.azure.us",
    ".cognitiveservices.azure.us",
    ".openai.azure.cn",
    ".cognitiveservices.azure.cn",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_tells_its_provider() {
        for host in ["mine.openai.azure.com", "mine.services.ai.azure.com"] {
            assert_eq!(provider(host), "azure.ai.openai", "{host}");
        }
        for host in ["api.openai.com", "vllm.internal", "10.0.0.1", "openai.azure.com.example"] {
            assert_eq!(provider(host), "openai", "{host}");
        }
    }
}
