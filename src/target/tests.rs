use super::*;
use crate::testing::test;

fn url(base_path: &str) -> BackendUrl {
    BackendUrl { tls: false, host: "h".into(), port: 80, base_path: base_path.into() }
}

fn post(path: &str, prefix: &str) -> Result<Target, Refused> {
    Target::read(b"POST", path.as_bytes(), prefix, &[])
}

fn sent(path: &str, prefix: &str, base: &str, renamed: Option<&str>) -> String {
    let target = post(path, prefix).expect("an operation");
    String::from_utf8(target.at(&url(base), renamed)).expect("text")
}

#[test]
fn the_path_names_the_deployment() {
    let named = |path: &str| {
        let target = post(path, "").expect("an operation");
        target.model().map(str::to_owned)
    };
    for path in [
        "/openai/deployments/gpt-4o/chat/completions?a=1",
        "/openai/deployments/gpt%2D4o/embeddings",
        "//OpenAI//Deployments/gpt-4o/chat/completions/",
        "/%6fpenai/deployments/gpt-4o/chat/completions",
    ] {
        assert_eq!(named(path).as_deref(), Some("gpt-4o"), "{path}");
    }
    assert_eq!(named("/openai/responses?x=/openai/deployments/a/b"), None);
    assert_eq!(named("/openai/v1/chat/completions"), None);
}

#[test]
fn what_is_judged_is_what_is_sent() {
    for path in [
        "//openai/deployments/gpt-4o/chat/completions",
        "/OpenAI/%64eployments/gpt%2d4o/Chat/completions/",
    ] {
        let canonical = "/openai/deployments/gpt-4o/chat/completions";
        assert_eq!(sent(path, "", "", None), canonical);
        assert_eq!(sent(path, "", "/base", None), format!("/base{canonical}"));
    }
    for path in ["/openai/deployments/gpt-4o/../o1/chat/completions", "/openai/..%2fx", "/a;b"] {
        assert!(matches!(post(path, ""), Err(Refused::Ambiguous(_))), "{path}");
    }
}

#[test]
fn what_is_no_operation_is_refused() {
    assert_eq!(post("/foo", ""), Err(Refused::Unknown));
    assert_eq!(post("/openai/deployments/gpt-4o", ""), Err(Refused::Unknown));
    let get = Target::read(b"GET", b"/v1/embeddings", "", &[]);
    assert_eq!(get, Err(Refused::Method(Methods::POST)));
    for method in [&b"TRACE"[..], b"CONNECT", b"get"] {
        let target = Target::read(method, b"/v1/embeddings", "", &[]);
        assert_eq!(target, Err(Refused::Method(Methods::NONE)));
    }
}

#[test]
fn the_configuration_opens_more_paths() {
    let allowed = [AllowedPath::read("/openai/new/*").expect("a path")];
    let read = |path: &[u8]| Target::read(b"GET", path, "", &allowed);
    let target = read(b"/openai//new/Thing?model=a").expect("opened");
    assert_eq!((target.path(), target.model()), (&b"/openai/new/Thing"[..], Some("a")));
    let target = read(b"/openai/new/Deployments/o1/x").expect("opened");
    assert_eq!(target.model(), Some("o1"), "a deployment is seen there too");
    let twice = read(b"/openai/new/deployments/o1/x?model=a");
    assert_eq!(twice, Err(Refused::Ambiguous(Ambiguity::QueryModels)));
    assert_eq!(read(b"/openai/newer"), Err(Refused::Unknown));
    assert!(matches!(read(b"/openai/new/../x"), Err(Refused::Ambiguous(_))));
}

#[test]
fn the_prefix_is_removed_and_only_as_a_whole_segment() {
    assert_eq!(sent("/inference/v1/responses?q=1", "/inference", "", None), "/v1/responses?q=1");
    assert_eq!(sent("//a///b/v1/responses", "/a/b", "", None), "/v1/responses");
    assert_eq!(post("/inferences/v1/responses", "/inference"), Err(Refused::Prefix));
    assert_eq!(post("/v1/responses", "/inference"), Err(Refused::Prefix));
    assert_eq!(post("/inference", "/inference"), Err(Refused::Unknown));
}

#[test]
fn base_path_and_deployment_become_the_backends() {
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=1";
    let renamed = "/base/openai/deployments/gpt-4o%20std/chat/completions?api-version=1";
    assert_eq!(sent(path, "", "/base", Some("gpt-4o std")), renamed);
    assert_eq!(sent(path, "", "", None), path);
}

#[test]
fn a_model_in_the_query_counts_where_the_operation_reads_it() {
    let get = |path: &[u8]| Target::read(b"GET", path, "", &[]);
    let target = get(b"/openai/realtime?api-version=1&deployment=gpt%2D4o").expect("known");
    assert_eq!(target.model(), Some("gpt-4o"));
    let sent = target.at(&url(""), Some("own"));
    assert_eq!(sent, b"/openai/realtime?api-version=1&deployment=own");
    assert_eq!(
        get(b"/v1/realtime?model=a&model=b"),
        Err(Refused::Ambiguous(Ambiguity::QueryModels))
    );

    let target = post("/v1/chat/completions?model=o1&x=1&Deployment=o1", "").expect("known");
    assert_eq!(target.model(), None);
    assert_eq!(target.at(&url(""), None), b"/v1/chat/completions?x=1");
}

#[test]
fn credentials_leave_the_query() {
    for (query, left) in [
        ("api-key=k&b=1", "?b=1"),
        ("b=1&API-KEY=k", "?b=1"),
        ("b=1&api%2Dkey=k&c=%20", "?b=1&c=%20"),
        ("subscription-key=k", ""),
    ] {
        let path = format!("/v1/embeddings?{query}");
        assert_eq!(sent(&path, "", "", None), format!("/v1/embeddings{left}"));
        assert_eq!(post(&path, "").expect("known").keys, [b"k".to_vec()]);
    }
    let mut target = post("/v1/embeddings?a=secret&b=%73ecret&c=1", "").expect("known");
    target.forget(|value| value == b"secret");
    assert_eq!(target.path_and_query(), b"/v1/embeddings?c=1");
}

#[test]
fn the_version_of_the_api_stands_in_the_query() {
    let path = "/openai/responses?b=api-version=1&Api-Version=v1&api-version=2";
    let target = post(path, "").expect("known");
    assert_eq!(target.api_version(), Some(&b"v1"[..]));
}
