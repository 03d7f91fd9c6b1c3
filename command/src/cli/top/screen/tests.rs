use serde_json::{Value, json};

use super::*;

pub(in crate::cli::top) fn member(backend: &str, more: Value) -> Value {
    let mut member = json!({
        "backend": backend, "deployment": "gpt-4o", "weight": 1, "next_share": 0.0,
        "state": "closed", "cause": null, "until_ms": null, "remaining_ms": null,
        "returning": null, "attempts": 0, "answered": 0, "throttled": 0, "failed": 0,
        "refused": 0, "failovers": 0, "tokens": tokens(), "headroom": null, "last_fault": null,
        "timeline": vec![0; 30],
    });
    for (name, value) in more.as_object().expect("an object") {
        member[name] = value.clone();
    }
    member
}

fn tokens() -> Value {
    json!({ "told": 0, "prompt": null, "completion": null, "cached": null, "reasoning": null })
}

pub(in crate::cli::top) fn report(tiers: &Value) -> Report {
    let report = json!({
        "version": 1, "spillway": "0.1.0", "now_ms": 1_795_165_261_000_u64,
        "config": { "digest": "0123456789ab", "loaded_ms": 1_795_165_200_000_u64 },
        "span_ms": 300_000, "slice_ms": 10_000,
        "workers": [{ "since_ms": 5, "seen_ms": 1_795_165_260_500_u64 }],
        "models": [{
            "name": "gpt-4o", "requests": 1200, "answered": 1199, "failovers": 1,
            "tokens": tokens(), "tiers": tiers,
        }],
        "failovers": [{
            "at_ms": 1_795_165_260_000_u64, "model": "gpt-4o", "from": "eastus", "to": "westus",
            "cause": "server_error", "status": 503,
        }],
    });
    serde_json::from_value(report).expect("a report")
}

fn shown(tiers: &Value, width: Option<usize>, all: bool) -> Vec<String> {
    let at = "127.0.0.1:10001".parse().expect("an address");
    screen(&report(tiers), at, &Look { width, all, bold: false })
}

#[test]
fn a_report_reads_as_a_table_without_colour() {
    let mut timeline = vec![0; 30];
    timeline[29] = 900;
    let used = json!({ "told": 900, "prompt": 40_000, "completion": 1, "cached": null, "reasoning": null });
    let tiers = json!([
        { "priority": 1, "members": [member("eastus", json!({
            "state": "open", "cause": "throttled", "remaining_ms": 11_200, "throttled": 3,
        }))] },
        { "priority": 2, "members": [
            member("sweden", json!({ "next_share": 0.9, "answered": 900, "tokens": used, "timeline": timeline })),
            member("westus", json!({ "state": "returning", "cause": "failed", "returning": 0.4,
                "next_share": 0.1, "answered": 299, "headroom": 0.25 })),
        ] },
    ]);
    let wanted = "\
Spillway 0.1.0 at 127.0.0.1:10001, 09:01:01 UTC, configuration 0123456789ab loaded 1 min 1 s ago
Counts of the last 5 min, by 1 worker, the newest 1 s old

gpt-4o: 1,200 requests, 1,199 answered, 1 failover, tokens unknown
  tier  backend  state                        next  share  answered  429  failed   prompt  completion  headroom  by time
  1     eastus   ■ open throttled, 12 s left   0 %    0 %         0    3       0        –           –         –  ···············
  2     sweden   ● closed                     90 %   75 %       900    0       0   40,000           1         –  ··············█
  2     westus   ◐ returning 40 %             10 %   25 %       299    0       0  unknown     unknown      25 %  ···············

Recent failovers
  09:01:00  gpt-4o  eastus → westus  server error 503";
    assert_eq!(shown(&tiers, None, false).join("\n"), wanted);
    let narrow = shown(&tiers, Some(40), false);
    assert!(narrow.iter().all(|line| line.chars().count() <= 40), "{narrow:?}");
    assert!(narrow[0].ends_with('…'));
}

#[test]
fn of_a_large_pool_only_what_stands_out_is_shown() {
    let mut members: Vec<Value> = (0..200)
        .map(|n| member(&format!("b{n}"), json!({ "answered": 5, "next_share": 0.005 })))
        .collect();
    members[7]["state"] = json!("half_open");
    members[9]["failed"] = json!(1);
    let tiers = json!([{ "priority": 1, "members": members }]);
    let lines = shown(&tiers, None, false);
    let pool: Vec<&String> = lines.iter().filter(|line| line.starts_with("  1 ")).collect();
    assert_eq!(pool.len(), 3, "{pool:?}");
    assert!(pool[0].contains("b7 ") && pool[0].contains("○ half-open"));
    assert!(pool[2].contains("and 198 more") && pool[2].contains("990"));
    let all = shown(&tiers, None, true);
    assert_eq!(all.iter().filter(|line| line.starts_with("  1 ")).count(), 200);
}
