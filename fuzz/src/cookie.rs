//! `Cookie` headers from bytes of any kind.

use spillway::affinity::Tags;
use spillway::cookie::Cookies;
use spillway_stories::story::read_config;

const NAME: &str = "Spillway-Affinity";

/// Whatever the header holds: ours is found or it is not, what is left of it has it no more, and
/// what it pins to is a member. A cookie that is issued pins to the member it was issued for.
pub fn run(header: &[u8]) {
    let cookies = Cookies::read(header.to_vec());
    let found = cookies.value(NAME);
    match cookies.without(|name, _| name == NAME.as_bytes()) {
        Some(rest) => {
            let left = Cookies::read(rest.clone());
            assert_eq!(left.value(NAME), None, "ours does not reach a backend");
            let is_ours = |pair: &&[u8]| Cookies::read(pair.to_vec()).value(NAME).is_some();
            let others = pairs(header).filter(|pair| !is_ours(pair));
            assert!(pairs(&rest).eq(others), "all others do, in their order");
        }
        None => assert_eq!(found, None),
    }
    let config = read_config(CONFIG, |backend| format!("http://{backend}.test"));
    let config = spillway::config::check(&config).expect("checked");
    let model = &config.models[0];
    let tags = Tags::new(&config, model, None);
    let value = found.unwrap_or_default();
    assert!(tags.pinned(value).is_none_or(|member| member < model.pool.len()));
    for member in 0..model.pool.len() {
        let issued = tags.issue(member, value).expect("a member");
        assert_eq!(tags.pinned(issued.as_bytes()), Some(member));
        assert!(issued.len() < 120 && issued.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}

fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

const CONFIG: &str = "models: { a: { pool: [eastus, westus, uksouth], session_affinity: true } }";
