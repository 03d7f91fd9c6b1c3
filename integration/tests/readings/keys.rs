//! Every place where a client's key may be: none of it reaches a backend (field cases K1 and K2).

use crate::request::{Request, chat_path};
use crate::rig::{CLIENT, OTHER};
use crate::row::Row;

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let path = chat_path(model);
    let served = |name: String, request: Request| Row::served(name, request, &path);
    let bearer = |key: &str| format!("Bearer {key}");
    let mut rows = vec![
        served("K2 api-key".to_owned(), Request::chat(model, "").header("api-key", CLIENT)),
        served(
            "K2 authorization".to_owned(),
            Request::chat(model, "").header("authorization", bearer(CLIENT)),
        ),
    ];
    for name in HEADERS {
        for (whose, key) in [("its own key", CLIENT), ("another client's key", OTHER)] {
            let request = Request::chat(model, "").header("api-key", CLIENT).header(name, key);
            rows.push(served(format!("K2 {whose} in {name}"), request));
        }
    }
    for name in BEARERS {
        let request =
            Request::chat(model, "").header("api-key", CLIENT).header(name, bearer(CLIENT));
        rows.push(served(format!("K2 bearer of its own key in {name}"), request));
    }
    for query in QUERIES {
        for (whose, key) in [("its own key", CLIENT), ("another client's key", OTHER)] {
            let request = Request::chat(model, &format!("&{query}={key}"));
            rows.push(served(format!("K2 {whose} in ?{query}"), request));
        }
    }
    let escaped = CLIENT.replacen('k', "%6b", 1);
    let query = format!("&api-key={escaped}&x={escaped}");
    rows.push(served(
        "K2 its own key in ?api-key, escaped".to_owned(),
        Request::chat(model, &query),
    ));
    let cookies = [
        ("K2 its own key in a cookie", format!("api-key={CLIENT}")),
        ("K2 its own key in a cookie of another name", format!("theme=dark; session={CLIENT}")),
    ];
    for (name, value) in cookies {
        rows.push(served(name.to_owned(), Request::chat(model, "").header("cookie", value)));
    }
    rows.extend(trailers(model).into_iter().map(|(name, request)| served(name, request)));
    rows
}

/// In trailers, over both versions of HTTP.
fn trailers(model: &str) -> Vec<(String, Request)> {
    let mut rows = Vec::new();
    let all: [(&str, &[&'static str]); 4] = [
        ("api-key and authorization", &["api-key", "authorization"]),
        ("x-api-key", &["x-api-key"]),
        ("ocp-apim-subscription-key", &["ocp-apim-subscription-key"]),
        ("a name that is no key's", &["x-note"]),
    ];
    for (what, names) in all {
        let mut request = Request::chat(model, "");
        for name in names {
            let bearer = if *name == "authorization" { "Bearer " } else { "" };
            request = request.trailer(name, format!("{bearer}{CLIENT}"));
        }
        let http2 = request.clone().over_http2();
        // As HTTP/1.1 has them announced.
        let http1 = request.header("trailer", names.join(", "));
        rows.push((format!("K1 trailers {what} over HTTP/1.1"), http1));
        rows.push((format!("K1 trailers {what} over HTTP/2"), http2));
    }
    rows
}

const HEADERS: [&str; 6] = [
    "x-api-key",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "x-goog-api-key",
    "x-note",
    "x_api_key",
];

const BEARERS: [&str; 3] = ["authorization", "proxy-authorization", "x-api-key"];

const QUERIES: [&str; 8] = [
    "api-key",
    "api%2Dkey",
    "Api-Key",
    "subscription-key",
    "access_token",
    "code",
    "key",
    "anything",
];
