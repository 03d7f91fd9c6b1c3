//! Regions as most tests want them: any deployment, a key of their own, Azure's display name.

use spillway_simulator::{Limits, Region, RegionConfig};

/// A region without limits.
pub async fn region(name: &str) -> Region {
    region_with(name, |_| {}).await
}

/// A region that differs from the usual one.
pub async fn region_with(name: &str, change: impl FnOnce(&mut RegionConfig)) -> Region {
    let mut config = RegionConfig {
        api_key: Some(key_of(name)),
        any_deployment: true,
        any_limits: Limits::unlimited(),
        ..RegionConfig::named(name, display_name(name))
    };
    change(&mut config);
    Region::start(config).await.expect("a region on a free port")
}

/// The region's own key, which only the gateway has.
pub fn key_of(region: &str) -> String {
    format!("key-of-{region}")
}

fn display_name(name: &str) -> &str {
    match name {
        "eastus" => "East US",
        "eastus2" => "East US 2",
        "swedencentral" => "Sweden Central",
        "westus" => "West US",
        "uksouth" => "UK South",
        other => other,
    }
}
