//! Other filters of the mesh answer on our route too: those who authenticate, authorise and limit, all of
//! them before us. What they say is theirs.

use serde_json::{Value, json};
use spillway_command::envoy::version;
use spillway_integration::{Answer, Gateway, find};
use spillway_simulator::{Fault, RetryAfter};

use super::neighbours::{CONFIG, chat, regions};
use super::{extensions, mesh};

#[tokio::test]
async fn an_authorization_policy_that_denies_keeps_its_words() {
    let answer = answered(|config, folder| mesh::ingress_behind(config, folder, &[policy()])).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "RBAC: access denied"));
}

/// The agent's denial, where it could not fetch the module, has the same details.
#[tokio::test]
async fn an_authorization_policy_keeps_its_words_while_the_module_is_missing() {
    let answer = answered(|config, folder| {
        mesh::behind(mesh::ingress_without_the_module(config, folder), &[policy()])
    });
    let answer = answer.await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "RBAC: access denied"));
}

/// A redirect passes the policies before us once more, and what they then deny is still theirs.
#[tokio::test]
async fn an_authorization_policy_keeps_its_words_when_it_denies_the_second_attempt() {
    let (eastus, westus) = regions().await;
    let config = "models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }\n";
    let setup = Gateway::setup(config, [&eastus, &westus]);
    let setup = setup.in_bootstrap(|config, folder| {
        mesh::behind(mesh::ingress_that_fetches(config, folder), &[only_with_a_pass(), takes_it()])
    });
    let gateway = setup.without(extensions::lacking()).start().await;
    let call = chat().header("x-pass", "one way");
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(9)));
    let answer = gateway.send(&call).await;
    if version::ask(&find::envoy()).expect("a version").abilities().failover.redirects() {
        assert_eq!((answer.status, answer.text().as_str()), (403, "RBAC: access denied"));
    } else {
        assert_eq!(answer.ok().backend(), "westus");
    }
}

#[tokio::test]
async fn a_request_authentication_that_refuses_keeps_its_words() {
    let answer =
        answered(|config, folder| mesh::ingress_behind(config, folder, &[authentication(true)]))
            .await;
    assert_eq!((answer.status, answer.text().as_str()), (401, "Jwt is missing"));
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
}

#[tokio::test]
async fn a_rate_limit_keeps_its_words() {
    let answer = answered(|config, folder| mesh::ingress_behind(config, folder, &[limit()])).await;
    assert_eq!((answer.status, answer.text().as_str()), (429, "local_rate_limited"));
}

/// Nobody is there to ask, which is a denial too.
#[tokio::test]
async fn an_external_authorizer_keeps_its_words() {
    let answer =
        answered(|config, folder| mesh::ingress_behind(config, folder, &[external_authorizer()]))
            .await;
    assert_eq!((answer.status, answer.text().as_str()), (403, ""));
}

/// One that lets everybody through is no obstacle.
#[tokio::test]
async fn a_request_authentication_that_asks_for_nothing_is_passed() {
    let answer =
        answered(|config, folder| mesh::ingress_behind(config, folder, &[authentication(false)]))
            .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Where Envoy retries, the filters before us have seen the request once and are done. A redirect passes
/// them again, and the first time took the token off: `check` and the page say so.
#[tokio::test]
async fn a_token_and_a_failover_together() {
    let (eastus, westus) = regions().await;
    let config = "models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }\n";
    let setup = Gateway::setup(config, [&eastus, &westus]);
    let setup = setup.in_bootstrap(|config, folder| {
        mesh::ingress_behind(config, folder, &[authentication(true)])
    });
    let gateway = setup.without(extensions::lacking()).start().await;
    let call = chat().header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(gateway.send(&call).await.ok().backend(), "eastus");
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(9)));
    let answer = gateway.send(&call.another()).await;
    if version::ask(&find::envoy()).expect("a version").abilities().failover.redirects() {
        assert_eq!((answer.status, answer.text().as_str()), (401, "Jwt is missing"));
    } else {
        assert_eq!(answer.ok().backend(), "westus");
    }
    for seen in eastus.requests().iter().chain(&westus.requests()) {
        let tokens = seen.headers.iter().filter(|(name, _)| name == "authorization");
        assert_eq!(tokens.count(), 0, "the client's token reaches a backend");
    }
}

/// The second answer: a limit lets the first request pass.
async fn answered(bootstrap: fn(&str, &std::path::Path) -> Value) -> Answer {
    let (eastus, westus) = regions().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(bootstrap);
    let gateway = setup.without(extensions::lacking()).start().await;
    gateway.send(&chat()).await;
    gateway.send(&chat()).await
}

fn filter(name: &str, message: &str, mut fields: Value) -> Value {
    fields["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{message}"));
    json!({ "name": name, "typed_config": fields })
}

/// As istiod makes it of a policy whose rules match nobody.
fn policy() -> Value {
    filter("envoy.filters.http.rbac", "rbac.v3.RBAC", json!({ "rules": { "action": "ALLOW" } }))
}

/// A policy that lets only those through who have a pass.
fn only_with_a_pass() -> Value {
    let pass = json!({ "header": { "name": "x-pass", "present_match": true } });
    let policy = json!({ "permissions": [pass], "principals": [{ "any": true }] });
    let rules = json!({ "rules": { "action": "ALLOW", "policies": { "passes": policy } } });
    filter("envoy.filters.http.rbac", "rbac.v3.RBAC", rules)
}

/// And what takes the pass, as `RequestAuthentication` takes the token.
fn takes_it() -> Value {
    let mutations = json!({ "mutations": { "request_mutations": [{ "remove": "x-pass" }] } });
    filter("envoy.filters.http.header_mutation", "header_mutation.v3.HeaderMutation", mutations)
}

/// As istiod makes it of a `RequestAuthentication`; `needed`: a token must be there.
fn authentication(needed: bool) -> Value {
    let requires = json!({ "provider_name": "origins-0" });
    let requires = if needed {
        requires
    } else {
        json!({ "requires_any": { "requirements": [requires, { "allow_missing": {} }] } })
    };
    filter(
        "envoy.filters.http.jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": { "origins-0": {
                "issuer": "https://login.example.com",
                "local_jwks": { "inline_string": KEYS },
            }},
            "rules": [{ "match": { "prefix": "/" }, "requires": requires }],
        }),
    )
}

/// Of a key that was thrown away when it had signed [`TOKEN`].
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1","alg":"ES256",
"x":"cjipqIswPEHFekzBfJISxQaxoVY-2O20KT3YQIzM17E","y":"Ezfho0fZGyFVs3lJQdfBjKn-F9n5O9RAaUlsyMvrYIw"}]}"#;

/// Of this issuer, for `chat-app`, for ever.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.\
    eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUuY29tIiwic3ViIjoiY2hhdC1hcHAifQ.\
    JjspKdZ55FlxpkKrGmUHNbmRjcauhocjRW0HCbMfuE75S6YutQsIl9KWBs9NmpNJGW95pldMfyPknDWECRofPw";

fn limit() -> Value {
    let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    filter(
        "envoy.filters.http.local_ratelimit",
        "local_ratelimit.v3.LocalRateLimit",
        json!({
            "stat_prefix": "limit",
            "token_bucket": { "max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s" },
            "filter_enabled": all,
            "filter_enforced": all,
        }),
    )
}

fn external_authorizer() -> Value {
    filter(
        "envoy.filters.http.ext_authz",
        "ext_authz.v3.ExtAuthz",
        json!({
            "transport_api_version": "V3",
            "http_service": { "server_uri": {
                "uri": "http://nobody", "cluster": "nobody", "timeout": "0.5s",
            }},
        }),
    )
}
