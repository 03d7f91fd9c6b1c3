//! Envoy's admin interface, asked over plain HTTP.

use std::net::SocketAddr;

use crate::call::{Call, Client};

/// What `GET path` answers; `None` where nobody does.
pub(crate) async fn ask(admin: SocketAddr, path: &str) -> Option<String> {
    let answer = Client::at(admin).try_send(&Call::get(path)).await.ok()?;
    (answer.status == 200).then(|| answer.text())
}
