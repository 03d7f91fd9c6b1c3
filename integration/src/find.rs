//! Where the things under test are: Envoy, the filter, the command, the Python clients.

use std::env;
use std::path::{Path, PathBuf};

/// Envoy: `$SPILLWAY_ENVOY`, else on `PATH`, else the project's own install.
pub fn envoy() -> PathBuf {
    let on_path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&on_path).map(|directory| directory.join("envoy"));
    let own = workspace().join(".tools/envoy/bin/envoy");
    first("SPILLWAY_ENVOY", on_path.chain([own]), "Envoy", "run `make setup` first")
}

/// The filter that traps when it is told to: `$SPILLWAY_TRAPS`, else where the build puts it.
pub(crate) fn filter_that_traps() -> PathBuf {
    let built = workspace().join("dist/traps.wasm");
    first("SPILLWAY_TRAPS", [built], "the filter that traps", "run `tools/build.sh traps` first")
}

/// The filter: `$SPILLWAY_FILTER`, else as cargo builds it.
pub fn filter() -> PathBuf {
    let built = target().join("wasm32-wasip1/release/spillway.wasm");
    first("SPILLWAY_FILTER", [built], "the filter", "run `make build` first")
}

/// The command: `$SPILLWAY_BIN`, else as cargo builds it.
pub fn command() -> PathBuf {
    let profiles = ["debug", "release"].map(|profile| target().join(profile).join("spillway"));
    first("SPILLWAY_BIN", profiles, "the command", "run `make build` first")
}

/// A Python with its packages: what the variable names, else the project's own.
pub(crate) fn python(variable: &str, own: &str) -> PathBuf {
    let own = workspace().join(format!(".tools/{own}/bin/python"));
    first(variable, [own], "a Python with what the test needs", "run `make setup` first")
}

/// The Python that has a server's web framework: `$SPILLWAY_PYTHON_SERVER`, else the project's own.
pub fn server_python() -> PathBuf {
    python("SPILLWAY_PYTHON_SERVER", "server")
}

/// nginx: `$SPILLWAY_NGINX`, else the project's own.
pub fn nginx() -> PathBuf {
    let own = workspace().join(".tools/nginx/nginx");
    first("SPILLWAY_NGINX", [own], "nginx", "run `tools/setup.sh nginx` first")
}

/// Where pictures of pages are left for people.
pub fn screenshots() -> PathBuf {
    workspace().join(".tools/screenshots")
}

/// Prometheus, or its tool: where `$SPILLWAY_PROMETHEUS` says that both are, else the project's own.
pub fn prometheus(name: &str) -> PathBuf {
    let own = workspace().join(".tools/prometheus/usr/bin");
    let named = env::var_os("SPILLWAY_PROMETHEUS").filter(|value| !value.is_empty());
    let place = named.map_or(own, PathBuf::from).join(name);
    let hint = "run `tools/setup.sh prometheus` first, or set SPILLWAY_PROMETHEUS";
    assert!(place.is_file(), "`{}` was not found: {hint}", place.display());
    place
}

/// A program of the collector that is not ours and of OpenTelemetry's SDK: in the folder that
/// `$SPILLWAY_OTEL` names, else the project's own.
pub(crate) fn otel(name: &str) -> PathBuf {
    let own = workspace().join(".tools/otel/bin");
    let named = env::var_os("SPILLWAY_OTEL").filter(|value| !value.is_empty());
    let place = named.map_or(own, PathBuf::from).join(name);
    let hint = "run `tools/setup.sh otel` first, or set SPILLWAY_OTEL";
    assert!(place.exists(), "`{}` was not found: {hint}", place.display());
    place
}

/// The repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of a workspace").to_owned()
}

fn first(
    variable: &str,
    places: impl IntoIterator<Item = PathBuf>,
    what: &str,
    hint: &str,
) -> PathBuf {
    if let Some(named) = env::var_os(variable).filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "{variable}: there is no file `{}`", named.display());
        return named;
    }
    let found = places.into_iter().find(|place| place.is_file());
    found.unwrap_or_else(|| panic!("{what} was not found: {hint}, or set {variable}"))
}

/// Cargo's target directory: the tests themselves run from `<target>/<profile>/deps`.
pub(crate) fn target() -> PathBuf {
    let executable = env::current_exe().expect("the path of this test");
    executable.ancestors().nth(3).expect("a test below a target directory").to_owned()
}
