//! What `spillway render` prints for a cluster is what the cluster takes.
//!
//! Objects of Kubernetes itself are read into its own types and written again: what got lost on the
//! way is a field that Kubernetes does not know. Custom resources are held against the schemas of
//! their definitions, which are not part of this project: they are looked for in `../shared/crds`
//! or in `SPILLWAY_CRDS`, and where there are none, the test says so and passes.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

mod definitions;
mod reasons;
mod rendered;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

#[test]
fn kubernetes_knows_every_field() {
    let mut objects = rendered::kubernetes();
    objects.retain(|object| object["kind"] != "HTTPRoute");
    objects.extend(rendered::istio("1.31", &rendered::SIDECAR).into_iter().filter(is_core));
    let parameters = [&rendered::GATEWAY_API[..], &["--proxy-patch"]].concat();
    objects.extend(rendered::istio("1.31", &parameters));
    assert_eq!(objects.len(), 9);
    for object in objects {
        knows_all_of(&object);
    }
}

#[test]
fn the_proxies_patch_fits_a_deployment() {
    for place in [&rendered::INGRESS[..], &rendered::SIDECAR] {
        let patch = rendered::istio("1.31", &[place, &["--proxy-patch"]].concat()).remove(0);
        let mut deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "istio-ingressgateway" },
            "spec": { "selector": {}, "template": {} },
        });
        deployment["spec"]["template"] = patch["spec"]["template"].clone();
        knows_all_of(&deployment);
    }
}

/// What Istio's `gateway` chart has of these, under its own names (`values.yaml` and
/// `templates/deployment.yaml` in `manifests/charts/gateway` of release-1.28 to release-1.31).
#[test]
fn the_charts_values_are_the_same_as_the_patch() {
    let say = |how| rendered::istio("1.28", &[&rendered::INGRESS[..], &[how]].concat()).remove(0);
    let (values, patch) = (say("--values"), say("--proxy-patch"));
    let template = &patch["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let same = json!({
        "podAnnotations": template["metadata"]["annotations"],
        "envVarFrom": container["env"],
        "volumeMounts": container["volumeMounts"],
        "volumes": template["spec"]["volumes"],
    });
    assert_eq!(values, same);
}

/// The injector makes a sidecar's volumes and mounts of annotations (`userVolume` and `userVolumeMount` in
/// Istio's `injection-template.yaml`); what stands in them is Kubernetes' own.
#[test]
fn kubernetes_knows_what_the_injector_reads() {
    let patch = [&rendered::SIDECAR[..], &["--proxy-patch"]].concat();
    let patch = rendered::istio("1.31", &patch).remove(0);
    let named = |annotation: &str| -> Vec<Value> {
        let told = &patch["spec"]["template"]["metadata"]["annotations"][annotation];
        let told: Map<String, Value> = serde_json::from_str(told.as_str().unwrap()).expect("JSON");
        let one = |(name, mut fields): (String, Value)| {
            fields["name"] = json!(name);
            fields
        };
        told.into_iter().map(one).collect()
    };
    let mounts = named("sidecar.istio.io/userVolumeMount");
    let container = json!({ "name": "istio-proxy", "volumeMounts": mounts });
    let volumes = named("sidecar.istio.io/userVolume");
    assert_eq!((mounts.len(), volumes.len()), (3, 3));
    knows_all_of(&json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {},
        "spec": {
            "selector": {},
            "template": { "spec": { "containers": [container], "volumes": volumes } },
        },
    }));
}

#[test]
fn what_kubernetes_does_not_know_is_found() {
    let mut deployment = rendered::kubernetes().remove(2);
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = json!({});
    assert!(std::panic::catch_unwind(|| knows_all_of(&deployment)).is_err());
}

#[test]
fn istio_takes_its_resources() {
    for (version, definitions) in [
        ("1.28", "istio-1.28.yaml"),
        ("1.29", "istio-1.28.yaml"),
        ("1.30", "istio-1.31.yaml"),
        ("1.31", "istio-1.31.yaml"),
        ("master", "istio-1.31.yaml"),
    ] {
        let Some(definitions) = definitions::read(definitions) else { return };
        let Some(routes) = definitions::read("gateway.networking.k8s.io_httproutes.yaml") else {
            return;
        };
        let definitions = [definitions, routes].concat();
        for place in [
            &rendered::INGRESS[..],
            &rendered::INGRESS_THAT_FETCHES,
            &rendered::GATEWAY_API,
            &rendered::SIDECAR,
        ] {
            let custom = rendered::istio(version, place).into_iter().filter(|it| !is_core(it));
            for resource in custom {
                let wrong = definitions::problems(&definitions, &resource);
                assert!(wrong.is_empty(), "Istio {version}: {wrong:#?}");
            }
        }
    }
}

#[test]
fn the_gateway_api_takes_its_route() {
    let file = "gateway.networking.k8s.io_httproutes.yaml";
    let Some(definitions) = definitions::read(file) else { return };
    let route = rendered::kubernetes().pop().expect("a route");
    assert_eq!(definitions::problems(&definitions, &route), [""; 0]);
}

#[test]
fn what_istio_does_not_know_is_found() {
    let Some(definitions) = definitions::read("istio-1.31.yaml") else { return };
    let mut filter = rendered::istio("1.31", &rendered::INGRESS).remove(1);
    filter["spec"]["configPatches"][0]["match"]["listener"]["port"] = json!(80);
    filter["spec"]["configPatches"][0]["applyTo"] = json!("HTTP_FILTERS");
    assert_eq!(definitions::problems(&definitions, &filter).len(), 2);
}

fn is_core(object: &Value) -> bool {
    object["kind"] == "Service"
}

fn knows_all_of(object: &Value) {
    let again = match object["kind"].as_str().expect("a kind") {
        "ConfigMap" => round::<ConfigMap>(object),
        "Deployment" => round::<Deployment>(object),
        "HorizontalPodAutoscaler" => round::<HorizontalPodAutoscaler>(object),
        "NetworkPolicy" => round::<NetworkPolicy>(object),
        "PodDisruptionBudget" => round::<PodDisruptionBudget>(object),
        "Service" => round::<Service>(object),
        "ServiceAccount" => round::<ServiceAccount>(object),
        other => panic!("{other} is not known here"),
    };
    assert_eq!(&again, object, "left: what Kubernetes understood, right: what is rendered");
}

/// The object as Kubernetes' own type writes it.
fn round<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let typed: T = serde_json::from_value(object.clone()).expect("an object of this kind");
    serde_json::to_value(typed).expect("JSON")
}
