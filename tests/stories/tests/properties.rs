//! What holds for every input: decisions stay sane in any order of events, nothing is lost between
//! workers, and whatever reads bytes takes any bytes.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a property fails by panicking; nothing here runs in the filter"
)]

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use spillway::affinity::Tags;
use spillway::config::{AllowedPath, BackendId, Member, check};
use spillway::cookie::Cookies;
use spillway::exchange::Effect;
use spillway::exchange::answer_head;
use spillway::exchange::flow::{Passage, RequestFlow, ResponseFlow};
use spillway::exchange::head::Head;
use spillway::exchange::repetition::{SilentEnd, most_retries};
use spillway::failover_mode::FailoverMode;
use spillway::operation::ALLOWED;
use spillway::outcome::Verdict;
use spillway::pool::rotation::Rotation;
use spillway::prompt::{self, MediaType, Reading};
use spillway::retry_after::RetryAfter;
use spillway::target::Target;
use spillway::time::{Millis, Timestamp};
use spillway_stories::by_hand::ByHand;
use spillway_stories::http::{Answer, Reaction, Request};
use spillway_stories::story::{Story, read_config};
use spillway_stories::{Stage, modelled};

const NOW: Timestamp = Timestamp(1_795_165_200_000);

fn pool() -> impl Strategy<Value = Vec<Member>> {
    vec((1..4_u32, 1..20_u32), 1..7).prop_map(|members| {
        let member = |(position, (priority, weight))| Member {
            backend: BackendId::at(position),
            priority,
            weight,
            deployment: String::new(),
        };
        members.into_iter().enumerate().map(member).collect()
    })
}

proptest! {
    #[test]
    fn a_rotation_takes_only_who_may_be_chosen_in_the_first_tier_that_has_one(
        pool in pool(),
        rounds in vec(any::<u8>(), 1..100),
    ) {
        let mut rotation = Rotation::new(&pool);
        for open in rounds {
            let may = |at: usize| open >> at & 1 == 0;
            let free = (0..pool.len()).filter(|at| may(*at));
            let tier = free.map(|at| pool[at].priority).min();
            let chosen = rotation.select(&pool, |at| may(at).then_some(1000));
            prop_assert_eq!(chosen.map(|at| pool[at].priority), tier);
            if let Some(chosen) = chosen {
                prop_assert!(may(chosen));
                rotation.charge(&pool, chosen, |at| may(at).then_some(1000));
            }
        }
    }

    #[test]
    fn over_a_full_cycle_every_member_of_the_tier_has_exactly_its_weight(pool in pool()) {
        let tier = pool.iter().map(|member| member.priority).min();
        let first = || pool.iter().filter(|member| Some(member.priority) == tier);
        let cycle: u32 = first().map(|member| member.weight).sum();
        let mut rotation = Rotation::new(&pool);
        let mut turns = vec![0_u32; pool.len()];
        for turn in 1..=cycle {
            let chosen = rotation.select(&pool, |_| Some(1000)).expect("somebody may");
            rotation.charge(&pool, chosen, |_| Some(1000));
            turns[chosen] += 1;
            for member in first() {
                let due = f64::from(turn) * f64::from(member.weight) / f64::from(cycle);
                let off = (f64::from(turns[member.backend.position()]) - due).abs();
                prop_assert!(off < first().count() as f64, "{off} off in turn {turn}");
            }
        }
        for member in first() {
            prop_assert_eq!(turns[member.backend.position()], member.weight);
        }
    }

    #[test]
    fn any_bytes_may_announce_a_time(values in vec(prop::option::of(header()), 6)) {
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        let retry_after = RetryAfter {
            retry_after_ms: next(),
            retry_after: next(),
            reset_requests: next(),
            reset_tokens: next(),
            remaining_requests: next(),
            remaining_tokens: next(),
        };
        prop_assert!(retry_after.wait(NOW.into()) != Some(Millis(0)));
    }

    #[test]
    fn any_bytes_are_a_path_and_any_cookie_is_read(
        path in vec(any::<u8>(), 0..80),
        cookie in vec(any::<u8>(), 0..80),
        answer in vec(any::<u8>(), 0..80),
    ) {
        let url = spillway::config::url::parse("http://eastus.test/base").expect("a URL");
        let all = [AllowedPath::read("/*").expect("all paths")];
        if let Ok(target) = Target::read(b"POST", &path, "", &all) {
            let sent = target.at(&url, None);
            prop_assert!(sent.starts_with(b"/base/"));
            let again = Target::read(b"POST", &sent["/base".len()..], "", &all).expect("canonical");
            prop_assert_eq!(again.at(&url, None), sent);
        }
        if let Some(rest) = Cookies::read(cookie).without(|name, _| name == b"a") {
            let rest = Cookies::read(rest);
            prop_assert_eq!(rest.value("a"), None);
        }
        Verdict::on_not_found(&answer);
    }

    #[test]
    fn any_bytes_are_a_body(body in vec(any::<u8>(), 0..200), boundary in "[a-z]{0,3}") {
        for kind in [None, Some(format!("multipart/form-data; boundary={boundary}"))] {
            let kind = kind.as_ref().map(String::as_bytes);
            let Ok(kind) = MediaType::of(kind, None) else { continue };
            if let Ok(Reading { named: Some(named), .. }) = prompt::read(&body, &kind, ALLOWED.places) {
                prop_assert!(named.place.end <= body.len());
            }
        }
    }

    #[test]
    fn a_tag_means_its_own_pool_and_member(before in header()) {
        let config = read_config(AFFINITY, |b| format!("http://{b}.test"));
        let config = check(&config).expect("checked");
        let tags = Tags::new(&config, &config.models[0], Some(b"key"));
        let others = Tags::new(&config, &config.models[1], Some(b"key"));
        for member in 0..2 {
            let value = tags.issue(member, &before).expect("a member");
            prop_assert_eq!(tags.pinned(value.as_bytes()), Some(member));
            prop_assert_eq!(others.pinned(tags.issue(member, b"").expect("one").as_bytes()), None);
        }
    }

    /// The whole gateway, with backends that do anything: it answers, asks nobody twice, never
    /// more than it may, and always sends the body that the client sent.
    #[test]
    fn whatever_backends_do_a_request_ends_sanely(
        failover in failover(),
        moves in vec((vec(reaction(), 3), 0..90_000_u64, any::<bool>(), any::<u8>()), 1..12),
    ) {
        let story = Story {
            name: "", behaviours: &[], needs: &[], config: GATEWAY, play: |_| {},
        };
        let mut stage = modelled::in_memory(&story, failover);
        for (reactions, pass, by_body, unreachable) in moves {
            stage.pass(std::time::Duration::from_millis(pass));
            let mut before = Vec::new();
            for (at, (region, reaction)) in REGIONS.iter().zip(reactions).enumerate() {
                stage.script(region, vec![reaction]);
                stage.set_reachable(region, unreachable >> at & 3 != 3);
                before.push(stage.received(region).len());
            }
            let request = if by_body {
                Request::post("/openai/responses", r#"{"model": "gpt-4o", "n": 1}"#)
            } else {
                Request::post("/openai/deployments/gpt-4o/embeddings", "any body")
            };
            let answer = stage.send(&request.cut_at([5, 13, 14]));
            prop_assert!((200..600).contains(&answer.status));
            prop_assert!(answer.headers.get("x-spillway-retry").is_none());
            let mut sent = 0;
            for (region, before) in REGIONS.iter().zip(before) {
                let received = stage.received(region);
                prop_assert!(received.len() <= before + 1, "{region} was asked twice");
                sent += received.len() - before;
                for received in &received[before..] {
                    let name = if *region == "westus" { "other" } else { "gpt-4o" };
                    let body = format!(r#"{{"model": "{name}", "n": 1}}"#);
                    let wanted = if by_body { body.as_str() } else { "any body" };
                    prop_assert_eq!(String::from_utf8_lossy(&received.body), wanted);
                }
            }
            let attempts = answer.headers.text("x-spillway-attempts").expect("said");
            prop_assert!(attempts.parse::<usize>().expect("a number") >= sent && sent <= 2);
            if stage.noted("attempts") == "exhausted" {
                prop_assert_eq!((sent, answer.status), (0, 429));
            }
        }
    }

    /// Not even events that Envoy would never send in this order: a reload, or a host that errs.
    #[test]
    fn no_order_of_events_breaks_an_exchange(failover in failover(), events in vec((0..16_u8, header(), any::<u16>()), 1..40)) {
        let mut gateway = ByHand::failing_over(GATEWAY, failover);
        let mut exchange = gateway.request();
        for (kind, bytes, number) in events {
            let length = usize::from(number % 40);
            let at = (NOW + Millis(u64::from(number))).into();
            let paths = ["/openai/deployments/gpt-4o/embeddings", "/openai/responses", "/?"];
            let path = paths[length % 3].into();
            let status = 395 + number % 120;
            let (replies, effects) = gateway.tell(&mut exchange, at, |e, cx| match kind {
                0 => {
                    let (has_body, content_length) = (number % 2 == 0, Some(bytes));
                    let head = Head { path, has_body, content_length, ..Head::default() };
                    matches!(e.on_request_headers(head, cx), RequestFlow::Reply(_))
                }
                1 => { e.on_request_trailers(cx); false }
                2 => matches!(e.on_request_body(br#"{"model": "gpt-4o"}"#, cx), RequestFlow::Reply(_)),
                3 => matches!(e.on_bytes_held(length, number % 7 == 0), Passage::Reply(_)),
                4 => matches!(e.on_attempt(cx), Passage::Reply(_)),
                5 => {
                    let fields = vec![("x-ratelimit-remaining-tokens".to_owned(), bytes)];
                    let (readable, has_body) = (true, number % 3 != 0);
                    let answer = answer_head::Answer { status, fields, readable, has_body, ..Default::default() };
                    e.on_answer_headers(&answer, cx);
                    false
                }
                6 => { e.on_answer_body(&bytes, cx); false }
                7 => matches!(e.on_response_headers(status, Some(bytes), cx), ResponseFlow::Replace(_)),
                8 => matches!(e.on_bytes_passing(length), Passage::Reply(_)),
                9 => { e.on_end(number % 2 == 0, cx); false }
                10 => { let end = SilentEnd { connected: number % 2 == 0, reused: number % 3 == 0 }; e.on_no_answer(end, cx); e.on_upstream_reset(number % 3 == 0, cx); false }
                11 => { e.on_return(cx); false }
                12 => matches!(e.on_body_beginning(br#"{"model": "gpt-4o", "#, length, cx), RequestFlow::Reply(_)),
                13 => { e.on_opening(&bytes, number % 2 == 0, cx); e.on_hold_expired(cx); false }
                14 => {
                    let read = |from: usize| bytes.get(from..).unwrap_or_default().to_vec();
                    e.on_stream_part(bytes.len(), number % 2 == 0, &read, cx);
                    false
                }
                _ => {
                    let read = |place: Range<usize>| bytes.get(place).unwrap_or_default().to_vec();
                    matches!(e.on_bytes_upstream(length, &read, cx), Passage::Reply(_))
                }
            });
            let sends = effects.iter().filter(|e| matches!(e, Effect::SendTo { .. })).count();
            prop_assert!(usize::from(replies) + sends <= 1, "{effects:?}");
            for effect in effects {
                match effect {
                    Effect::ReplaceBody { place, .. } => {
                        prop_assert!(place.start <= place.end && place.end <= length);
                    }
                    Effect::SendTo { retries, .. } => prop_assert!(retries <= most_retries(2)),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_renamed_body_is_the_reference_however_it_is_cut(
        failover in failover(),
        front in "[a-z0-9 ]{0,20}",
        back in "[a-zé ]{0,20}",
        cuts in vec(0..90_usize, 0..6),
        streamed in any::<bool>(),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let body = |name: &str| format!(r#"{{"a":"{front}", "model" : "{name}","b":"{back}"}}"#);
        let story = Story {
            name: "", behaviours: &[], needs: &[], config: RENAMED, play: |_| {},
        };
        let mut stage = modelled::in_memory(&story, failover);
        stage.script("eastus", vec![Answer::json(500, "").into()]);
        let request = Request::post("/openai/responses", body("gpt-4o")).cut_at(cuts);
        let request = if streamed { request.streamed() } else { request };
        prop_assert_eq!(stage.send(&request).status, 200);
        for (region, name) in [("eastus", "a-longer-name"), ("westus", "x")] {
            let received = stage.received(region).pop().expect("asked");
            prop_assert_eq!(String::from_utf8_lossy(&received.body), body(name));
        }
    }
}

fn failover() -> impl Strategy<Value = FailoverMode> {
    prop::sample::select(vec![
        FailoverMode::Retry,
        FailoverMode::Redirect,
        FailoverMode::RedirectUnheld,
    ])
}

fn reaction() -> impl Strategy<Value = Reaction> {
    let statuses =
        prop::sample::select(vec![200, 302, 307, 400, 401, 403, 404, 408, 429, 500, 503]);
    let bodies = prop::sample::select(vec!["", "{}", r#"{"error":{"code":"DeploymentNotFound"}}"#]);
    let answer = (statuses, bodies, header()).prop_map(|(status, body, wait)| {
        Reaction::Answer(Answer::json(status, body).with("retry-after", wait).cut_at([4]))
    });
    prop_oneof![6 => answer, 1 => Just(Reaction::HangUp), 1 => Just(Reaction::Silence)]
}

/// Bytes that a header may hold: text of a kind that is read, or any.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let text = "([0-9]{1,25}|[0-9.]{1,6}|[0-9a-z.]{1,9}|Fri, [0-9]{2} Nov 20[0-9]{2} 09:00:00 GMT)";
    prop_oneof![text.prop_map(String::into_bytes), vec(1..=255_u8, 0..30)]
}

const REGIONS: [&str; 3] = ["eastus", "westus", "uksouth"];

const GATEWAY: &str = "
backends:
  eastus: { url: '{eastus}', api_key: '${EASTUS_KEY}' }
  westus: { url: '{westus}', bearer_token: '${WESTUS_KEY}', deployments: { gpt-4o: other } }
  uksouth: { url: '{uksouth}' }
retry: { attempts: 2 }
timeouts: { first_byte: 5s }
models: { gpt-4o: { pool: [eastus, westus, { backend: uksouth, priority: 2 }] } }";

const RENAMED: &str = "
backends:
  eastus: { url: '{eastus}', deployments: { gpt-4o: a-longer-name } }
  westus: { url: '{westus}', deployments: { gpt-4o: x } }
models: { gpt-4o: { pool: [eastus, westus] } }";

const AFFINITY: &str = "
models:
  a: { pool: [eastus, westus], session_affinity: true }
  b: { pool: [eastus, westus], session_affinity: true }";
