//! The pod around a proxy, as the patch of its Deployment has it, or its annotations where Istio's
//! injector makes it.
//!
//! The test is the kubelet of Secrets: it has mounted them where the patch says. What else the patch
//! mounts is mounted here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spillway_integration::Volume;

/// A volume by its name, and where the proxy's container has it.
pub(super) type Mounts = BTreeMap<String, (Value, String)>;

/// Starts the pod of this patch: the files that the proxy looks for are there, in a folder of the test's.
pub(super) fn start(patch: &[Value], folder: &Path, bootstrap: &mut Value) {
    let template = template(patch);
    for (volume, place) in mounts(&template).values() {
        if let Some(items) = volume["downwardAPI"]["items"].as_array() {
            let entry = |item: &Value| (text(&item["path"]), annotation(&template, item));
            let entries: Vec<(String, String)> = items.iter().map(entry).collect();
            let entries: Vec<(&str, &str)> =
                entries.iter().map(|(name, held)| (name.as_str(), held.as_str())).collect();
            let own = folder.join("downward");
            Volume::mount(&own, &entries);
            let text = bootstrap.to_string();
            assert!(text.contains(place.as_str()), "nothing looks into {place}");
            let text = text.replace(place.as_str(), &own.display().to_string());
            *bootstrap = serde_json::from_str(&text).expect("JSON");
        }
        for item in volume["secret"]["items"].as_array().into_iter().flatten() {
            let file = Path::new(place).join(text(&item["path"]));
            assert!(file.exists(), "the Secret has no {}", item["key"]);
        }
    }
}

/// What the patch of a Deployment, or the parameters of a Gateway, lay over its pods.
fn template(patch: &[Value]) -> Value {
    let [patch] = patch else { panic!("{patch:#?}") };
    let overlay = patch["data"]["deployment"].as_str();
    let overlay: Option<Value> = overlay.map(|text| serde_json::from_str(text).expect("JSON"));
    overlay.as_ref().unwrap_or(patch)["spec"]["template"].clone()
}

/// All that the proxy's container has mounted.
pub(super) fn mounts(template: &Value) -> Mounts {
    let (mut volumes, mut places) = (BTreeMap::new(), BTreeMap::new());
    for volume in list(&template["spec"]["volumes"]) {
        volumes.insert(text(&volume["name"]), volume.clone());
    }
    for mount in list(&template["spec"]["containers"][0]["volumeMounts"]) {
        places.insert(text(&mount["name"]), text(&mount["mountPath"]));
    }
    let told = |name: &str| -> BTreeMap<String, Value> {
        let told = &template["metadata"]["annotations"][name];
        told.as_str().map(|told| serde_json::from_str(told).expect("JSON")).unwrap_or_default()
    };
    volumes.extend(told("sidecar.istio.io/userVolume"));
    let told = told("sidecar.istio.io/userVolumeMount");
    places.extend(told.into_iter().map(|(name, mount)| (name, text(&mount["mountPath"]))));
    assert!(volumes.keys().eq(places.keys()), "{volumes:#?}\n{places:#?}");
    let both = volumes.into_iter().zip(places.into_values());
    both.map(|((name, volume), place)| (name, (volume, place))).collect()
}

/// The annotation that an item of a volume is made of.
fn annotation(template: &Value, item: &Value) -> String {
    let path = text(&item["fieldRef"]["fieldPath"]);
    let name = path.strip_prefix("metadata.annotations['").and_then(|it| it.strip_suffix("']"));
    text(&template["metadata"]["annotations"][name.expect("an annotation")])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
