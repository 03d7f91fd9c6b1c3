//! The import as a whole: what it writes is right, whatever comes in, and no key gets out.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;
use spillway::config::{BreakerRule, BreakerScope, Config, check};

const LIST: &str = include_str!("../../tests/cmd/import/list.in/backends.json");
const ARM: &str = include_str!("../../tests/cmd/import/arm.in/template.json");
const BICEP: &str = include_str!("../../tests/cmd/import/bicep.in/main.json");
const SECRET: &str = "correct-horse-battery";
/// What stands in those files, and nowhere else.
const IN_THE_FILES: [&str; 2] = ["0123456789abcdef", "hunter2"];

fn import(value: &Value, faithful: bool) -> Result<Imported, Vec<Problem>> {
    apim(value.to_string().as_bytes(), &Options { models: Vec::new(), faithful })
}

fn config(imported: &Imported) -> Config {
    let parsed = serde_saphyr::from_str::<Value>(&imported.yaml);
    let value = parsed.unwrap_or_else(|error| panic!("{error}\n{}", imported.yaml));
    check(&value).unwrap_or_else(|problems| panic!("{problems:?}\n{}", imported.yaml))
}

fn imported(value: &Value) -> (Config, String) {
    let imported = import(value, false).expect("no problems");
    (config(&imported), imported.report.to_string())
}

fn backend(name: &str, url: &str, rule: Value) -> Value {
    let breaker = if rule.is_null() { rule } else { json!({ "rules": [rule] }) };
    json!({ "name": name, "properties": { "url": url, "circuitBreaker": breaker } })
}

fn rule(count: u64, from: u64, to: u64) -> Value {
    json!({
        "failureCondition": { "count": count, "interval": "PT5M", "statusCodeRanges": [{ "min": from, "max": to }] },
        "tripDuration": "PT1M"
    })
}

fn pool(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> =
        members.iter().map(|name| json!({ "id": format!("/backends/{name}") })).collect();
    json!({ "name": name, "properties": { "type": "Pool", "pool": { "services": members } } })
}

fn breaker(rule: &Value, faithful: bool) -> BreakerRule {
    let file = json!([backend("a", "https://a", rule.clone())]);
    config(&import(&file, faithful).unwrap()).models[0].breaker.clone()
}

#[test]
fn a_429_is_a_limit_unless_it_is_counted_faithfully() {
    let statuses = |rule: &Value, faithful| breaker(rule, faithful).statuses.0;
    let failures = |rule: &Value, faithful| breaker(rule, faithful).failures;
    // Microsoft's labs: one 429 opens it, and nothing else counts.
    let labs = rule(1, 429, 429);
    assert_eq!((failures(&labs, false), statuses(&labs, false)), (3, vec![(408, 408), (500, 599)]));
    assert_eq!((failures(&labs, true), statuses(&labs, true)), (1, vec![]));
    let counted = rule(3, 429, 503);
    assert_eq!(statuses(&counted, false), [(430, 503)]);
    assert_eq!((failures(&counted, true), statuses(&counted, true)), (3, vec![(429, 503)]));
    let all = rule(2, 200, 599);
    assert_eq!(statuses(&all, false), [(400, 428), (430, 599)]);
    assert_eq!(breaker(&all, false).scope, BreakerScope::Backend);
    assert!(!breaker(&all, false).accept_retry_after);
}

#[test]
fn rules_stand_where_they_hold() {
    let one = rule(5, 500, 599);
    let two = rule(7, 500, 599);
    let backends = |second: &Value| {
        json!([
            backend("a", "https://a", one.clone()),
            backend("b", "https://b", second.clone()),
            pool("p", &["a"]),
            pool("q", &["b"])
        ])
    };
    let yaml = |second| import(&backends(second), false).unwrap().yaml;
    assert_eq!(yaml(&one).matches("circuit_breaker:").count(), 1);
    assert_eq!(yaml(&two).matches("\n    circuit_breaker:").count(), 2);
    assert_eq!(yaml(&Value::Null).matches("\n    circuit_breaker:").count(), 1);
    let (config, _) = imported(&backends(&two));
    let failures: Vec<u32> = config.models.iter().map(|model| model.breaker.failures).collect();
    assert_eq!(failures, [5, 7]);
}

#[test]
fn names_that_become_the_same_are_told_apart() {
    let file = json!([
        backend("East_US", "https://a", Value::Null),
        backend("east-us", "https://b", Value::Null),
        pool("Chat Pool", &["EAST-US", "East_US"])
    ]);
    let (config, report) = imported(&file);
    let names: Vec<&str> = config.backends.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["east-us", "east-us-2"]);
    let pool = config.models[0].pool.iter().map(|member| member.backend.position());
    let pool: Vec<usize> = pool.collect();
    assert_eq!((config.models[0].name.as_str(), pool), ("chat-pool", vec![1, 0]));
    assert!(report.contains("backend `east-us-2` at https://b, which is called `east-us` there"));
}

#[test]
fn backends_below_their_service_are_found_and_others_left() {
    let file = json!({
        "resources": [{
            "type": "Microsoft.ApiManagement/service", "name": "contoso",
            "resources": [
                { "type": "backends", "name": "a", "properties": { "url": "https://a" } },
                { "type": "backends", "name": "b", "condition": "[equals(1, 2)]", "properties": { "url": "https://b" } },
                { "type": "backends", "name": "c", "condition": "[parameters('x')]", "properties": { "url": "https://c" } },
                { "type": "apis", "name": "api" }
            ]
        }]
    });
    let (config, report) = imported(&file);
    assert_eq!(config.backends.len(), 2);
    for said in [
        "resources[0].resources[1].condition: it is false: what it stands at is not deployed",
        "resources[0].resources[2].condition: not known from the file alone: taken as true",
        "resources[0].resources[3]: a `Microsoft.ApiManagement/service/apis`: not read",
    ] {
        assert!(report.contains(said), "{report}");
    }
}

#[test]
fn what_windows_writes_is_read_or_named() {
    let text = json!([backend("a", "https://a", Value::Null)]).to_string();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    assert!(apim(&marked, &Options::default()).is_ok());
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.bytes().flat_map(|b| [b, 0])).collect();
    let problems = apim(&wide, &Options::default()).unwrap_err();
    assert_eq!(problems[0].message, "the file is UTF-16");
}

#[test]
fn tiers_and_shares_that_are_left_open_are_said() {
    let member = |name: &str, priority: Value, weight: Value| json!({ "id": format!("/backends/{name}"), "priority": priority, "weight": weight });
    let file = json!([
        backend("a", "https://a", Value::Null),
        backend("b", "https://b", Value::Null),
        backend("c", "https://c", Value::Null),
        { "name": "p", "properties": { "pool": { "services": [
            member("a", json!(null), json!(0)), member("b", json!(101), json!(0)), member("c", json!(100), json!(3))
        ] } } }
    ]);
    let (config, report) = imported(&file);
    let pool: Vec<(u32, u32)> =
        config.models[0].pool.iter().map(|member| (member.priority, member.weight)).collect();
    assert_eq!(pool, [(1, 1), (100, 1), (100, 3)]);
    for said in [
        "a number from 0 to 100 is possible",
        "a `weight` of 0 beside others",
        "no `priority` where",
    ] {
        assert!(report.contains(said), "{report}");
    }
}

/// Everything that could be said to anybody.
fn said(result: &Result<Imported, Vec<Problem>>) -> String {
    match result {
        Ok(imported) => format!("{}{}", imported.yaml, imported.report),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

/// The places in a value, but for names: those are shown, and no keys.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let shown = ["name", "id", "defaultValue", "parameters"];
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, it)| (i.to_string(), it)).collect()
        }
        _ => Vec::new(),
    };
    for (key, value) in entries.into_iter().filter(|(key, _)| !shown.contains(&key.as_str())) {
        let place = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        places(value, &place, found);
        found.push(place);
    }
}

/// What might stand in some place: often a key, in all kinds of dress.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(SECRET)),
        Just(json!(format!("Bearer {SECRET}"))),
        Just(json!(format!("https://me:{SECRET}@host/openai"))),
        Just(json!(format!("https://a.openai.azure.com/openai?api-key={SECRET}"))),
        Just(json!([SECRET])),
        Just(json!({ "api-key": [SECRET, SECRET], "Authorization": SECRET })),
        Just(json!({ "scheme": SECRET, "parameter": SECRET, "url": SECRET })),
        Just(json!("https://a.example/openai/deployments/a*b")),
        Just(json!("[concat('https://', parameters('unset'))]")),
        Just(json!("PT90S")),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop::sample::select(vec![
            "properties",
            "value",
            "resources",
            "type",
            "url",
            "pool",
            "services",
            "rules",
            "copy",
            "credentials",
            "header",
            "circuitBreaker",
            "failureCondition",
            "count",
            "percentage",
            "interval",
            "tripDuration",
            "statusCodeRanges",
            "min",
            "max",
            "sessionAffinity",
            "template",
            "tls",
            "proxy",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|entries| entries.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn real_files_with_odd_places_give_a_right_file_or_problems_and_no_key(
        file in prop::sample::select(vec![LIST, ARM, BICEP]),
        changes in prop::collection::vec((any::<Index>(), anything(), any::<bool>()), 0..4),
        faithful: bool,
    ) {
        let mut file: Value = serde_json::from_str(file).unwrap();
        for (at, value, beside) in changes {
            let mut found = Vec::new();
            places(&file, "", &mut found);
            if found.is_empty() {
                continue;
            }
            let place: &String = at.get(&found);
            let place = file.pointer_mut(place).unwrap();
            match place {
                Value::Object(map) if beside => { map.insert("unknownField".into(), value); }
                place => *place = value,
            }
        }
        let result = import(&file, faithful);
        let said = said(&result);
        for secret in IN_THE_FILES.into_iter().chain([SECRET]) {
            prop_assert!(!said.contains(secret), "{said}");
        }
        prop_assert!(!said.contains('\u{fffc}'), "{said}");
        match result {
            Ok(imported) => drop(config(&imported)),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn any_json_has_an_answer(file in anything()) {
        let result = import(&file, false);
        let said = said(&result);
        prop_assert!(!said.contains(SECRET), "{said}");
        if let Ok(imported) = result {
            config(&imported);
        }
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(apim(&bytes, &Options::default()).is_err());
    }

    #[test]
    fn any_expression_has_an_answer(text in "\\[[a-z().,'\\[\\]0-9 ]{0,40}\\]") {
        let file = json!({ "resources": [{
            "type": "Microsoft.ApiManagement/service/backends", "name": "a", "properties": { "url": text }
        }] });
        prop_assert!(import(&file, false).is_err());
    }
}
