//! Clients that come and go.

use spillway_integration::{Call, Gateway, region};
use spillway_simulator::Region;

fn file(region: &Region, clients: &[&str]) -> String {
    let client = |name: &&str| format!("{{ name: {}, key: \"${{{name}}}\" }}", name.to_lowercase());
    let clients: Vec<String> = clients.iter().map(client).collect();
    format!(
        "backends: {{ eastus: {{ url: \"{}\", api_key: \"${{KEY_EASTUS}}\" }} }}\n\
         models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}\n\
         clients: [{}]\n",
        region.url(),
        clients.join(", ")
    )
}

#[tokio::test]
async fn a_client_is_let_in_and_shown_out() {
    let eastus = region("eastus").await;
    let setup = Gateway::setup(&file(&eastus, &["ONE"]), [&eastus]);
    let gateway = setup.env("ONE", "key-1").env("TWO", "key-2").start().await;
    let statuses = async || {
        let call = |key: &str| Call::chat("gpt-4o-mini").header("api-key", key);
        [gateway.send(&call("key-1")).await.status, gateway.send(&call("key-2")).await.status]
    };
    assert_eq!(statuses().await, [200, 401]);
    // Its variable is new to the filter: another VM, and another cluster for every backend.
    let said = gateway.reload(&file(&eastus, &["ONE", "TWO"])).await;
    assert!(said.contains(": 1 client added\n"), "{said}");
    assert_eq!(statuses().await, [200, 200]);
    gateway.reload(&file(&eastus, &["TWO"])).await;
    assert_eq!(statuses().await, [401, 200]);
    gateway.reload(&file(&eastus, &["ONE"])).await;
    assert_eq!(statuses().await, [200, 401]);
}

#[tokio::test]
async fn a_variable_that_is_not_there_is_refused_with_what_to_do() {
    let eastus = region("eastus").await;
    let setup = Gateway::setup(&file(&eastus, &["ONE"]), [&eastus]);
    let gateway = setup.env("ONE", "key-1").start().await;
    let said = gateway.refuse(&file(&eastus, &["ONE", "THREE"])).await;
    assert!(said.contains("has 1 problem:\n"), "{said}");
    let problem = ":3:56: clients[1].key: the environment variable `THREE` is not set or empty\n  \
                   hint: restart `spillway up` with it in its environment\n";
    assert!(said.contains(problem), "{said}");
    let said = gateway.refuse(&file(&eastus, &["ONE"]).replace("KEY_EASTUS", "KEY_NEW")).await;
    assert!(said.contains("environment, or refer to a file: `{ file: /path }`\n"), "{said}");
    let call = Call::chat("gpt-4o-mini").header("api-key", "key-1");
    assert_eq!(gateway.send(&call).await.status, 200);
}
