use serde_json::json;

use super::*;
use crate::cli::top::screen::tests::{member, report};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn several_gateways_are_one_screen_that_says_where_they_differ() {
    let open = json!({
        "state": "open", "cause": "throttled", "remaining_ms": 11_200, "throttled": 3, "answered": 1,
    });
    let one = report(&json!([
        { "priority": 1, "members": [member("eastus", open)] },
        { "priority": 2, "members": [member("westus", json!({ "next_share": 1.0, "answered": 9 }))] },
    ]));
    let mut other = report(&json!([
        { "priority": 1, "members": [member("eastus", json!({ "next_share": 1.0, "answered": 20 }))] },
        { "priority": 2, "members": [member("westus", json!({ "headroom": 0.5 }))] },
    ]));
    other.config.digest = "ba9876543210".to_owned();
    let silent = "no gateway answers at 127.0.0.1:3: nothing listens there".to_owned();
    let asked = vec![(at(1), Ok(one)), (at(2), Ok(other)), (at(3), Err(silent))];
    let wanted = "\
2 of 3 gateways answer, 09:01:01 UTC, counts of the last 5 min
  127.0.0.1:1: Spillway 0.1.0, configuration 0123456789ab loaded 1 min 1 s ago
  127.0.0.1:2: Spillway 0.1.0, configuration ba9876543210 loaded 1 min 1 s ago
  no gateway answers at 127.0.0.1:3: nothing listens there
Their configurations differ: 0123456789ab, ba9876543210

gpt-4o: 2,400 requests, 2,398 answered, 2 failovers, tokens unknown
  tier  backend  state                                                            next  share  answered  429  failed   prompt  completion  headroom  by time
  1     eastus   ■ open throttled, 12 s left at 127.0.0.1:1; ● closed at 127.0.0.1:2  50 %   70 %        21    3       0  unknown     unknown         –  ···············
  2     westus   ● closed                                                         50 %   30 %         9    0       0  unknown     unknown      50 %  ···············";
    let look = Look { width: None, all: false, bold: false };
    let shown = screen(&asked, &look);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let tables: Vec<String> = shown.iter().map(|line| squeezed(line)).collect();
    let wanted: Vec<String> = wanted.lines().map(squeezed).collect();
    assert_eq!(tables.get(..wanted.len()), Some(&*wanted), "{}", shown.join("\n"));
    let failovers = shown.iter().filter(|line| line.contains("eastus → westus")).count();
    assert_eq!(failovers, 2, "of both");
}

#[test]
fn many_gateways_are_counted_and_not_listed() {
    let of = |state: &str| {
        report(&json!([{ "priority": 1, "members": [member("eastus", json!({
        "state": state, "cause": "failed", "remaining_ms": 1000,
    }))] }]))
    };
    let mut asked: Asked = (1..=8).map(|port| (at(port), Ok(of("closed")))).collect();
    asked.extend((11..=12).map(|port| (at(port), Ok(of("open")))));
    let look = Look { width: Some(70), all: false, bold: false };
    let shown = screen(&asked, &look);
    assert!(shown.iter().any(|line| line.contains("■ open failed, 1 s left at 2; ● closed at 8")));
    assert!(shown.iter().all(|line| line.chars().count() <= 70));
}

#[test]
fn a_member_that_one_gateway_does_not_know_has_the_state_of_the_others() {
    let one = report(&json!([{ "priority": 1, "members": [member("a", json!({}))] }]));
    let two = report(&json!([
        { "priority": 1, "members": [member("a", json!({}))] },
        { "priority": 3, "members": [member("c", json!({ "state": "half_open", "cause": "failed" }))] },
    ]));
    let look = Look { width: None, all: false, bold: false };
    let shown = screen(&vec![(at(1), Ok(one)), (at(2), Ok(two))], &look);
    assert!(
        shown.iter().any(|line| line.starts_with("  3     c        ○ half-open ")),
        "{shown:#?}"
    );
}
