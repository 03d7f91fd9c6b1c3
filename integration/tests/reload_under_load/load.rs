//! The bar: 64 clients at once, 50 right and 50 wrong changes, no client error, nobody at a backend
//! that has been removed, and every wrong change refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fastrand::Rng;
use spillway_command::envoy::version;
use spillway_integration::{Answer, Call, Client, Gateway, Journal, find, key_of, region};
use spillway_simulator::{Fault, Region};

use crate::changes::{Change, MODELS, right, wrong};

const CLIENTS: usize = 64;
const CHANGES: usize = 50;
const REGIONS: usize = 6;

/// What the clients must know of the changes.
struct Course {
    changes: Vec<Change>,
    /// The last change that is written: requests may meet it.
    written: AtomicUsize,
    /// The last change that was announced: no request that begins now may meet an older one.
    retry_after: AtomicUsize,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_sees_an_error_and_nobody_is_sent_to_what_was_removed() {
    let mut rng = Rng::with_seed(7);
    let mut regions: Vec<Region> = Vec::new();
    for number in 0..REGIONS {
        let one = region(&format!("region{number}")).await;
        // Streams that straddle changes.
        one.script(
            Fault { chunk_delay_ms: Some(30), chunks: Some(12), ..Fault::default() }.forever(),
        );
        regions.push(one);
    }
    let mut changes: Vec<Change> = (0..=CHANGES).map(|_| right(&mut rng, &regions)).collect();
    if !takes_new_variables() {
        changes[0] = the_one_with_all_clients(&mut rng, &regions);
    }
    let course = Arc::new(Course {
        changes,
        written: AtomicUsize::new(0),
        retry_after: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    });
    let gateway = start(&course.changes[0], &regions).await;

    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(ask_on(number, gateway.at, Arc::clone(&course))))
        .collect();
    for (number, change) in course.changes.iter().enumerate().skip(1) {
        let (text, said) = wrong(&mut rng, &change.text);
        let output = gateway.refuse(&text).await;
        assert!(output.contains(said), "{said} is not in {output}\n{text}");
        course.written.store(number, Ordering::SeqCst);
        gateway.reload(&change.text).await;
        course.retry_after.store(number, Ordering::SeqCst);
    }
    course.over.store(true, Ordering::SeqCst);
    let mut answers = 0;
    for client in clients {
        answers += client.await.unwrap_or_else(|error| panic!("{error}\n{}", odd(&gateway)));
    }

    assert!(answers > CLIENTS * CHANGES / 2, "only {answers} requests");
    assert_eq!(gateway.told("reloaded ").len(), CHANGES);
    assert_eq!(gateway.told("kept the running configuration").len(), CHANGES);
    let seen: usize = regions.iter().map(Journal::count).sum();
    assert_eq!(seen, answers, "each request reached one backend, once");
    for region in &regions {
        for request in region.requests() {
            let at = region.addr().to_string();
            assert_eq!((request.status, request.authority.as_deref()), (Some(200), Some(&*at)));
        }
    }
    gateway.end().await;
}

/// Whether clients' keys may come from variables that were not needed before.
fn takes_new_variables() -> bool {
    let envoy = version::ask(&find::envoy()).expect("an Envoy");
    !envoy.abilities().failover.redirects()
}

fn the_one_with_all_clients(rng: &mut Rng, regions: &[Region]) -> Change {
    let has_all = |change: &Change| {
        ["A", "B", "C"].iter().all(|name| change.text.contains(&format!("CLIENT_{name}")))
    };
    loop {
        let change = right(rng, regions);
        if has_all(&change) {
            return change;
        }
    }
}

/// The lines of the access log about requests that did not end well at once.
fn odd(gateway: &Gateway) -> String {
    let lines = gateway.log_lines().into_iter();
    let odd = lines.filter(|line| line["status"] != 200 || line["flags"] != "-");
    odd.map(|line| line.to_string()).collect::<Vec<_>>().join("\n")
}

async fn start(first: &Change, regions: &[Region]) -> Gateway {
    let variable = |region: &Region| format!("KEY_{}", region.name().to_uppercase());
    let keys = regions.iter().map(|region| (variable(region), key_of(region.name())));
    let clients =
        ["A", "B", "C"].map(|name| (format!("CLIENT_{name}"), format!("client-key-{name}")));
    Gateway::of(first.text.clone(), keys.chain(clients).collect()).start().await
}

/// Asks until it is over; every answer must be right. Tells how many there were.
async fn ask_on(number: usize, at: std::net::SocketAddr, course: Arc<Course>) -> usize {
    let mut rng = Rng::with_seed(number as u64);
    let client = if number.is_multiple_of(4) { Client::http2_at(at) } else { Client::at(at) };
    let mut answers = 0;
    while !course.over.load(Ordering::SeqCst) {
        let model = MODELS[rng.usize(0..MODELS.len())];
        let (call, streams) = match rng.u32(0..4) {
            0 => (Call::chat(model), false),
            1 => (Call::v1_chat(model), false),
            2 => (Call::streamed_response(model), true),
            _ => (Call::streamed_chat(model), true),
        };
        let call = call.header("api-key", "client-key-A");
        let since = course.retry_after.load(Ordering::SeqCst);
        let answer = client.try_send(&call).await.expect("an answer");
        let until = course.written.load(Ordering::SeqCst);
        is_right(&answer, streams);
        let region = answer.header("x-ms-region");
        let allowed = |change: &Change| change.allowed[model].contains(region);
        assert!(
            course.changes[since..=until].iter().any(allowed),
            "{model} was answered by {region}, which no change from {since} to {until} allows"
        );
        answers += 1;
    }
    answers
}

fn is_right(answer: &Answer, streams: bool) {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    // No change costs an attempt, not even one that is made good.
    assert_eq!(answer.header("x-spillway-attempts"), "1");
    let whole = if streams {
        text.ends_with("data: [DONE]\n\n") || text.contains("response.completed")
    } else {
        text.ends_with('}')
    };
    assert!(whole && !text.contains("\"error\":{"), "{text}");
}
