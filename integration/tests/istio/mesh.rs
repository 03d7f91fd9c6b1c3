//! A mesh around one proxy: `spillway render istio` writes the resources, they are laid over the
//! proxy's configuration, and discovery and Istio's agent are played where the module is fetched.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use spillway_command::envoy::version;
use spillway_integration::{access_log_in, find};

use super::{merge, pod, proxy};

/// Where the module is said to be where it is fetched.
const IMAGE: &str = "oci://registry.example.com/spillway:0.1";

/// What says that it is an ingress gateway for the stories' host.
const INGRESS: [&str; 4] = ["--host", "*", "--gateway", "ingress"];

/// The Istio that brings the Envoy at hand.
pub(super) fn istio() -> &'static str {
    static ISTIO: LazyLock<String> =
        LazyLock::new(|| match version::ask(&find::envoy()).expect("a version").minor {
            40 => "master".to_owned(),
            minor => format!("1.{}", minor - 8),
        });
    &ISTIO
}

/// What a proxy of that Istio says of its version.
pub(super) fn proxy_version() -> String {
    match istio() {
        "master" => "1.32-alpha.0123456789abcdef".to_owned(),
        minor => format!("{minor}.2"),
    }
}

/// What the command prints for this configuration.
pub(super) fn render(config: &str, folder: &Path, arguments: &[&str]) -> Vec<Value> {
    render_for(istio(), config, folder, arguments)
}

/// The same for this Istio.
pub(super) fn render_for(
    istio: &str,
    config: &str,
    folder: &Path,
    arguments: &[&str],
) -> Vec<Value> {
    let file = folder.join("rendered-from.json");
    fs::write(&file, config).expect("a file");
    let rendered = Command::new(find::command())
        .args(["render", "istio", "--istio-version", istio])
        .args(arguments)
        .arg("--access-log")
        .arg(access_log_in(folder))
        .arg(&file)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{said}");
    let text = String::from_utf8(rendered.stdout).expect("text");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// An ingress gateway for the stories' host, with the module in a file.
pub(super) fn ingress(config: &str, folder: &Path) -> Value {
    ingress_but(config, folder, |_| ())
}

/// The same, of which discovery brings something else than what was rendered.
pub(super) fn ingress_but(
    config: &str,
    folder: &Path,
    change: impl FnOnce(&mut merge::Extensions),
) -> Value {
    gateway(config, folder, &INGRESS, &module(), change)
}

/// The same, with the module in a registry.
pub(super) fn ingress_that_fetches(config: &str, folder: &Path) -> Value {
    gateway(config, folder, &INGRESS, IMAGE, |_| ())
}

/// The same, which the agent cannot fetch: in place of each filter it brings one that denies everything.
pub(super) fn ingress_without_the_module(config: &str, folder: &Path) -> Value {
    let denial = |name: &str| {
        json!({
            "name": name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": {},
                "rules_stat_prefix": "wasm-default-deny",
            },
        })
    };
    gateway(config, folder, &INGRESS, IMAGE, |all| {
        all.iter_mut().for_each(|(name, extension)| *extension = denial(name));
    })
}

/// A gateway of the Kubernetes Gateway API.
pub(super) fn gateway_api(config: &str, folder: &Path) -> Value {
    let attach = ["--attach", "gateway-api", "--host", "*", "--gateway", "public"];
    gateway(config, folder, &attach, &module(), |_| ())
}

/// A sidecar whose application calls the stories' host.
pub(super) fn sidecar(config: &str, folder: &Path) -> Value {
    let host = "gateway.ai.svc.cluster.local";
    let attach = ["--attach", "sidecar", "--selector", "app=chat", "--namespace", "ai"];
    let module = module();
    let arguments = [&attach[..], &["--host", host, "--wasm", &module]].concat();
    let resources = render(config, folder, &arguments);
    let [service, filter] = resources.as_slice() else { panic!("{resources:#?}") };
    let mut bootstrap = proxy::sidecar(service, &folder.join("mesh.log"));
    let extensions = merge::apply(filter, "SIDECAR_OUTBOUND", &proxy_version(), &mut bootstrap);
    pod::start(&render(config, folder, &with_patch(&arguments)), folder, &mut bootstrap);
    serve(&extensions, &mut bootstrap, folder);
    bootstrap
}

fn gateway(
    config: &str,
    folder: &Path,
    attach: &[&str],
    module: &str,
    change: impl FnOnce(&mut merge::Extensions),
) -> Value {
    let arguments = [attach, &["--wasm", module]].concat();
    let resources = render(config, folder, &arguments);
    let [service, filter] = resources.as_slice() else { panic!("{resources:#?}") };
    let mut bootstrap = proxy::ingress(service, 80, &folder.join("mesh.log"));
    let mut extensions = merge::apply(filter, "GATEWAY", &proxy_version(), &mut bootstrap);
    change(&mut extensions);
    pod::start(&render(config, folder, &with_patch(&arguments)), folder, &mut bootstrap);
    serve(&extensions, &mut bootstrap, folder);
    bootstrap
}

/// Asks for the patch of the proxies' pods.
fn with_patch<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--proxy-patch"]].concat()
}

/// The module's file.
fn module() -> String {
    find::filter().into_os_string().into_string().expect("a path")
}

/// An ingress gateway whose requests pass these filters before ours.
pub(super) fn ingress_behind(config: &str, folder: &Path, filters: &[Value]) -> Value {
    behind(ingress(config, folder), filters)
}

/// The same in this gateway.
pub(super) fn behind(mut bootstrap: Value, filters: &[Value]) -> Value {
    let manager =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let chain = bootstrap.pointer_mut(manager).and_then(Value::as_array_mut).expect("filters");
    chain.splice(0..0, filters.iter().cloned());
    bootstrap
}

/// Plays discovery: what istiod would bring lies in files, the routes and the filters.
pub(super) fn serve(extensions: &merge::Extensions, bootstrap: &mut Value, folder: &Path) {
    for extension in extensions.values() {
        bring(&fetched(extension), folder);
    }
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().expect("some") {
        for chain in listener["filter_chains"].as_array_mut().expect("chains") {
            let manager = &mut chain["filters"][0]["typed_config"];
            let mut routes = manager["route_config"].take();
            manager.as_object_mut().expect("a manager").remove("route_config");
            let source = json!({ "resource_api_version": "V3", "path_config_source": { "path": folder.join(ROUTES) } });
            manager["rds"] =
                json!({ "route_config_name": routes["name"], "config_source": source });
            routes["@type"] = json!("type.googleapis.com/envoy.config.route.v3.RouteConfiguration");
            put(&folder.join(ROUTES), &[routes]);
        }
    }
    discover(bootstrap, folder);
}

/// Brings the clusters too: what of them is refused, is refused alone.
pub(super) fn serve_clusters(bootstrap: &mut Value, folder: &Path) {
    let clusters = bootstrap["static_resources"]["clusters"].clone();
    bootstrap["static_resources"]["clusters"] = json!([]);
    let kind = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    let of_kind = |cluster: &Value| {
        let mut cluster = cluster.clone();
        cluster["@type"] = json!(kind);
        cluster
    };
    let clusters: Vec<Value> = clusters.as_array().expect("clusters").iter().map(of_kind).collect();
    put(&folder.join(CLUSTERS), &clusters);
    bootstrap["dynamic_resources"]["cds_config"] = json!({
        "resource_api_version": "V3",
        "path_config_source": { "path": folder.join(CLUSTERS) },
    });
}

/// Brings a filter's configuration.
pub(super) fn bring(extension: &Value, folder: &Path) {
    let mut resource = extension.clone();
    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    resource["@type"] = json!(kind);
    let name = extension["name"].as_str().expect("a name");
    put(&folder.join(format!("{name}.json")), &[resource]);
}

/// Has istiod say something else of the routes.
pub(super) fn change_routes(folder: &Path, change: impl FnOnce(&mut Value)) {
    let file = fs::read_to_string(folder.join(ROUTES)).expect("routes");
    let mut answer: Value = serde_json::from_str(&file).expect("JSON");
    change(&mut answer["resources"][0]);
    put(&folder.join(ROUTES), &[answer["resources"][0].take()]);
}

/// Moved into its place, so that Envoy sees that there is something new.
fn put(place: &Path, resources: &[Value]) {
    let beside = place.with_extension("new");
    fs::write(&beside, json!({ "resources": resources }).to_string()).expect("a file");
    fs::rename(beside, place).expect("a move");
}

/// What Istio's agent makes of a module's address before Envoy sees it: a file.
fn fetched(extension: &Value) -> Value {
    let mut resource = extension.clone();
    let code = resource.pointer_mut("/typed_config/config/vm_config/code");
    if let Some(code) = code
        && let Some(remote) = code.get("remote")
    {
        assert_eq!(remote["http_uri"]["uri"], IMAGE);
        *code = json!({ "local": { "filename": find::filter() } });
    }
    resource
}

const ROUTES: &str = "routes.json";
const CLUSTERS: &str = "clusters.json";

/// istiod is not here: what is asked of it comes from files.
fn discover(value: &mut Value, folder: &Path) {
    match value {
        Value::Object(fields) if fields.contains_key("config_discovery") => {
            let name = fields["name"].as_str().expect("a name").to_owned();
            let source = &mut fields["config_discovery"]["config_source"];
            let source = source.as_object_mut().expect("a source");
            source.remove("ads").expect("asked of istiod");
            let path = folder.join(format!("{name}.json"));
            source.insert("path_config_source".into(), json!({ "path": path }));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| discover(value, folder)),
        Value::Array(items) => items.iter_mut().for_each(|value| discover(value, folder)),
        _ => {}
    }
}
