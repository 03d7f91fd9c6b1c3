//! TLS towards backends: their certificate must be for their host and from a known authority.
//!
//! Envoy checks nothing by default: without `trusted_ca` any certificate passes, and without a
//! SAN match any trusted site's does.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{Options, extension, merge};
use spillway::config::Backend;

/// Where the distributions keep their CA bundle; the first that exists is taken.
const SYSTEM_CA: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch, distroless
    "/etc/pki/tls/certs/ca-bundle.crt",   // RHEL, Fedora, Amazon Linux
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL's new place
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // Alpine's old place, macOS
];

/// The machine's CA bundle; Debian's place where there is none, so that Envoy's own message
/// names what is missing.
pub fn system_ca() -> &'static str {
    let [first, ..] = SYSTEM_CA;
    SYSTEM_CA.into_iter().find(|path| Path::new(path).is_file()).unwrap_or(first)
}

/// The transport socket of a backend that is reached over `https`.
pub(super) fn tls(backend: &Backend, options: &Options) -> Option<Value> {
    if !backend.url.tls {
        return None;
    }
    let ca = backend.ca_file.as_deref().unwrap_or(&options.ca_bundle);
    Some(socket(&backend.url.host, ca, &[]))
}

/// The transport socket towards this host, whose certificate one of these authorities has signed.
/// `speaks`: what is offered, where the cluster's protocol does not say it.
pub(super) fn socket(host: &str, ca: &str, speaks: &[&str]) -> Value {
    let is_address = host.parse::<IpAddr>().is_ok();
    let mut context = json!({ "common_tls_context": {
        "validation_context": {
            "trusted_ca": { "filename": ca },
            // `exact` on a DNS name also accepts a wildcard certificate, as browsers do.
            "match_typed_subject_alt_names": [{
                "san_type": if is_address { "IP_ADDRESS" } else { "DNS" },
                "matcher": { "exact": host },
            }],
        },
    }});
    // A server name in the handshake must be a name: RFC 6066 forbids addresses there.
    if !is_address {
        merge(&mut context, json!({ "sni": host }));
    }
    if let (Some(common), false) = (context.get_mut("common_tls_context"), speaks.is_empty()) {
        merge(common, json!({ "alpn_protocols": speaks }));
    }
    extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        context,
    )
}
