//! The gauges that stand for a configuration: what a later one has to take back.
//!
//! Envoy keeps a gauge for as long as it runs. A backend that was taken out of a pool would be a member
//! for ever, and its circuit open, if its gauges were left where they are. So each configuration leaves
//! their names in shared data, where the next one finds them: also in another VM, of which this one knows
//! nothing.

use std::collections::HashSet;

use super::metric::Metric;
use super::series::{Series, with_digest};
use crate::config::Id;
use crate::gateway::Gateway;

/// The gauges that are 1 for as long as this configuration is in force: its members', and its own.
pub fn standing(gateway: &Gateway, digest: &str) -> Vec<String> {
    let mut names = vec![with_digest(Metric::ConfigInfo, digest)];
    names.extend(of_members(gateway, Metric::PoolMember));
    names
}

/// The names of all gauges that go with this configuration, as they are left for the next.
pub fn left(gateway: &Gateway, digest: &str) -> Vec<u8> {
    let circuits = [Metric::BreakerState, Metric::OpenUntil, Metric::Headroom];
    let circuits = circuits.into_iter().flat_map(|metric| of_members(gateway, metric));
    let mut text = standing(gateway, digest).into_iter().chain(circuits).fold(
        String::new(),
        |mut text, name| {
            text.push_str(&name);
            text.push('\n');
            text
        },
    );
    text.pop();
    text.into_bytes()
}

/// The names that the configuration before has left, and that this one does not have.
pub fn gone<'a>(before: &'a [u8], now: &[u8]) -> Vec<&'a str> {
    let kept: HashSet<&str> = lines(now).collect();
    lines(before).filter(|name| !kept.contains(name)).collect()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(bytes).unwrap_or_default().lines()
}

fn of_members(gateway: &Gateway, metric: Metric) -> impl Iterator<Item = String> {
    let config = &gateway.config;
    Id::each(&config.models).flat_map(move |(model, it)| {
        let of = move |member| Series::of(metric).model(Some(model)).member(Some(member));
        (0..it.pool.len()).map(move |member| of(member).name(config))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;
    use crate::testing::test;

    fn gateway(pool: &serde_json::Value) -> Gateway {
        let config = check(&serde_json::json!({
            "backends": { "a": { "url": "http://a" }, "b": { "url": "http://b" } },
            "models": { "m": { "pool": pool } },
        }));
        Gateway::new(config.expect("right"), |_| None).expect("ready")
    }

    #[test]
    fn what_is_gone_is_what_the_next_does_not_have() {
        let before = left(&gateway(&serde_json::json!(["a", "b"])), "1");
        let moved = serde_json::json!([{ "backend": "a", "priority": 2 }, "b"]);
        let moved = left(&gateway(&moved), "1");
        assert_eq!(
            gone(&before, &moved),
            ["spillway_pool_member_info.model=m;.backend=a;.tier=1;"],
            "a tier is the member's, and not its circuit's"
        );
        let fewer = left(&gateway(&serde_json::json!(["b"])), "2");
        let mut gone = gone(&before, &fewer);
        gone.sort_unstable();
        assert_eq!(
            gone,
            [
                "spillway_breaker_open_until_seconds.model=m;.backend=a;",
                "spillway_breaker_state.model=m;.backend=a;",
                "spillway_config_info.digest=1;",
                "spillway_headroom_permille.model=m;.backend=a;",
                "spillway_pool_member_info.model=m;.backend=a;.tier=1;",
            ]
        );
    }

    #[test]
    fn at_the_first_start_nothing_is_gone() {
        assert!(gone(b"", &left(&gateway(&serde_json::json!(["a"])), "1")).is_empty());
    }
}
