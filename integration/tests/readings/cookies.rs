//! Several `cookie` lines over HTTP/1.1 are one header (field case R14).

use spillway_integration::Raw;

use crate::request::Request;
use crate::rig::{CLIENT, Rig, Way};

/// What stands in each line; `TAG` is the cookie that the gateway issued.
pub(crate) const ROWS: [(&str, &[&str]); 4] = [
    ("R14 the tag is in the second cookie line", &["theme=dark", "TAG"]),
    ("R14 the tag is in the first cookie line", &["TAG", "theme=dark"]),
    (
        "R14 the tag is among others in the third cookie line",
        &["theme=dark", "a=1", "b=2; TAG; c=3"],
    ),
    ("R14 the tag is between empty cookie lines", &["", "TAG; theme=dark", ";"]),
];

/// Gets a tag, and comes back with it.
pub(crate) async fn play(rig: &Rig, way: Way, model: &str, lines: &[&str]) {
    let mut connection = Raw::connect(rig.gateway(way).at).await;
    let request = || Request::chat(model, "").header("api-key", CLIENT);
    connection.write(request().header("x-row", rig.next_id()).bytes()).await;
    let first = connection.answer().await;
    let cookie = first.headers.iter().find(|(name, _)| name == "set-cookie");
    let cookie = String::from_utf8(cookie.expect("a cookie").1.clone()).expect("text");
    let tag = cookie.split(';').next().expect("a name and a value");

    let id = rig.next_id();
    let mut again = request().header("x-row", &id);
    for line in lines {
        again = again.header("cookie", line.replace("TAG", tag));
    }
    connection.write(again.bytes()).await;
    let second = connection.answer().await;
    assert_eq!(second.status, 200, "{}", second.head);
    assert!(!second.head.contains("set-cookie"), "it was not found\n{}", second.head);
    let read = rig.journal.of(&id);
    let [record] = read.as_slice() else { panic!("asked once: {read:#?}") };
    let (_, value) = tag.split_once('=').expect("a value");
    let seen = record.header("cookie");
    assert!(!seen.contains(value), "the tag is at the backend: {seen}");
    assert!(seen.contains("theme=dark"), "the client's own cookie is lost: {seen}");
}
