//! Reads keys where the configuration says that they are: the environment and files.
//!
//! The command looks at keys only to say what is wrong with them. Envoy and the filter read them
//! themselves.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::envoy::Abilities;
use spillway::config::path::key;
use spillway::config::{Config, Problem, Secret, secret};

/// No key is longer: a header as long is refused everywhere.
const LONGEST: u64 = 1 << 16;

/// What a secret's source holds.
///
/// # Errors
/// Why it cannot be read, as a problem's message.
pub fn held(secret: &Secret) -> Result<Vec<u8>, String> {
    match secret {
        Secret::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| secret::not_set(secret))?;
            Ok(value.into_vec())
        }
        Secret::File(file) => {
            read(Path::new(file)).map_err(|reason| format!("cannot read `{file}`: {reason}"))
        }
    }
}

/// Backends' keys that this Envoy would send with the line break that they end with. It sends none of
/// them: no header may hold one.
pub fn unstripped(config: &Config, envoy: Abilities) -> Vec<Problem> {
    if envoy.strips_keys {
        return Vec::new();
    }
    let of_backends = config.secrets().into_iter().filter(|(at, _)| at.starts_with("backends"));
    let ending = of_backends.filter(|(_, secret)| {
        held(secret).is_ok_and(|value| value.ends_with(b"\n") || value.ends_with(b"\r"))
    });
    let problem = |(at, secret): (String, &Secret)| {
        let at = if secret.variable().is_some() { at } else { key(&at, "file") };
        Problem::new(
            at,
            "the key ends with a line break, which Envoy sends along before 1.40",
            "write it without, as `printf %s` does, or use a newer Envoy",
        )
    };
    ending.map(problem).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: io::Error| error.to_string();
    // A pipe would make us wait for whoever writes into it.
    if !std::fs::metadata(path).map_err(said)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(said)?.take(LONGEST + 1);
    file.read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() as u64 > LONGEST {
        Err("it is too long for a key".to_owned())
    } else {
        Ok(bytes)
    }
}
