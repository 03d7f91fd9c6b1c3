//! What is counted: each function here once, by itself, in Valgrind's simulated processor. What its
//! setup does is not counted, nor the end of what it returns.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::exit,
    reason = "what is given here is right; the names say what is counted; Gungraun's `main` exits"
)]

use std::hint::black_box;
use std::rc::Rc;

use gungraun::prelude::*;
use spillway::affinity::Tags;
use spillway::breaker::store::BreakerStore;
use spillway::client_key::Keyring;
use spillway::config::{ClientId, Config, ModelId, Problem, parse_json};
use spillway::cookie::Cookies;
use spillway::filter::Filter;
use spillway::gateway::Gateway;
use spillway::metrics::{Sample, measure};
use spillway::observation::Observation;
use spillway::prompt::{self, Ahead, MediaType, NamedModel, Places};
use spillway_bench_core::given::{self, Choice, NOW};
use spillway_bench_core::request::Request;

#[library_benchmark]
#[bench::backends_5(given::file(5))]
#[bench::backends_500(given::file(500))]
fn check(file: Vec<u8>) -> (Result<Config, Vec<Problem>>, Vec<u8>) {
    (parse_json(black_box(&file)), file)
}

fn config(backends: usize) -> Config {
    parse_json(&given::file(backends)).expect("a right file")
}

#[library_benchmark]
#[bench::backends_5(config(5))]
#[bench::backends_500(config(500))]
fn make_ready(config: Config) -> Result<Gateway, Vec<Problem>> {
    Gateway::new(black_box(config), given::secret)
}

fn plain() -> Request {
    Request::of(&given::gateway(&given::file(3)), &BreakerStore::default())
}

fn known() -> Request {
    let gateway = given::gateway(&given::file_with_clients(3, 10));
    Request::of(&gateway, &BreakerStore::default()).pinned_to(1)
}

#[library_benchmark]
#[bench::plain(plain())]
#[bench::with_key_and_cookie(known())]
fn answered(mut request: Request) -> Request {
    request.asks();
    request.is_answered();
    request
}

#[library_benchmark]
#[bench::plain(plain())]
fn failed_over(mut request: Request) -> Request {
    request.asks();
    request.is_throttled();
    request.is_answered();
    request
}

#[library_benchmark]
#[bench::of_1_kb(plain().by_its_body(1 << 10))]
#[bench::of_64_kb(plain().by_its_body(64 << 10))]
fn asks_by_its_body(mut request: Request) -> Request {
    request.asks();
    request
}

fn streaming() -> (Request, Filter) {
    let mut request = plain().streamed(500);
    request.asks();
    let attempt = request.begins_to_stream();
    (request, attempt)
}

fn has_read_all((mut request, attempt): (Request, Filter)) {
    request.ends(attempt);
    request.is_over();
    assert_eq!(request.tokens(), Some(500));
}

#[library_benchmark]
#[bench::chunks_500(args = (streaming()), teardown = has_read_all)]
fn read_stream((mut request, mut attempt): (Request, Filter)) -> (Request, Filter) {
    request.streams(&mut attempt);
    (request, attempt)
}

#[library_benchmark]
#[bench::healthy_2(Choice::among(2, false))]
#[bench::healthy_20(Choice::among(20, false))]
#[bench::healthy_200(Choice::among(200, false))]
#[bench::healthy_1000(Choice::among(1000, false))]
#[bench::half_open_2(Choice::among(2, true))]
#[bench::half_open_20(Choice::among(20, true))]
#[bench::half_open_200(Choice::among(200, true))]
#[bench::half_open_1000(Choice::among(1000, true))]
fn choose(mut choice: Choice) -> (Option<usize>, Choice) {
    (black_box(&mut choice).choose(), choice)
}

fn arriving(members: usize, half_open: bool) -> Request {
    let gateway = given::gateway(&given::file(members));
    let store = given::store(&gateway, 2, usize::from(half_open));
    Request::of(&gateway, &store).for_embeddings()
}

#[library_benchmark]
#[bench::healthy_2(arriving(2, false))]
#[bench::healthy_20(arriving(20, false))]
#[bench::healthy_200(arriving(200, false))]
#[bench::healthy_1000(arriving(1000, false))]
#[bench::half_open_2(arriving(2, true))]
#[bench::half_open_20(arriving(20, true))]
#[bench::half_open_200(arriving(200, true))]
#[bench::half_open_1000(arriving(1000, true))]
fn arrive_and_start(mut request: Request) -> (Request, Filter) {
    let attempt = request.arrives_and_starts();
    (request, attempt)
}

#[library_benchmark]
#[bench::early_1_kb(given::body(1 << 10, true))]
#[bench::late_1_kb(given::body(1 << 10, false))]
#[bench::early_64_kb(given::body(64 << 10, true))]
#[bench::late_64_kb(given::body(64 << 10, false))]
#[bench::early_1_mb(given::body(1 << 20, true))]
#[bench::late_1_mb(given::body(1 << 20, false))]
fn find_model(body: Vec<u8>) -> (Option<NamedModel>, Vec<u8>) {
    let read = prompt::read(black_box(&body), &MediaType::Json, &Places::MODEL).expect("JSON");
    let named = read.named;
    assert!(named.is_some());
    (named, body)
}

#[library_benchmark]
#[bench::early_1_mb(given::body(1 << 20, true))]
fn pass_unread(body: Vec<u8>) -> (Ahead, Vec<u8>, Vec<u8>) {
    let (beginning, last) = (&body[..Ahead::BEGINNING], &body[body.len() - Ahead::END..]);
    let ahead = Ahead::read(black_box(beginning)).expect("early");
    let end = Ahead::end(black_box(last), "gpt-4o-eastus").expect("an object");
    (ahead, end, body)
}

fn store(circuits: usize) -> BreakerStore {
    given::store(&given::gateway(&given::file(circuits)), 1, 1)
}

#[library_benchmark]
#[bench::circuits_5(store(5).encode(NOW))]
#[bench::circuits_500(store(500).encode(NOW))]
fn read_board(bytes: Vec<u8>) -> (BreakerStore, Vec<u8>) {
    (BreakerStore::decode(black_box(&bytes)), bytes)
}

#[library_benchmark]
#[bench::circuits_5(store(5))]
#[bench::circuits_500(store(500))]
fn write_board(store: BreakerStore) -> (Vec<u8>, BreakerStore) {
    (black_box(&store).encode(NOW), store)
}

#[library_benchmark]
#[bench::clients_10(given::keyring(10))]
#[bench::clients_1000(given::keyring(1000))]
fn check_key(keyring: Keyring) -> (Option<ClientId>, Keyring) {
    let key = black_box(b"value-of-KEY_7-0123456789abcdef");
    let client = keyring.client([&key[..]]);
    assert_eq!(client, Some(ClientId::at(7)));
    (client, keyring)
}

fn cookie() -> (Rc<Gateway>, Vec<u8>) {
    let gateway = given::gateway(&given::file_with_clients(20, 1));
    let tag = tags(&gateway).issue(10, b"AAAAAAAAAAAA.BBBBBBBBBBBB").expect("a tag");
    (gateway, format!("theme=dark; Spillway-Affinity={tag}").into_bytes())
}

fn tags(gateway: &Gateway) -> &Tags {
    gateway.route(ModelId::at(0)).expect("a model").tags
}

#[library_benchmark]
#[bench::members_20(cookie())]
fn read_cookie((gateway, header): (Rc<Gateway>, Vec<u8>)) -> (Option<usize>, Rc<Gateway>, Vec<u8>) {
    let pinned = gateway
        .route(ModelId::at(0))
        .and_then(|route| route.pinned(&Cookies::read(black_box(&header).clone())));
    assert_eq!(pinned, Some(10));
    (pinned, gateway, header)
}

/// A gateway with this number of models, and a request with 16 KB of cookies that lead to the first.
fn cookies(models: usize) -> (Rc<Gateway>, Vec<u8>) {
    let gateway = given::gateway(&given::file_of_models(models));
    let tag = tags(&gateway).issue(0, b"").expect("a tag");
    let others = "theme=dark; ".repeat(1333);
    (gateway, format!("{others}Spillway-Affinity={tag}").into_bytes())
}

#[library_benchmark]
#[bench::models_2(cookies(2))]
#[bench::models_2000(cookies(2000))]
fn find_model_of_cookie(
    (gateway, header): (Rc<Gateway>, Vec<u8>),
) -> (Option<ModelId>, Rc<Gateway>, Vec<u8>) {
    let model = gateway.model_of_cookie(&Cookies::read(black_box(&header).clone()));
    assert_eq!(model, Some(ModelId::at(0)));
    (model, gateway, header)
}

#[library_benchmark]
#[bench::members_20(cookie())]
fn make_cookie(
    (gateway, header): (Rc<Gateway>, Vec<u8>),
) -> (Option<String>, Rc<Gateway>, Vec<u8>) {
    (tags(&gateway).issue(3, black_box(&header)), gateway, header)
}

#[library_benchmark]
#[bench::request(given::TOLD)]
fn measure_it(told: Observation) -> Vec<Sample> {
    measure(black_box(&told))
}

library_benchmark_group!(
    name = core,
    benchmarks = [
        check,
        make_ready,
        answered,
        failed_over,
        asks_by_its_body,
        read_stream,
        choose,
        arrive_and_start,
        find_model,
        pass_unread,
        read_board,
        write_board,
        check_key,
        read_cookie,
        find_model_of_cookie,
        make_cookie,
        measure_it,
    ]
);

main!(library_benchmark_groups = core);
