//! Bodies of all kinds, and the ways in which servers could read them otherwise.

use super::*;
use crate::testing::test;

fn told(
    body: &[u8],
    content_type: Option<&str>,
    places: &Places,
) -> Result<Option<String>, String> {
    let media_type = MediaType::of(content_type.map(str::as_bytes), None);
    let reading = media_type.and_then(|media_type| super::read(body, &media_type, places));
    let named = reading.map_err(Refusal::into_sentence)?.named;
    if let Some(named) = &named {
        let written = &body[named.place.clone()];
        assert_eq!(serde_json::from_slice::<String>(written).ok().as_ref(), Some(&named.name));
    }
    Ok(named.map(|named| named.name))
}

fn read(body: &str) -> Result<Option<String>, String> {
    told(body.as_bytes(), None, &Places::MODEL)
}

#[test]
fn the_model_is_found_wherever_it_stands() {
    assert_eq!(read(r#"{"model":"gpt-4o"}"#), Ok(Some("gpt-4o".into())));
    assert_eq!(read(r#"{"a":{"model":"no"},"model" : "gpt\u002d4o" }"#), Ok(Some("gpt-4o".into())));
    assert_eq!(read(r#"{"messages":[{"model":"no"}]}"#), Ok(None));
    assert_eq!(read(r#"{"model":null}"#), Ok(None));
    assert_eq!(read("  "), Ok(None));
}

#[test]
fn only_the_name_is_replaced() {
    let body = r#"{"a": 1, "model": "gpt-4o", "b": 2}"#;
    let read = super::read(body.as_bytes(), &MediaType::Json, &Places::MODEL).expect("valid");
    let named = read.named.expect("named");
    let mut sent = body.to_owned();
    let name = String::from_utf8(named.rewritten("it's \"new\"")).expect("text");
    sent.replace_range(named.place, &name);
    assert_eq!(sent, r#"{"a": 1, "model": "it's \"new\"", "b": 2}"#);
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let wrong = |body: &str| read(body).expect_err("must be refused");
    assert_eq!(wrong(r#"{"model":7}"#), "`model` in the request body must be text");
    assert_eq!(wrong(r#"{"model":"a","model":"b"}"#), "the request body names `model` twice");
    assert_eq!(wrong("[1]"), "the request body must be a JSON object");
    assert!(
        wrong(r#"{"model":"a""#).contains("not valid JSON: EOF"),
        "{}",
        wrong(r#"{"model":"a""#)
    );
    assert!(wrong(&"{\"a\":".repeat(10_000)).contains("not valid JSON"));
}

#[test]
fn json_is_read_whatever_its_type_says() {
    for content_type in [
        None,
        Some("text/plain"),
        Some("text/json"),
        Some("application/octet-stream"),
        Some("application/xml; charset=utf-8"),
        Some("application/x-www-form-urlencoded"),
        Some("nonsense"),
    ] {
        let told = told(br#"{"model":"o1-pro"}"#, content_type, &Places::MODEL);
        assert_eq!(told, Ok(Some("o1-pro".to_owned())), "{content_type:?}");
    }
    for content_type in ["application/json, text/plain", "multipart/mixed; boundary=b"] {
        assert!(told(br#"{"model":"o1-pro"}"#, Some(content_type), &Places::MODEL).is_err());
    }
}

#[test]
fn a_label_that_some_servers_believe_hides_no_model() {
    let form = Some("application/x-www-form-urlencoded");
    for hidden in ["&model=o1-pro&", "&mod%65l=o1-pro&", ";Model=o1-pro;"] {
        let long = "x".repeat(10_000);
        for body in [
            format!(r#"{{"model":"gpt-4o","x":"{hidden}"}}"#),
            format!(r#"{{"model":"gpt-4o","x":"{long}{hidden}"}}"#),
        ] {
            assert!(told(body.as_bytes(), form, &Places::MODEL).is_err(), "{hidden}");
            assert!(told(body.as_bytes(), None, &Places::MODEL).is_ok(), "{hidden}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    assert_eq!(read("\u{feff} {\"model\":\"gpt-4o\"}"), Ok(Some("gpt-4o".to_owned())));
    assert_eq!(read("\u{feff}"), Ok(None));
    let long = format!("\u{feff}{{\"model\":\"gpt-4o\",\"x\":\"{}\"}}", "x".repeat(10_000));
    assert_eq!(read(&long), Ok(Some("gpt-4o".to_owned())));
    for body in [
        "\u{feff}\u{feff}{\"model\":\"a\"}",
        " \u{feff}{\"model\":\"a\"}",
        "\u{feff}{\"model\":\"a\",\"model\":\"b\"}",
        "\u{feff}{\"model\":\"a\",\"Model\":\"b\"}",
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn a_name_that_only_folds_to_model_is_refused() {
    for name in ["Model", "MODEL", "mOdEl", "\\u004dodel", "mod_el", "-model"] {
        for body in [
            format!(r#"{{"model":"gpt-4o","{name}":"o1-pro"}}"#),
            format!(r#"{{"{name}":"o1-pro","model":"gpt-4o"}}"#),
            format!(r#"{{"{name}":"o1-pro"}}"#),
            format!(r#"{{"model":"gpt-4o","x":"{}","{name}":"o1-pro"}}"#, "x".repeat(10_000)),
            format!(r#"{{"{name}":"o1-pro","model":"gpt-4o","x":"{}"}}"#, "x".repeat(10_000)),
        ] {
            assert!(read(&body).is_err(), "{name}");
        }
    }
    assert_eq!(read(r#"{"a":{"Model":"b"},"model":"gpt-4o"}"#), Ok(Some("gpt-4o".to_owned())));
}

#[test]
fn json_that_is_not_strict_is_refused() {
    let bytes: [&[u8]; 8] = [
        b"\xff\xfe{\0\"\0m\0",
        b"{\0\"\0m\0",
        b"\0{\0\"",
        b"{\"model\":\"gpt-4o\",\"x\":\"\xff\"}",
        b"{\"model\":\"gpt-4o\",\"mod\xc1\xa5l\":\"o1-pro\"}",
        b"{\"model\":\"gpt-4o\"}\0",
        b"{\"model\":\"gpt\0-4o\"}",
        b"{\"model\":\"gpt-4o\"}\x1e{}",
    ];
    for body in bytes {
        assert!(told(body, None, &Places::MODEL).is_err(), "{body:?}");
    }
    for body in [
        r#"{"model":"gpt-4o"}{"model":"o1-pro"}"#,
        r#"{"model":"gpt-4o"} // }"#,
        r#"{"model":"gpt-4o",/*"model":"o1-pro"*/"x":1}"#,
        r#"{"model":"gpt-4o",'model':"o1-pro"}"#,
        r#"{"model":"gpt-4o",model:"o1-pro"}"#,
        r#"{"model":"gpt-4o",}"#,
        r#"{"model":"gpt-4o","x":NaN}"#,
        r#"{"model":"gpt-4o","x":-Infinity}"#,
        r#"{"model":"gpt-4o","x":01}"#,
        r#"{"model":"\ud800"}"#,
        r#"{"model":"gpt-4o","\ud800":1}"#,
        r#"{"model":["gpt-4o"]}"#,
        r#"{"model":{"id":"gpt-4o"}}"#,
        "model=gpt-4o",
    ] {
        assert!(read(body).is_err(), "{body}");
    }
    let odd = r#"{"model":"gpt-4o","x":"\ud800","y":1e999,"z":18446744073709551616}"#;
    assert_eq!(read(odd), Ok(Some("gpt-4o".to_owned())), "harmless values pass");
}

#[test]
fn other_places_are_read_in_the_same_pass() {
    let places = Places { model: "model", others: &["tools[].model", "fallbacks[]"] };
    let tools = Places { model: "model", others: &["tools[].model"] };
    let long = "x".repeat(10_000);
    for (places, body, others) in [
        (
            places,
            r#"{"model":"a","tools":[{"model":"b"},{}],"fallbacks":["c",7]}"#,
            &["b", "c"][..],
        ),
        (places, r#"{"tools":[{"model":"b"}],"model":"a"}"#, &["b"]),
        (places, r#"{"model":"a","fallbacks":["c"],"x":"LONG"}"#, &["c"]),
        (tools, r#"{"model":"a","x":"LONG","tools":[{"model":"b"}]}"#, &["b"]),
        (tools, r#"{"tools":[{"model":"b"}],"model":"a","x":"LONG"}"#, &["b"]),
        (tools, r#"{"tools":[{"mod\u0065l":"b"}],"model":"a","x":"LONG"}"#, &["b"]),
        (tools, r#"{"model":"a","x":"LONG","tools":[{"m\u006fdel":"b"}]}"#, &["b"]),
        (tools, r#"{"model":"a","tools":"x","stream":true}"#, &[]),
    ] {
        let body = body.replace("LONG", &long);
        let reading = super::read(body.as_bytes(), &MediaType::Json, &places).expect("plain");
        assert_eq!(reading.named.map(|named| named.name).as_deref(), Some("a"), "{body}");
        assert_eq!(reading.others, others);
    }
    let body = format!(r#"{{"model":"a","x":"{long}","toolſ":[{{"MODEL":"b"}}]}}"#);
    assert!(told(body.as_bytes(), None, &tools).is_err());
    let body = br#"{"model":"a","stream":true,"tools":[{"model":"b"}]}"#;
    let reading = super::read(body, &MediaType::Json, &tools).expect("plain");
    let properties = reading.properties.expect("it was parsed");
    assert!(matches!(properties.stream, Property::Once(value) if value.text == "true"));
}

#[test]
fn a_session_names_its_model_once() {
    let places = Places { model: "session.model", others: &[] };
    let told = |body: &str| told(body.as_bytes(), None, &places);
    assert_eq!(told(r#"{"session":{"model":"a"},"model":"b"}"#), Ok(Some("a".to_owned())));
    assert_eq!(told(r#"{"session":{}}"#), Ok(None));
    for body in [
        r#"{"session":{"model":"a","Model":"b"}}"#,
        r#"{"session":{"model":"a"},"ſession":{"model":"b"}}"#,
        r#"{"session":{"model":"a"},"session":{}}"#,
        r#"{"session":{"model":7}}"#,
    ] {
        assert!(told(body).is_err(), "{body}");
    }
}
