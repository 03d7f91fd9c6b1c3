//! Where the proxies find the filter: in a file, or at an address that Istio's agent fetches it from.
//!
//! Beside each Envoy runs Istio's agent, which looks through the extension configurations that come
//! over discovery (ECDS): of a wasm module at `https://` or `oci://` it fetches the module, keeps it
//! in a file under its checksum, and tells Envoy of the file. A `WasmPlugin` works that way; an
//! `EnvoyFilter` may add such a configuration too (`EXTENSION_CONFIG`), and any chain may refer to
//! it. Envoy itself never fetches anything, and as all our filters name the same address, they get the
//! same file and share one VM.

use serde_json::{Value, json};

use spillway::config::{Problem, quoted};

/// Where the filter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// A file in the proxy's container.
    File(String),
    /// An address that Istio's agent fetches it from.
    Remote {
        /// `https://…`, `http://…` or `oci://…`.
        address: String,
        /// The module's digest in hex; of an image, that of its manifest stands in the address.
        sha256: Option<String>,
    },
}

impl Module {
    /// Reads what stands on the command line.
    ///
    /// # Errors
    /// The address is none, or what it leads to could be changed by others.
    pub fn named(address: &str, sha256: Option<&str>) -> Result<Self, Problem> {
        let problem = |message: String, hint: &str| Err(Problem::new("", message, hint));
        if let Some(digest) = sha256
            && (digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return problem(
                format!("--wasm-sha256: {} is no SHA-256 digest", quoted(digest)),
                "`sha256sum spillway.wasm` prints it: 64 hexadecimal digits",
            );
        }
        match (address.split_once("://"), sha256) {
            (None, None) if address.starts_with('/') => Ok(Self::File(address.to_owned())),
            (None, None) => problem(
                format!("--wasm: {} is neither an absolute path nor an address", quoted(address)),
                "a path in the proxy's container, `https://…` or `oci://…`",
            ),
            (None, Some(_)) => problem(
                "--wasm-sha256: a file is taken as it is".to_owned(),
                "leave `--wasm-sha256` out, or give an address to `--wasm`",
            ),
            (Some(("http" | "https", _)), None) => problem(
                format!("--wasm: nothing says what {} must hold", quoted(address)),
                "add `--wasm-sha256` with what `sha256sum spillway.wasm` prints",
            ),
            (Some(("http" | "https" | "oci", rest)), _) if !rest.is_empty() => Ok(Self::Remote {
                address: address.to_owned(),
                sha256: sha256.map(str::to_ascii_lowercase),
            }),
            _ => problem(
                format!("--wasm: {} is no address that Istio fetches from", quoted(address)),
                "a path in the proxy's container, `https://…` or `oci://…`",
            ),
        }
    }

    /// The path, where it is a file.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Remote { .. } => None,
        }
    }

    /// Whether Istio's agent fetches it.
    pub(super) fn is_fetched(&self) -> bool {
        self.file().is_none()
    }

    /// What the VM's `code` says of a module that is fetched.
    pub(super) fn remote_code(&self) -> Option<Value> {
        let Self::Remote { address, sha256 } = self else { return None };
        Some(json!({ "remote": {
            "http_uri": {
                "uri": address,
                // Istio's agent reads the address; Envoy, which would want one, never sees this.
                "cluster": "_",
                // The agent's own limit is 5 s, which a registry far away may need longer than.
                "timeout": "60s",
            },
            // Envoy's message wants a text here; the agent takes `nil` for none.
            "sha256": sha256.as_deref().unwrap_or("nil"),
        }}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_file_an_address_or_an_image() {
        let file = Module::named("/etc/spillway/spillway.wasm", None).unwrap();
        assert_eq!(file.file(), Some("/etc/spillway/spillway.wasm"));
        assert_eq!(file.remote_code(), None);
        for (address, digest) in [
            ("https://example.com/spillway.wasm", Some(DIGEST)),
            ("oci://registry.example.com/spillway:0.1", None),
            ("oci://registry.example.com/spillway:0.1", Some(DIGEST)),
        ] {
            let code = Module::named(address, digest).unwrap().remote_code().unwrap();
            assert_eq!(code["remote"]["http_uri"]["uri"], address);
            assert_eq!(code["remote"]["sha256"], digest.unwrap_or("nil"));
        }
    }

    #[test]
    fn what_could_be_anything_is_refused() {
        for (address, digest) in [
            ("https://example.com/spillway.wasm", None),
            ("spillway.wasm", None),
            ("ftp://example.com/spillway.wasm", None),
            ("oci://", None),
            ("/etc/spillway/spillway.wasm", Some(DIGEST)),
            ("https://example.com/spillway.wasm", Some("abc")),
        ] {
            let problem = Module::named(address, digest).unwrap_err();
            assert!(!problem.hint.is_empty(), "{address}: {problem}");
        }
    }
}
