//! The endpoint of the status listener: who may ask, and what is answered.
//!
//! The listener is on loopback unless somebody decides otherwise, and has no key: whoever can open
//! a connection may look. A page of another site, open in the same browser, must not. It cannot
//! read an answer that carries no CORS header, except by giving its own name this machine's address
//! (DNS rebinding); so on loopback only names of this machine are served.

use super::report::Report;

/// What the status filter needs to know of a request.
#[derive(Debug, Clone, Default)]
pub struct StatusRequest {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:path`.
    pub path: Vec<u8>,
    /// `:authority`.
    pub authority: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Answers a question. `report` is only called where it is what is asked for; `None`: no
/// configuration has been loaded.
pub fn answer(
    request: &StatusRequest,
    any_host: bool,
    report: impl FnOnce() -> Option<Report>,
) -> Page {
    if !any_host && !is_here(&request.authority) {
        return refusal(421, "unknown_host", "Ask for this machine: 127.0.0.1 or localhost.");
    }
    if !matches!(request.method.as_slice(), b"GET" | b"HEAD") {
        let reply = refusal(405, "method_not_allowed", "Here is only something to GET.");
        return with(reply, [("allow", "GET, HEAD")]);
    }
    let path = request.path.split(|byte| *byte == b'?').next().unwrap_or_default();
    match path {
        b"/status" => match report() {
            Some(report) => told(&report),
            None => refusal(503, "not_configured", "The gateway has not loaded a configuration."),
        },
        b"/" => page("text/html; charset=utf-8", include_str!("page.html")),
        b"/page.css" => page("text/css; charset=utf-8", include_str!("page.css")),
        b"/page.js" => page("text/javascript; charset=utf-8", include_str!("page.js")),
        _ => refusal(404, "not_found", "There is `/`, a page, and `/status`, the same as JSON."),
    }
}

/// Whether this names the machine that we are on: `localhost`, a name under it, or an address.
fn is_here(authority: &[u8]) -> bool {
    let Ok(authority) = std::str::from_utf8(authority) else { return false };
    if authority.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
    });
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_local || host.parse::<std::net::IpAddr>().is_ok()
}

fn told(report: &Report) -> Page {
    match serde_json::to_vec(report) {
        Ok(body) => reply(200, "application/json", body),
        Err(_) => refusal(500, "unreadable", "The status cannot be written as JSON."),
    }
}

fn page(kind: &str, text: &str) -> Page {
    reply(200, kind, text.as_bytes().to_vec())
}

fn refusal(status: u16, code: &'static str, message: &str) -> Page {
    let error = serde_json::json!({ "error": { "code": code, "message": message } });
    reply(status, "application/json", error.to_string().into_bytes())
}

fn reply(status: u16, kind: &str, body: Vec<u8>) -> Page {
    let headers = vec![("content-type", kind.to_owned())];
    with(Page { status, headers, body }, HEADERS)
}

fn with<const N: usize>(mut reply: Page, headers: [(&'static str, &str); N]) -> Page {
    reply.headers.extend(headers.map(|(name, value)| (name, value.to_owned())));
    reply
}

/// The page loads nothing from elsewhere, runs nothing that is not its own, stands in nobody's
/// frame and is kept by no cache.
const HEADERS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn asked(method: &str, path: &str, authority: &str) -> Page {
        let request =
            StatusRequest { method: method.into(), path: path.into(), authority: authority.into() };
        answer(&request, false, || None)
    }

    #[test]
    fn there_is_a_page_and_what_it_needs() {
        for (path, kind) in
            [("/", "text/html"), ("/page.css", "text/css"), ("/page.js?1", "text/j")]
        {
            let reply = asked("GET", path, "localhost:1");
            assert_eq!(reply.status, 200, "{path}");
            assert!(reply.headers.iter().any(|(n, v)| *n == "content-type" && v.starts_with(kind)));
        }
        assert_eq!(asked("HEAD", "/", "localhost").status, 200);
        assert_eq!(asked("GET", "/status", "localhost").status, 503, "not configured");
    }

    #[test]
    fn everything_else_is_refused_in_json() {
        for (method, path, status) in [
            ("POST", "/status", 405),
            ("OPTIONS", "/", 405),
            ("GET", "/statu", 404),
            ("GET", "", 404),
        ] {
            let reply = asked(method, path, "127.0.0.1:10001");
            assert_eq!(reply.status, status, "{method} {path}");
            let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
            assert!(body["error"]["message"].is_string());
        }
        assert!(asked("POST", "/", "[::1]").headers.contains(&("allow", "GET, HEAD".to_owned())));
    }

    /// A site that gives its own name the address 127.0.0.1 is still asked for by its name.
    #[test]
    fn on_loopback_only_this_machine_s_names_are_served() {
        let here = [
            "localhost",
            "LOCALHOST:8",
            "a.localhost:9",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]:1",
            "[::1]",
        ];
        for authority in here {
            assert_eq!(asked("GET", "/", authority).status, 200, "{authority}");
        }
        for authority in
            ["evil.example", "evil.example:10001", "localhost.evil.example", "", "a:b:"]
        {
            assert_eq!(asked("GET", "/", authority).status, 421, "{authority}");
        }
        let request = StatusRequest {
            method: "GET".into(),
            path: "/".into(),
            authority: b"caf\xe9".to_vec(),
        };
        assert_eq!(answer(&request, false, || None).status, 421);
        assert_eq!(answer(&request, true, || None).status, 200);
    }

    #[test]
    fn every_answer_forbids_what_the_page_does_not_need() {
        for reply in [asked("GET", "/", "localhost"), asked("PUT", "/", "x")] {
            for (name, value) in HEADERS {
                assert!(reply.headers.contains(&(name, value.to_owned())), "{name}");
            }
        }
    }

    /// `script-src 'self'` lets nothing run that stands in the page itself.
    #[test]
    fn the_page_has_no_script_or_style_inside() {
        let page = include_str!("page.html");
        for inside in
            [" style=", " onclick=", " onload=", "<style", "javascript:", "http:", "https:"]
        {
            assert!(!page.contains(inside), "{inside}");
        }
        let script = include_str!("page.js");
        for risky in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(risky), "{risky}: names are text");
        }
    }
}
