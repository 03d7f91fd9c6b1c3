//! How many series the metrics have from the start.

use super::Lints;
use spillway::config::Config;
use spillway_figures::grouped;

pub(super) fn look(lints: &mut Lints<'_>) {
    let config = lints.config;
    let all = series(config, config.client_label);
    if all <= MANY {
        return;
    }
    let message = format!("{} series in each scrape, from the start", grouped(all));
    if config.clients.is_some() && config.client_label {
        let fewer = grouped(series(config, false));
        let hint = format!(
            "`metrics: {{ client_label: false }}` leaves {fewer}; the access log still says who \
             has used what"
        );
        lints.warn("clients", message, hint);
    } else {
        let hint = "have Prometheus scrape less often, or split the models among gateways";
        lints.warn("models", message, hint);
    }
}

/// How many series are there before the first request, with a label for clients or without.
fn series(config: &Config, client_label: bool) -> u64 {
    let clients = config.clients.as_ref().filter(|_| client_label).map_or(1, Vec::len);
    let member = OF_A_MEMBER.saturating_add(TOKENS.saturating_mul(clients));
    let of_model = |members: usize| OF_A_MODEL.saturating_add(members.saturating_mul(member));
    let models = config.models.iter().map(|model| of_model(model.pool.len()));
    u64::try_from(models.fold(OF_A_GATEWAY, usize::saturating_add)).unwrap_or(u64::MAX)
}

/// As many as a Prometheus takes from one target without being asked.
const MANY: u64 = 20_000;

/// What is there from the start, as [`spillway::metrics::from_the_start`] has it, with gauges.
const OF_A_GATEWAY: usize = 28;
const OF_A_MODEL: usize = 10;
const OF_A_MEMBER: usize = 23;
const TOKENS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spillway::config::check;
    use spillway::gateway::Gateway;
    use spillway::metrics::from_the_start;

    #[test]
    fn the_number_is_that_of_the_filter() {
        let config = check(&json!({
            "backends": { "a": { "url": "http://a" }, "b": { "url": "http://b" } },
            "models": { "m": { "pool": ["a", "b"] }, "n": { "pool": ["a"] } },
            "clients": [{ "name": "chat", "key": "${A}" }, { "name": "batch", "key": "${B}" }],
        }))
        .expect("a right file");
        let gauges = 3 * 3 + 4;
        let counted = |config: &Config| {
            let gateway = Gateway::new(config.clone(), |name| Some(name.to_owned()));
            (from_the_start(&gateway.expect("ready")).len() + gauges) as u64
        };
        assert_eq!(series(&config, true), counted(&config));
        let fewer = Config { client_label: false, ..config };
        assert_eq!(series(&fewer, false), counted(&fewer));
    }
}
