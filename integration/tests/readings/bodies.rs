//! Bodies that two readers read differently (field cases R4, R5, R8 and R9).

use crate::request::{Request, V1_CHAT};
use crate::row::{CODED, DENIED, INVALID, Row};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, kind) in TYPES {
        let request = |name: &str| typed(*kind, body(name));
        rows.push(Row::refused(format!("R4 JSON as {what}, denied"), request("o1-pro"), DENIED));
        rows.push(Row::served(format!("R4 JSON as {what}"), request(model), V1_CHAT));
    }
    for (kind, refusal) in TYPES_OF_TWO_MEANINGS {
        let row = |name: &str| {
            let request = typed(Some(kind), body(name));
            Row::refused(format!("R4 JSON of {name} as {kind}"), request, *refusal)
        };
        rows.extend([row("o1-pro"), row(model)]);
    }
    let two = Request::json(V1_CHAT, body("o1-pro")).header("content-type", FORM);
    rows.push(Row::refused("R4 two content types in two lines", two, INVALID));
    for text in TWO_READINGS {
        let request = Request::json(V1_CHAT, text.replace("\"M\"", &format!("\"{model}\"")));
        rows.push(Row::refused(format!("R5 {text}"), request, INVALID));
    }
    let escaped = Request::json(V1_CHAT, r#"{"mod\u0065l":"o1-pro","messages":[]}"#);
    rows.push(Row::refused("R5 an escape in the key, denied", escaped, DENIED));
    let escaped = Request::json(V1_CHAT, r#"{"model":"\u006f1-pro","messages":[]}"#);
    rows.push(Row::refused("R5 an escape in the name, denied", escaped, DENIED));
    let said = r#"{"model":"M","messages":[{"role":"user","content":"{\"model\":\"o1-pro\"}"}]}"#;
    let said = Request::json(V1_CHAT, said.replace('M', model));
    rows.push(Row::served("R5 a message that speaks of another model", said, V1_CHAT));
    rows.extend(codings(model));
    rows.extend(encodings(model));
    rows
}

/// Codings of the whole body (R8). A reader that does not know the word reads the bytes as they are.
fn codings(model: &str) -> Vec<Row> {
    let coded = |coding: &str, bytes: &[u8]| {
        Request::json(V1_CHAT, bytes).header("content-encoding", coding)
    };
    let plain = body("o1-pro");
    let mut rows = vec![
        Row::refused("R8 gzip", coded("gzip", GZIP), CODED),
        Row::refused("R8 gzip by its old name", coded("x-gzip", GZIP), CODED),
        Row::refused("R8 deflate", coded("deflate", DEFLATE), CODED),
        Row::refused("R8 gzip, twice named", coded("identity, gzip", GZIP), CODED),
        Row::served("R8 identity", coded("identity", body(model).as_bytes()), V1_CHAT),
    ];
    for coding in ["gzip", "GZIP", "deflate", "br", "zstd", "compress", "unheard-of"] {
        let request = coded(coding, plain.as_bytes());
        rows.push(Row::refused(format!("R8 what is not {coding} and says so"), request, CODED));
    }
    rows
}

/// Encodings of JSON's text (R9).
fn encodings(model: &str) -> Vec<Row> {
    let marked = |name: &str| [b"\xef\xbb\xbf", body(name).as_bytes()].concat();
    let utf16 = |name: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        body(name).encode_utf16().flat_map(to).collect()
    };
    let little = utf16("o1-pro", u16::to_le_bytes);
    let with_mark = [b"\xff\xfe", little.as_slice()].concat();
    let in_utf16 = "application/json; charset=utf-16";
    vec![
        Row::served("R9 a byte order mark", Request::json(V1_CHAT, marked(model)), V1_CHAT),
        Row::refused(
            "R9 a byte order mark, denied",
            Request::json(V1_CHAT, marked("o1-pro")),
            DENIED,
        ),
        Row::refused(
            "R9 two byte order marks",
            Request::json(V1_CHAT, [b"\xef\xbb\xbf", marked("o1-pro").as_slice()].concat()),
            INVALID,
        ),
        Row::refused("R9 UTF-16 that says so", typed(Some(in_utf16), with_mark.clone()), CODED),
        Row::refused("R9 UTF-16 with a mark", Request::json(V1_CHAT, with_mark), INVALID),
        Row::refused("R9 UTF-16 without a mark", Request::json(V1_CHAT, little), INVALID),
        Row::refused(
            "R9 UTF-16, the other end first",
            typed(None, utf16("o1-pro", u16::to_be_bytes)),
            INVALID,
        ),
    ]
}

fn typed(kind: Option<&str>, body: impl AsRef<[u8]>) -> Request {
    let request = Request::post(V1_CHAT, body);
    match kind {
        Some(kind) => request.header("content-type", kind),
        None => request,
    }
}

fn body(name: &str) -> String {
    format!(r#"{{"model":"{name}","messages":[]}}"#)
}

const TYPES: &[(&str, Option<&str>)] = &[
    ("application/json", Some("application/json")),
    ("JSON with a charset", Some("application/json; charset=UTF-8")),
    ("text/plain", Some("text/plain")),
    ("text/json", Some("text/json")),
    ("octets", Some("application/octet-stream")),
    ("JSON of a vendor", Some("application/vnd.example+json")),
    ("APPLICATION/JSON", Some("APPLICATION/JSON")),
    ("no type", None),
    ("an empty type", Some("")),
];

const FORM: &str = "multipart/form-data; boundary=x";

const TYPES_OF_TWO_MEANINGS: &[(&str, (u16, &str))] = &[
    ("application/json, multipart/form-data; boundary=x", INVALID),
    ("application/json, text/plain", INVALID),
    ("multipart/form-data; boundary=x, application/json", INVALID),
    ("application/json; charset=utf-16", CODED),
    ("application/json; charset=\"utf-7\"", CODED),
    ("multipart/mixed; boundary=x", CODED),
    ("multipart/related; boundary=x", CODED),
    ("multipart/form-data", INVALID),
    ("multipart/form-data; boundary=x; boundary=y", INVALID),
];

/// `"M"` is the model that is served.
const TWO_READINGS: &[&str] = &[
    r#"{"model":"M","Model":"o1-pro"}"#,
    r#"{"Model":"o1-pro","model":"M"}"#,
    r#"{"Model":"o1-pro"}"#,
    r#"{"MODEL":"o1-pro","messages":[]}"#,
    r#"{"model":"M","mOdEl":"M"}"#,
    r#"{"model":"M","model":"o1-pro"}"#,
    r#"{"model":"o1-pro","model":"M"}"#,
    r#"{"model":"M","mod\u0065l":"o1-pro"}"#,
    r#"{"model":"M","\u004dodel":"o1-pro"}"#,
    r#"{"model":"M"}{"model":"o1-pro"}"#,
    r#"{"model":["o1-pro"]}"#,
    r#"{"model":{"model":"o1-pro"}}"#,
    r#"[{"model":"o1-pro"}]"#,
    "model=o1-pro",
];

/// `{"model":"o1-pro","messages":[]}`, compressed.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xca, 0xcd, 0x4f, 0x49,
    0xcd, 0x51, 0xb2, 0x52, 0xca, 0x37, 0xd4, 0x2d, 0x28, 0xca, 0x57, 0xd2, 0x51, 0xca, 0x4d, 0x2d,
    0x2e, 0x4e, 0x4c, 0x4f, 0x2d, 0x56, 0xb2, 0x8a, 0x8e, 0xad, 0x05, 0x00, 0x0a, 0x8e, 0xd8, 0x94,
    0x20, 0x00, 0x00, 0x00,
];
const DEFLATE: &[u8] = &[
    0x78, 0x9c, 0xab, 0x56, 0xca, 0xcd, 0x4f, 0x49, 0xcd, 0x51, 0xb2, 0x52, 0xca, 0x37, 0xd4, 0x2d,
    0x28, 0xca, 0x57, 0xd2, 0x51, 0xca, 0x4d, 0x2d, 0x2e, 0x4e, 0x4c, 0x4f, 0x2d, 0x56, 0xb2, 0x8a,
    0x8e, 0xad, 0x05, 0x00, 0xac, 0x50, 0x0a, 0xa4,
];
