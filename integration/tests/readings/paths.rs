//! Paths that two readers read differently (field cases R1 and R3): refused, and no backend is asked.

use crate::gateways::TENANTS_MODEL;
use crate::request::Request;
use crate::row::{AMBIGUOUS, DENIED, MALFORMED, Row, UNKNOWN};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    // Our own listener resolves these before the filter sees them; what is left is judged.
    for (what, path) in RESOLVED {
        let row = Row::refused(format!("R1 {what}"), request(path, model), AMBIGUOUS);
        rows.push(row.or_as_rendered(DENIED));
    }
    for (what, path) in AMBIGUOUS_EVERYWHERE {
        rows.push(Row::refused(format!("R1 {what}"), request(path, model), AMBIGUOUS));
    }
    for (what, path) in IN_BYTES {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let path = [b"/openai/deployments/", *path, b"/chat/completions"].concat();
        // Envoy knows a fragment when it sees one, and takes the rest for no HTTP at all.
        let told = if path.contains(&b'#') { AMBIGUOUS } else { MALFORMED };
        rows.push(Row::refused(format!("R1 {what}"), Request::json(path, body), told));
    }
    let letter = request("/openai/deployments/M\u{e9}/chat/completions", model).over_http2();
    let letter = Row::refused("R1 a raw letter that is not ASCII over HTTP/2", letter, AMBIGUOUS);
    // Our own listener has escaped it: a name like any other, which no model has.
    rows.push(letter.or_as_rendered((400, "model_not_found")));
    if model == "gpt-4.1" {
        rows.extend(tenants());
    }
    rows
}

/// A backend whose address has a path: no request leaves it.
fn tenants() -> Vec<Row> {
    let path = "/openai/deployments/M/chat/completions".replace('M', TENANTS_MODEL);
    let row = |what: &str, prefix: &str| {
        let request = request(&format!("{prefix}{path}"), TENANTS_MODEL);
        Row::refused(format!("R3 {what}"), request, AMBIGUOUS)
    };
    // Our own listener resolves the dots; what is left begins with no API.
    let mut rows = vec![
        row("another tenant by dot segments", "/../tenant2").or_as_rendered(UNKNOWN),
        row("another tenant by escaped dots", "/%2e%2e/tenant2").or_as_rendered(UNKNOWN),
        row("another tenant by an escaped slash", "/..%2ftenant2"),
        row("another tenant by an escaped backslash", "/..%5ctenant2"),
    ];
    let served = Row::served(
        "R3 the base path stands before the canonical path",
        request(&format!("//{path}"), TENANTS_MODEL),
        &format!("/tenant1{path}"),
    );
    rows.push(served.meaning(TENANTS_MODEL));
    rows
}

/// `M` is the model that is served; the body names it.
fn request(path: &str, model: &str) -> Request {
    let path = path.replace("/M", &format!("/{model}"));
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
    Request::json(format!("{path}?api-version=2024-10-21"), body)
}

const RESOLVED: &[(&str, &str)] = &[
    ("dot segments", "/openai/deployments/M/../o1-pro/chat/completions"),
    ("dot segments, escaped", "/openai/deployments/M/%2e%2e/o1-pro/chat/completions"),
    ("dot segments, escaped in upper case", "/openai/deployments/M/%2E%2E/o1-pro/chat/completions"),
    ("dot segments, the first dot escaped", "/openai/deployments/M/%2e./o1-pro/chat/completions"),
    ("dot segments, the second dot escaped", "/openai/deployments/M/.%2E/o1-pro/chat/completions"),
    ("dot segments behind another API", "/v1/../openai/deployments/o1-pro/chat/completions"),
    ("dot segments behind no API", "/x/y/../../openai/deployments/o1-pro/chat/completions"),
    ("dot segments above the root", "/../openai/deployments/o1-pro/chat/completions"),
    ("a single dot before the path", "/./openai/deployments/o1-pro/chat/completions"),
    ("a single dot inside the path", "/openai/./deployments/o1-pro/chat/completions"),
    ("a single dot, escaped", "/openai/deployments/%2e/o1-pro/chat/completions"),
    ("backslashes as slashes", "/openai/deployments/M\\..\\o1-pro/chat/completions"),
    ("a backslash after the dots", "/openai/deployments/M/..\\o1-pro/chat/completions"),
    ("a parameter after dots", "/openai/deployments/M/..;/o1-pro/chat/completions"),
    (
        "dot segments in an absolute target",
        "http://gateway.example/openai/deployments/M/../o1-pro/chat/completions",
    ),
];

const AMBIGUOUS_EVERYWHERE: &[(&str, &str)] = &[
    ("dots and an escaped slash", "/openai/deployments/M/..%2fo1-pro/chat/completions"),
    ("dots between escaped slashes", "/openai/deployments/M%2F..%2Fo1-pro/chat/completions"),
    ("an escaped slash in a name", "/openai/deployments/o1-pro%2fM/chat/completions"),
    ("escaped slashes as slashes", "/openai%2fdeployments%2fo1-pro%2fchat%2fcompletions"),
    ("an escaped slash at the start", "/%2fopenai/deployments/o1-pro/chat/completions"),
    ("an escaped backslash", "/openai/deployments/M%5c..%5co1-pro/chat/completions"),
    ("dots and an escaped backslash", "/openai/deployments/M/..%5Co1-pro/chat/completions"),
    ("a line's end, escaped", "/openai/deployments/o1-pro%0a/chat/completions"),
    ("a carriage return, escaped", "/openai/deployments/%0do1-pro/chat/completions"),
    ("a tab, escaped", "/openai/deployments/M%09/chat/completions"),
    ("a delete, escaped", "/openai/deployments/M%7f/chat/completions"),
    ("dots escaped twice", "/openai/deployments/M/%252e%252e/o1-pro/chat/completions"),
    ("a slash escaped twice", "/openai/deployments/M/..%252fo1-pro/chat/completions"),
    (
        "an escape of which each part is escaped",
        "/openai/deployments/M/%25%32%65./o1-pro/chat/completions",
    ),
    ("a letter escaped twice", "/openai/%2564eployments/o1-pro/chat/completions"),
    ("a parameter after the name", "/openai/deployments/o1-pro;x/chat/completions"),
    ("a parameter, escaped", "/openai/deployments/o1-pro%3bx=1/chat/completions"),
    ("a parameter after a known word", "/openai;v=1/deployments/o1-pro/chat/completions"),
    ("a zero byte, escaped", "/openai/deployments/o1-pro%00/chat/completions"),
    ("a fragment, escaped", "/openai/deployments/M%23/chat/completions"),
    ("a question mark, escaped", "/openai/deployments/o1-pro/chat/completions%3f/M"),
    ("half an escape", "/openai/deployments/M%2/chat/completions"),
    ("an escape that is none", "/openai/deployments/M%zz/chat/completions"),
    ("an escape of another kind", "/openai/deployments/M/%u002e%u002e/o1-pro/chat/completions"),
    ("overlong dots", "/openai/deployments/M/%c0%ae%c0%ae/o1-pro/chat/completions"),
    ("a byte that is no UTF-8, escaped", "/openai/deployments/M%ff/chat/completions"),
    ("half a character, escaped", "/openai/deployments/o1-pro%c3/chat/completions"),
];

/// What stands for the name of the deployment. Envoy refuses these itself, before any filter.
const IN_BYTES: &[(&str, &[u8])] = &[
    ("a raw byte that is no UTF-8", b"o1-pro\xff"),
    ("a raw Latin-1 letter", b"o1-pr\xf6"),
    ("raw UTF-8 cut in two", b"o1-pro\xc3"),
    ("a raw letter that is not ASCII", b"o1-pro\xc3\xa9"),
    ("a raw zero byte", b"o1-pro\0"),
    ("a fragment", b"o1-pro#x"),
    ("a fragment of dots", b"gpt-4o#/../o1-pro"),
];
