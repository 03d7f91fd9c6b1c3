//! `docker-compose.yml` for a gateway of one's own, rendered from its configuration.
//!
//! What a container must be given follows from the file: the variables and files that it refers to,
//! and the file itself. The rest is what a gateway should not be able to do. Values of secrets are
//! never looked at: they come from the shell or from `.env` when the container is made. Why each
//! field is there says docs/rendered/compose.md.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::otlp::Flags;
use spillway::config::{Config, Secret};

/// What rendering needs besides the configuration itself.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The configuration's path, as seen from where the compose file will be.
    pub file: &'a Path,
    /// The gateway's image.
    pub image: &'a str,
    /// Where clients connect, on the machine.
    pub publish: SocketAddr,
    /// Where spans go.
    pub otlp: &'a Flags,
}

/// Seconds to spare behind the time that running requests get.
const MARGIN: u64 = 5;

/// Renders the compose file.
pub fn compose(config: &Config, options: &Options<'_>) -> Value {
    let mounted = Mounted::of(options.file);
    let mut volumes = vec![bind(&mounted.source, &mounted.target)];
    let mut places = places(config);
    places.extend(options.otlp.otlp_ca.clone());
    volumes.extend(places.iter().map(|place| bind(place, place)));
    let mut command = json!([
        "up",
        "--config",
        mounted.config,
        "--listen",
        format!("0.0.0.0:{PORT}"),
        "--admin",
        "127.0.0.1:9901",
        "--metrics",
        "0.0.0.0:9902",
        "--status",
        format!("0.0.0.0:{STATUS}"),
    ]);
    let spans = options.otlp.arguments().into_iter().map(|text| json!(escaped(&text)));
    command.as_array_mut().into_iter().for_each(|all| all.extend(spans.clone()));
    let mut gateway = json!({ "image": options.image, "command": command });
    let environment = variables(config, options.otlp);
    if let (Value::Object(gateway), false) = (&mut gateway, environment.is_empty()) {
        gateway.insert("environment".into(), Value::Object(environment));
    }
    super::envoy::merge(
        &mut gateway,
        json!({
            "volumes": volumes,
            "tmpfs": ["/tmp"],
            "ports": [
                {
                    "host_ip": options.publish.ip().to_string(),
                    "published": options.publish.port().to_string(),
                    "target": PORT,
                },
                // The status page has no key, so it stays on this machine wherever clients are.
                { "host_ip": "127.0.0.1", "published": STATUS.to_string(), "target": STATUS },
            ],
            "healthcheck": {
                "test": ["CMD", "spillway", "health"],
                "interval": "10s",
                "timeout": "3s",
                "start_period": "60s",
            },
            "stop_grace_period": format!("{}s", config.timeouts.drain.as_secs_rounded_up() + MARGIN),
            "restart": "unless-stopped",
            "read_only": true,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "pids_limit": 1024,
            "logging": {
                "driver": "json-file",
                "options": { "max-size": "10m", "max-file": "3" },
            },
        }),
    );
    json!({ "services": { "gateway": gateway } })
}

/// What is right on this machine and will not be in a container.
pub fn notes(config: &Config) -> Vec<String> {
    let here = config.backends.iter().filter(|backend| {
        let host = backend.url.host.as_str();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    here.map(|backend| {
        format!(
            "backend `{}` is at {}, which in a container is the container itself",
            backend.name, backend.url.host
        )
    })
    .collect()
}

/// Where the gateway listens in its container.
const PORT: u16 = 10_000;
const STATUS: u16 = 10_001;

/// The folder in the container for the configuration.
const FOLDER: &str = "/etc/spillway";

/// How the configuration comes into the container.
struct Mounted {
    source: String,
    target: String,
    /// Where the configuration is then.
    config: String,
}

impl Mounted {
    /// A folder is mounted whole: an editor replaces a file, and a mount of the file alone would go
    /// on showing the old one. Not so the folder of the compose file itself, where `.env` is.
    fn of(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let folder = file.parent().map(Path::to_string_lossy).unwrap_or_default();
        if matches!(folder.as_ref(), "" | "." | "/") {
            let target = format!("{FOLDER}/spillway.yaml");
            return Self {
                source: from_here(&file.to_string_lossy()),
                config: target.clone(),
                target,
            };
        }
        let config = format!("{FOLDER}/{name}");
        Self { source: from_here(&folder), target: FOLDER.to_owned(), config: escaped(&config) }
    }
}

/// A path without `./` or `/` at its beginning would name a volume.
fn from_here(path: &str) -> String {
    if path.starts_with(['/', '.']) { path.to_owned() } else { format!("./{path}") }
}

/// The environment: each variable that the file refers to, from the shell or `.env`. Without it the
/// container is not even made.
fn variables(config: &Config, otlp: &Flags) -> Map<String, Value> {
    let names: BTreeSet<&str> = config
        .secrets()
        .into_iter()
        .filter_map(|(_, secret)| match secret {
            Secret::Env(name) => Some(name.as_str()),
            Secret::File(_) => None,
        })
        .chain(otlp.variables())
        .collect();
    let value = |name: &str| json!(format!("${{{name}:?set it in the shell or in .env}}"));
    names.into_iter().map(|name| (name.to_owned(), value(name))).collect()
}

/// What is mounted where it is: the folders of keys, which are replaced by others of their name,
/// and CA certificates.
fn places(config: &Config) -> BTreeSet<String> {
    let keys = config.secrets().into_iter().filter_map(|(_, secret)| match secret {
        Secret::File(file) => Some(folder_of(file)),
        Secret::Env(_) => None,
    });
    let authorities = config.backends.iter().filter_map(|backend| backend.ca_file.clone());
    keys.chain(authorities).collect()
}

/// The folder of this file; the file alone where that would hide one of the system's own, as `/etc`.
fn folder_of(file: &str) -> String {
    let folder = Path::new(file).parent();
    let own = folder.filter(|folder| folder.components().count() > 2);
    own.map_or_else(|| file.to_owned(), |folder| folder.to_string_lossy().into_owned())
}

/// Read-only, and never made where it is missing: Docker would make a folder of that name.
fn bind(source: &str, target: &str) -> Value {
    json!({
        "type": "bind",
        "source": escaped(source),
        "target": escaped(target),
        "read_only": true,
        "bind": { "create_host_path": false },
    })
}

/// Compose takes `$` for a variable.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spillway::config;

    fn rendered(file: &str, config: &Value) -> Value {
        let config = config::check(config).unwrap();
        let publish = SocketAddr::from(([127, 0, 0, 1], 10_000));
        let otlp = &Flags::default();
        compose(&config, &Options { file: Path::new(file), image: "spillway:0", publish, otlp })
    }

    fn with_key(key: &Value) -> Value {
        json!({
            "backends": { "a": { "url": "https://a.example.com", "api_key": key } },
            "models": { "m": { "pool": ["a"] } },
        })
    }

    fn mounts(rendered: &Value) -> Vec<(String, String)> {
        let volumes = rendered.pointer("/services/gateway/volumes").unwrap().as_array().unwrap();
        let text = |volume: &Value, field: &str| volume[field].as_str().unwrap().to_owned();
        volumes.iter().map(|volume| (text(volume, "source"), text(volume, "target"))).collect()
    }

    #[test]
    fn a_folder_of_its_own_is_mounted_whole() {
        let key = json!("${KEY}");
        for (file, source, target, config) in [
            ("spillway.yaml", "./spillway.yaml", "/etc/spillway/spillway.yaml", "spillway.yaml"),
            ("./a.json", "./a.json", "/etc/spillway/spillway.yaml", "spillway.yaml"),
            ("gateway/mine.yaml", "./gateway", "/etc/spillway", "mine.yaml"),
            ("../gateway/mine.yaml", "../gateway", "/etc/spillway", "mine.yaml"),
            ("/srv/gateway/mine.yaml", "/srv/gateway", "/etc/spillway", "mine.yaml"),
            ("a$b/mine.yaml", "./a$$b", "/etc/spillway", "mine.yaml"),
        ] {
            let rendered = rendered(file, &with_key(&key));
            assert_eq!(mounts(&rendered), [(source.to_owned(), target.to_owned())]);
            let command = &rendered["services"]["gateway"]["command"];
            assert_eq!(command[2], format!("/etc/spillway/{config}"));
        }
    }

    #[test]
    fn files_are_mounted_where_they_are() {
        for (file, mounted) in [
            ("/run/secrets/key", "/run/secrets"),
            ("/srv/keys/a/key", "/srv/keys/a"),
            ("/etc/key", "/etc/key"),
            ("/key", "/key"),
        ] {
            let rendered = rendered("spillway.yaml", &with_key(&json!({ "file": file })));
            assert_eq!(mounts(&rendered)[1], (mounted.to_owned(), mounted.to_owned()));
            assert!(rendered["services"]["gateway"].get("environment").is_none());
        }
    }

    #[test]
    fn loopback_is_noted() {
        let at = |url: &str| {
            let mut file = with_key(&json!("${KEY}"));
            file["backends"]["a"]["url"] = json!(url);
            notes(&config::check(&file).unwrap()).len()
        };
        assert_eq!(at("https://a.example.com"), 0);
        for url in
            ["http://localhost:1", "http://127.0.0.1:1", "http://127.3.0.1:1", "http://[::1]:1"]
        {
            assert_eq!(at(url), 1, "{url}");
        }
    }
}
