//! What would be served, and not what was sent: the gateway before backends that read a request in
//! their own way.
//!
//! Each row of the tables is one request that two readers may read differently: a denied model or a
//! client's key in some spelling or place. It is sent byte by byte to a gateway before nginx, before an
//! Envoy that normalises paths, and to a Python server directly; that server, which is behind the two
//! as well, writes down each model that it read and each header that it got. A row says what the client must
//! get. Whatever it gets, no backend may have read a model that is denied, or seen a client's key.
//!
//! The gateway runs twice: in an Envoy of somebody else's, as in a mesh, whose listener changes no
//! path, so that the filter alone must hold; and as `spillway up` starts it.
//!
//! All rows share one rig, which is started once and ended at the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a row fails by panicking"
)]

mod bodies;
mod cookies;
mod envoy;
mod forms;
mod gateways;
mod http2;
mod journal;
mod keys;
mod nginx;
mod operations;
mod paths;
mod places;
mod request;
mod rig;
mod row;
mod server;
mod spellings;

use std::panic;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial, run};
use tokio::runtime::Runtime;

use rig::{MODELS, Rig, Way};
use row::Row;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return run(&arguments, trials(&Arc::default())).exit_code();
    }
    let runtime = Runtime::new().expect("a runtime");
    // By this thread: the Envoy of somebody else's ends with the thread that has started it.
    let rig = Arc::new(Some(runtime.block_on(Rig::start(runtime.handle().clone()))));
    // The harness says what a row panicked with, after the last one.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let conclusion = run(&arguments, trials(&rig));
    panic::set_hook(usual);
    let rig = Arc::into_inner(rig).flatten().expect("every row is done");
    if conclusion.has_failed() {
        complain(&rig.logs());
        return conclusion.exit_code();
    }
    // What came to a backend without being any row's, or after its row was done.
    let wrong = rig.journal.everything_wrong();
    for line in &wrong {
        complain(line);
    }
    if wrong.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

/// Each row, by each way, before each backend.
fn trials(rig: &Arc<Option<Rig>>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for way in Way::ALL {
        for (model, backend) in MODELS {
            for row in rows(model) {
                let rig = Arc::clone(rig);
                trials.push(Trial::test(format!("{way}::{backend}::{}", row.name), move || {
                    let rig = rig.as_ref().as_ref().expect("a rig");
                    rig.runtime.block_on(row.play(rig, way, model));
                    Ok(())
                }));
            }
            for (name, lines) in cookies::ROWS {
                let rig = Arc::clone(rig);
                trials.push(Trial::test(format!("{way}::{backend}::{name}"), move || {
                    let rig = rig.as_ref().as_ref().expect("a rig");
                    rig.runtime.block_on(cookies::play(rig, way, model, lines));
                    Ok(())
                }));
            }
        }
    }
    trials
}

/// The rows for one model that is served, in whose place or beside which another one is named.
fn rows(model: &str) -> Vec<Row> {
    let tables: [fn(&str) -> Vec<Row>; 7] = [
        paths::rows,
        spellings::rows,
        operations::rows,
        bodies::rows,
        forms::rows,
        places::rows,
        keys::rows,
    ];
    tables.into_iter().flat_map(|table| table(model)).collect()
}

#[allow(clippy::print_stderr, reason = "shown for failed tests only")]
fn complain(text: &str) {
    eprintln!("{text}");
}
