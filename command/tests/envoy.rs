//! A real Envoy takes what we render, and what we render says what it must.
//!
//! Without an Envoy on `PATH` or in `.tools`, the part that needs one says so and passes.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spillway::config::{self, Config};
use spillway_command::envoy::pieces::{Piece, pieces};
use spillway_command::envoy::version::Version;
use spillway_command::envoy::{
    Abilities, AccessLog, Options, bootstrap, find, secret_files, transport, version,
};

fn example(key_file: &str) -> Value {
    json!({
        "backends": {
            "eastus": { "url": "https://eastus.example.com", "api_key": "${SPILLWAY_TEST_KEY}" },
            "local": { "url": "http://127.0.0.1:9", "bearer_token": { "file": key_file } },
            "open": { "url": "http://localhost:9" },
        },
        "models": {
            "gpt-4o": { "pool": [{ "backend": "eastus" }, { "backend": "local" }, { "backend": "open" }] },
            "small": { "pool": [{ "backend": "open" }] },
        },
        "clients": [{ "name": "b", "key": "${SPILLWAY_TEST_B}" }, { "name": "a", "key": "${SPILLWAY_TEST_A}" }],
    })
}

fn options(directory: &str) -> Options {
    Options {
        otlp: None,
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        metrics: Some(([127, 0, 0, 1], 0).into()),
        status: Some(([127, 0, 0, 1], 0).into()),
        filter: format!("{directory}/filter.wasm"),
        access_log: AccessLog::Stdout,
        state_dir: directory.to_owned(),
        ca_bundle: transport::system_ca().to_owned(),
        envoy: Abilities::default(),
    }
}

fn rendered() -> (Config, Value) {
    rendered_for("1.40.0")
}

fn rendered_for(version: &str) -> (Config, Value) {
    let raw = example("/run/secrets/key");
    let config = config::check(&raw).unwrap();
    let envoy = Version::named(version).unwrap().abilities();
    let rendered = bootstrap(&config, &raw, &Options { envoy, ..options("/state") });
    (config, rendered)
}

#[test]
fn the_status_listener_answers_to_any_name_only_where_others_may_ask() {
    let raw = example("/run/secrets/key");
    let config = config::check(&raw).unwrap();
    let listeners = |status: Option<&str>| {
        let status = status.map(|address| address.parse().unwrap());
        let rendered =
            bootstrap(&config, &raw, &Options { status, metrics: None, ..options("/state") });
        rendered["static_resources"]["listeners"].as_array().unwrap().clone()
    };
    let filters = "/filter_chains/0/filters/0/typed_config/http_filters";
    let gateways = listeners(None);
    assert_eq!(gateways.len(), 1);
    let of_gateway = gateways[0].pointer(filters).unwrap();
    for (address, any_host) in [("127.0.0.1:1", false), ("[::1]:1", false), ("0.0.0.0:1", true)] {
        let seat = listeners(Some(address))[1].pointer(filters).unwrap()[1].clone();
        let of = |pointer: &str| seat["typed_config"]["config"].pointer(pointer).cloned();
        let told: Value =
            serde_json::from_str(of("/configuration/value").unwrap().as_str().unwrap()).unwrap();
        assert_eq!(told, json!({ "seat": "status", "any_host": any_host }), "{address}");
        // Otherwise it has a VM of its own, and finds nothing there.
        let vm = &of_gateway[2]["typed_config"]["config"]["vm_config"];
        assert_eq!(of("/vm_config").as_ref(), Some(vm));
    }
}

fn chain(rendered: &Value, cluster: usize) -> &Vec<Value> {
    let path = "/typed_extension_protocol_options\
                /envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters";
    rendered["static_resources"]["clusters"][cluster].pointer(path).unwrap().as_array().unwrap()
}

#[test]
fn both_seats_share_one_vm_and_all_clusters_one_plugin() {
    let (_, rendered) = rendered();
    let manager = rendered
        .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
        .unwrap();
    let vm = "/typed_config/config/vm_config";
    let gateway = manager["http_filters"][2].pointer(vm);
    assert!(gateway.is_some());
    for cluster in 0..3 {
        assert_eq!(chain(&rendered, cluster)[0].pointer(vm), gateway);
        assert_eq!(chain(&rendered, cluster)[0].to_string(), chain(&rendered, 0)[0].to_string());
    }
    let keys = gateway.unwrap().pointer("/environment_variables/host_env_keys").unwrap();
    assert_eq!(keys, &json!(["SPILLWAY_TEST_A", "SPILLWAY_TEST_B"]));
}

#[test]
fn a_backend_without_a_key_has_no_injector() {
    let (_, rendered) = rendered();
    let lengths = [0, 1, 2].map(|cluster| chain(&rendered, cluster).len());
    assert_eq!(lengths, [4, 4, 2]);
}

#[test]
fn a_key_in_a_file_is_discovered_and_one_in_the_environment_is_static() {
    let (config, rendered) = rendered();
    let secrets = rendered["static_resources"]["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0]["name"], "eastus-key");
    let files = secret_files(&config, &options("/state"));
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "/state/local-key.json");
}

#[test]
fn a_name_that_does_not_resolve_still_fails_over() {
    let (_, rendered) = rendered();
    let clusters = &rendered["static_resources"]["clusters"];
    let endpoints =
        |i: usize| clusters[i]["load_assignment"]["endpoints"].as_array().unwrap().len();
    assert_eq!([endpoints(0), endpoints(1)], [2, 1]);
}

#[test]
fn there_are_retries_for_other_backends_in_the_largest_pool_and_for_repetitions() {
    let (_, rendered) = rendered();
    // Three members: two others, and each of the three may be repeated twice.
    assert!(rendered.to_string().contains(r#""num_retries":8"#));
}

#[test]
fn an_older_envoy_is_told_what_it_knows() {
    let (_, newest) = rendered();
    assert!(newest.to_string().contains("refresh_cluster_on_retry"));
    assert!(!newest.to_string().contains("redirect"));
    let part = &newest["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"];
    assert_eq!(part, 512 << 10);
    for (version, way, limit, buffer) in [
        ("1.36.4", "redirect_unheld", 64 << 20, 32 << 20),
        ("1.37.0", "redirect", 64 << 20, 1 << 20),
        ("1.38.2", "redirect", 32 << 20, 1 << 20),
    ] {
        let (_, rendered) = rendered_for(version);
        let listener = &rendered["static_resources"]["listeners"][0];
        assert_eq!(listener["per_connection_buffer_limit_bytes"], buffer);
        let manager = listener.pointer("/filter_chains/0/filters/0/typed_config").unwrap();
        let host = &manager["route_config"]["virtual_hosts"][0];
        assert_eq!(host["request_body_buffer_limit"], limit);
        // Without it, a request that comes back has no route.
        assert!(!host["request_headers_to_remove"].to_string().contains("x-forwarded-proto"));
        let route = &host["routes"][0]["route"];
        // A retry would stay at the same backend; how long an attempt may be silent stands there too.
        assert_eq!(route["retry_policy"]["num_retries"], 0);
        assert_eq!(route["retry_policy"].get("retry_on"), None);
        let policy = json!({
            "redirect_response_codes": [307],
            "max_internal_redirects": 5,
            "allow_cross_scheme_redirect": true,
        });
        assert_eq!(route["internal_redirect_policy"], policy);
        let plugin = &manager["http_filters"][2]["typed_config"]["config"]["configuration"];
        let plugin = plugin["value"].as_str().unwrap();
        assert!(plugin.ends_with(&format!(r#""failover":"{way}"}}"#)), "{plugin}");
        assert!(manager["access_log"][0]["filter"].to_string().contains("internal_redirect"));
        let prefixed_apart = chain(&rendered, 1).len() == 5;
        assert_eq!(prefixed_apart, version == "1.36.4");
    }
}

#[test]
fn envoy_accepts_it() {
    let own = fs::read_dir("../.tools/envoys").into_iter().flatten().flatten();
    let own = own.map(|entry| entry.path().join("bin/envoy")).filter(|path| path.is_file());
    let envoys: Vec<PathBuf> = find::envoy(None).into_iter().chain(own).collect();
    if envoys.is_empty() {
        println!("skipped: no Envoy on PATH or in .tools");
    }
    envoys.iter().for_each(|envoy| accepts(envoy));
}

fn accepts(envoy: &Path) {
    let abilities = version::ask(envoy).unwrap().abilities();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    fs::write(directory.path().join("key"), "secret").unwrap();
    fs::write(directory.path().join("filter.wasm"), smallest_filter()).unwrap();

    let raw = example(&format!("{path}/key"));
    let config = config::check(&raw).unwrap();
    let options = Options { envoy: abilities, ..options(path) };
    for file in secret_files(&config, &options) {
        fs::write(file.path, file.content.to_string()).unwrap();
    }
    let whole = bootstrap(&config, &raw, &options);
    for bootstrap in [whole, pasted(pieces(&config, &raw, &options))] {
        let file = directory.path().join("envoy.json");
        fs::write(&file, bootstrap.to_string()).unwrap();
        validates(envoy, &file);
    }
}

fn validates(envoy: &Path, file: &Path) {
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(file)
        .envs(["KEY", "A", "B"].map(|name| (format!("SPILLWAY_TEST_{name}"), "x")))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("deprecated"), "{log}");
    assert!(!log.contains("limit to the number of allowed"), "{log}");
}

/// An Envoy of a reader's own, with the pieces where they go.
fn pasted(pieces: Vec<(Piece, Value)>) -> Value {
    let own = "type.googleapis.com/envoy.extensions.filters";
    let mut bootstrap = json!({ "static_resources": { "listeners": [{
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("{own}.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "own",
                "route_config": { "virtual_hosts": [{ "name": "own", "domains": ["*"], "routes": [
                    { "match": { "prefix": "/" }, "direct_response": { "status": 200 } },
                ]}]},
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": { "@type": format!("{own}.http.router.v3.Router") },
                }],
            },
        }]}],
    }], "clusters": [], "secrets": [] }});
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    for (piece, value) in pieces {
        let place = match piece {
            Piece::Process => String::new(),
            Piece::Listener => "/static_resources/listeners/0".to_owned(),
            Piece::Manager | Piece::Replies => manager.to_owned(),
            Piece::Filters => format!("{manager}/http_filters"),
            Piece::Route => format!("{manager}/route_config/virtual_hosts/0/routes"),
            Piece::Clusters => "/static_resources/clusters".to_owned(),
            Piece::Secrets => "/static_resources/secrets".to_owned(),
        };
        match (bootstrap.pointer_mut(&place).unwrap(), value) {
            (Value::Object(own), Value::Object(fields)) => own.extend(fields),
            (Value::Array(own), Value::Array(items)) => drop(own.splice(0..0, items)),
            (own, value) => assert_eq!(own, &value, "a piece fits"),
        }
    }
    bootstrap
}

/// A module that Envoy loads into both filters and that does nothing: an empty function under the
/// name of the ABI's version, a `malloc` that always gives the same place, and a memory.
fn smallest_filter() -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(b"\x01\x09\x02\x60\0\0\x60\x01\x7f\x01\x7f"); // types: () and (i32) -> i32
    module.extend(b"\x03\x03\x02\0\x01"); // a function of each
    module.extend(b"\x05\x03\x01\0\x01"); // a memory of one page
    module.extend(b"\x07\x2d\x03\x17proxy_abi_version_0_2_1\0\0\x06malloc\0\x01\x06memory\x02\0");
    module.extend(b"\x0a\x0a\x02\x02\0\x0b\x05\0\x41\x80\x08\x0b"); // nothing; 1024
    module
}
