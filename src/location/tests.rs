use super::*;
use crate::config::check;
use crate::testing::test;

fn rewritten(address: &str) -> Option<String> {
    rewritten_with("/inference", address)
}

fn rewritten_with(prefix: &str, address: &str) -> Option<String> {
    let config = check(&serde_json::json!({
        "backends": {
            "east": { "url": "https://East.example.com/tenant1" },
            "west": { "url": "http://10.0.0.1:8080" },
            "six": { "url": "http://[2001:db8::1]:81" },
            "south": { "url": "https://east.example.com/tenant2" },
        },
        "models": { "gpt-4o": { "pool": ["east"] } },
    }));
    let backends = config.expect("a right file").backends;
    let answering = backends.iter().find(|backend| backend.name == "east").expect("there");
    let places = Places {
        backends: &backends,
        answering,
        prefix,
        deployment: "gpt-4o std",
        model: "gpt-4o",
    };
    let rewritten = places.rewrite(address.as_bytes())?;
    Some(String::from_utf8(rewritten).expect("text"))
}

#[test]
fn an_address_at_a_backend_becomes_the_gateways_own() {
    for (address, own) in [
        ("https://east.example.com/tenant1/openai/x?a=1#b", "/inference/openai/x?a=1#b"),
        ("HTTPS://EAST.example.COM:443/tenant1/x/", "/inference/x/"),
        ("http://east.example.com./tenant1/x", "/inference/x"),
        ("https://key@east.example.com/tenant1/x", "/inference/x"),
        ("wss://east.example.com/tenant1/x", "/inference/x"),
        ("//east.example.com/tenant1/x", "/inference/x"),
        ("//10.0.0.1:8080/x", "/inference/x"),
        ("http://[2001:DB8:0::1]:81/x", "/inference/x"),
        ("https://east.example.com/tenant2/x", "/inference/x"),
        ("https://east.example.com", "/inference"),
        ("https://east.example.com?a", "/inference?a"),
        ("/tenant1/openai/x", "/inference/openai/x"),
        ("/openai/x", "/inference/openai/x"),
        ("/tenant10/x", "/inference/tenant10/x"),
        ("/tenant1/openai/deployments/gpt-4o%20std/x", "/inference/openai/deployments/gpt-4o/x"),
        ("/tenant1/openai/deployments/other/x", "/inference/openai/deployments/other/x"),
        ("/tenant1//evil.example.com/x", "/inference/evil.example.com/x"),
    ] {
        assert_eq!(rewritten(address).as_deref(), Some(own), "{address}");
    }
    for (address, own) in [
        ("https://east.example.com/tenant1", "/"),
        ("https://east.example.com/tenant1//evil.example.com", "/evil.example.com"),
        ("https://east.example.com?a", "/?a"),
    ] {
        assert_eq!(rewritten_with("", address).as_deref(), Some(own), "{address}");
    }
}

#[test]
fn an_address_elsewhere_stays() {
    for address in [
        "https://login.example.com/a//b/../c?x=%20&y#z",
        "http://10.0.0.1/x",
        "https://10.0.0.1:8081",
        "//cdn.example.com/x",
        "x/../y?a=b",
        "?a=b",
        "#a",
        "",
        "mailto:someone@example.com",
        "urn:x?key2=b",
    ] {
        assert_eq!(rewritten(address).as_deref(), Some(address));
    }
}

#[test]
fn no_credential_stays() {
    for (address, left) in [
        ("https://h/x?api-key=K", "https://h/x"),
        ("https://h/x?a=1&API-Key=K&b=2", "https://h/x?a=1&b=2"),
        ("https://h/x?api%2Dkey=K&a", "https://h/x?a"),
        ("https://h/x?a=1;subscription-key=K;b", "https://h/x?a=1;b"),
        ("https://h/x?+key+=K", "https://h/x"),
        ("https://h/x?api-key", "https://h/x"),
        ("https://h/x#access_token=K&state=s", "https://h/x#state=s"),
        ("https://u:K@h:1/x", "https://h:1/x"),
        ("//K@h/x?key=K", "//h/x"),
        ("x?a&key=K", "x?a"),
        ("?key=K", ""),
        ("https://east.example.com/tenant1/x?api-key=K&a", "/inference/x?a"),
        ("/x?authorization=K#key=K", "/inference/x"),
        ("other:x?key=K", "other:x"),
    ] {
        assert_eq!(rewritten(address).as_deref(), Some(left), "{address}");
    }
}

#[test]
fn what_has_two_readings_is_no_address() {
    for address in [
        "/\\evil.example.com",
        "https:\\\\east.example.com/x",
        "https:east.example.com/x",
        "https:/east.example.com/x",
        "https:///x",
        "https://a@b@east.example.com/x",
        "https://east.example.com:x/",
        "https://east.example.com:99999/",
        "https://[::1/x",
        "https://east%2eexample.com/x",
        "https://caf\u{e9}.example.com/",
        "/tenant1/../x",
        "/tenant1/%2e%2E/x",
        "/a b",
        "/a\tb",
    ] {
        assert_eq!(rewritten(address), None, "{address}");
    }
}
