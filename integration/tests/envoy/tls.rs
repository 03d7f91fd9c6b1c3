//! Backends over `https`, and backends' names.

use spillway_integration::{
    Answer, Authority, Call, Gateway, Journal, log_line, region, region_with,
};
use spillway_simulator::Region;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A region with a certificate of this authority.
async fn region_of(authority: &Authority, name: &str, host: &str) -> Region {
    region_with(name, |config| config.tls = Some(authority.certificate(host))).await
}

/// A line of `backends`: the region under this host's name, trusted by this authority.
fn trusted(authority: &Authority, region: &Region, host: &str) -> String {
    let (name, port, ca) = (region.name(), region.addr().port(), authority.ca_file());
    backend(name, &format!("https://{host}:{port}"), &format!(", ca_file: \"{}\"", ca.display()))
}

fn backend(name: &str, url: &str, more: &str) -> String {
    let variable = format!("KEY_{}", name.to_uppercase());
    format!("  {name}: {{ url: \"{url}\", api_key: \"${{{variable}}}\"{more} }}\n")
}

/// A gateway with these lines of `backends`, tried in this order, and one model for each alone.
async fn gateway<const N: usize>(lines: [String; N], regions: [&Region; N]) -> Gateway {
    let names = regions.map(Region::name);
    let pool: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(tier, name)| format!("{{ backend: {name}, priority: {tier} }}"))
        .collect();
    let alone: String = names.map(|name| format!("  {name}: {{ pool: [{name}] }}\n")).concat();
    let config = format!(
        "circuit_breaker: {{ failures: 1000 }}\nbackends:\n{}models:\n  all: {{ pool: [{}] }}\n{alone}",
        lines.concat(),
        pool.join(", ")
    );
    Gateway::setup(&config, regions).start().await
}

#[tokio::test]
async fn a_backend_over_https_by_name_and_by_address() {
    let authority = Authority::new();
    let named = region_of(&authority, "eastus", "localhost").await;
    let address = region_of(&authority, "westus", "127.0.0.1").await;
    let lines =
        [trusted(&authority, &named, "localhost"), trusted(&authority, &address, "127.0.0.1")];
    let gateway = gateway(lines, [&named, &address]).await;
    for (region, host) in [(&named, "localhost"), (&address, "127.0.0.1")] {
        let answer = gateway.send(&Call::chat(region.name())).await.ok();
        assert_eq!(answer.backend(), region.name());
        let seen = region.only();
        assert_eq!(seen.http_version, "HTTP/2.0", "by ALPN");
        assert_eq!(seen.authority, Some(format!("{host}:{}", region.addr().port())));
        assert_eq!(seen.header("api-key"), Some(format!("key-of-{}", region.name()).as_str()));
    }
}

/// A certificate of an authority that is not known, or for another host: no request, no key.
#[tokio::test]
async fn a_backend_that_cannot_prove_who_it_is_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let foreign = region_of(&other, "foreign", "localhost").await;
    let misnamed = region_of(&authority, "misnamed", "elsewhere.example.com").await;
    let misplaced = region_of(&authority, "misplaced", "127.0.0.2").await;
    let good = region_of(&authority, "good", "localhost").await;
    let lines = [
        trusted(&authority, &foreign, "localhost"),
        trusted(&authority, &misnamed, "localhost"),
        trusted(&authority, &misplaced, "127.0.0.1"),
        trusted(&authority, &good, "localhost"),
    ];
    let gateway = gateway(lines, [&foreign, &misnamed, &misplaced, &good]).await;
    let answer = gateway.send(&Call::chat("all").header("x-request-id", "all")).await.ok();
    assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("good", "4"));
    let line = gateway.log_line("all").await;
    let attempts = log_line::attempts(&line);
    let told: Vec<&str> = attempts.split(", ").map(|one| one.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(told, ["foreign failed", "misnamed failed", "misplaced failed", "good 200"]);

    for bad in ["foreign", "misnamed", "misplaced"] {
        unreachable(&gateway.send(&Call::chat(bad)).await);
    }
    assert_eq!([&foreign, &misnamed, &misplaced].map(Journal::count), [0, 0, 0]);
}

/// Without `ca_file`, the system's bundle decides, and it knows no authority of a test.
#[tokio::test]
async fn the_systems_authorities_are_asked_where_no_ca_file_is_named() {
    let authority = Authority::new();
    let eastus = region_of(&authority, "eastus", "localhost").await;
    let url = format!("https://localhost:{}", eastus.addr().port());
    let gateway = gateway([backend("eastus", &url, "")], [&eastus]).await;
    unreachable(&gateway.send(&Call::chat("eastus")).await);
    assert_eq!(eastus.count(), 0);
    let trusted = gateway.admin("/certs").await;
    assert!(trusted.contains("/etc/"), "{}", trusted.chars().take(300).collect::<String>());
}

#[tokio::test]
async fn the_handshake_names_the_host() {
    let hello = hello("localhost").await;
    assert!(holds(&hello, "localhost"), "{}", String::from_utf8_lossy(&hello));
    assert!(holds(&hello, "\u{2}h2\u{8}http/1.1"), "{}", String::from_utf8_lossy(&hello));
}

/// RFC 6066 has no addresses there.
#[tokio::test]
async fn the_handshake_does_not_name_an_address() {
    let hello = hello("127.0.0.1").await;
    assert!(!holds(&hello, "127.0.0.1"), "{}", String::from_utf8_lossy(&hello));
}

/// What the handshake with a backend at this host begins with.
async fn hello(host: &str) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let nobody = region("eastus").await;
    let line = backend("eastus", &format!("https://{host}:{port}"), "");
    let gateway = gateway([line], [&nobody]).await;
    let call = Call::chat("eastus");
    let (answer, hello) = tokio::join!(gateway.send(&call), async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut hello = vec![0; 4096];
        let read = stream.read(&mut hello).await.expect("a ClientHello");
        hello.truncate(read);
        hello
    });
    unreachable(&answer);
    hello
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_name_that_resolves_and_one_that_does_not() {
    let (nowhere, eastus) = (region("nowhere").await, region("eastus").await);
    let lines = [
        backend("nowhere", "http://nowhere.invalid", ""),
        backend("eastus", &format!("http://localhost:{}", eastus.addr().port()), ""),
    ];
    let gateway = gateway(lines, [&nowhere, &eastus]).await;
    let answer = gateway.send(&Call::chat("eastus")).await.ok();
    assert_eq!(answer.backend(), "eastus");
    assert_eq!(eastus.only().authority, Some(format!("localhost:{}", eastus.addr().port())));

    let answer = gateway.send(&Call::chat("all")).await.ok();
    assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("eastus", "2"));
    unreachable(&gateway.send(&Call::chat("nowhere")).await);
}

fn unreachable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "backend_unreachable", "{error}");
    let text = answer.text();
    assert!(!text.contains("CERTIFICATE") && !text.contains("127.0.0.1"), "{text}");
}
