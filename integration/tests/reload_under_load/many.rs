//! As many backends as anyone has.

use std::fmt::Write as _;
use std::time::Instant;

use spillway_integration::{Call, Gateway, region};
use spillway_simulator::Region;

const BACKENDS: usize = 500;

fn file(region: &Region, backends: usize, more: &str) -> String {
    let (mut all, mut pool) = (String::from("backends:\n"), String::new());
    for number in 0..backends {
        let url = region.url();
        let key = "${KEY_EASTUS}";
        let _ = writeln!(all, "  b{number}: {{ url: \"{url}\", api_key: \"{key}\"{more} }}");
        let _ = writeln!(pool, "      - b{number}");
    }
    format!("{all}models:\n  gpt-4o-mini:\n    pool:\n{pool}")
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the times are for whoever asks for them")]
async fn five_hundred_backends_start_and_change() {
    let eastus = region("eastus").await;
    let start = Instant::now();
    let gateway = Gateway::setup(&file(&eastus, BACKENDS, ""), [&eastus]).start().await;
    println!("{BACKENDS} backends were ready after {:?}", start.elapsed());
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);

    let start = Instant::now();
    let said = gateway.reload(&file(&eastus, BACKENDS + 1, "")).await;
    println!("one more was live after {:?}", start.elapsed());
    assert!(said.contains(": 1 backend added; 1 model changed\n"), "{said}");

    let start = Instant::now();
    let said = gateway.reload(&file(&eastus, BACKENDS, ", connect_timeout: 4s")).await;
    println!("{BACKENDS} that changed were live after {:?}", start.elapsed());
    assert!(said.contains(": 1 backend removed, 500 changed; 1 model changed\n"), "{said}");
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
}
