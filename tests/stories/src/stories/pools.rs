//! Whose turn it is: priorities first, then weights.

use crate::expect::{chat, millis, seconds, throttled, too_many};
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "equal weights alternate strictly",
        behaviours: &[2],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            let regions = stage.regions("gpt-4o", 6);

            assert_eq!(regions, ["eastus", "westus", "eastus", "westus", "eastus", "westus"]);
        },
    },
    Story {
        name: "80 to 20 is met exactly and spread out",
        behaviours: &[2],
        needs: &[],
        config: "models: { gpt-4o: { pool: [{ backend: eastus, weight: 80 }, { backend: westus, weight: 20 }] } }",
        play: |stage| {
            let regions = stage.regions("gpt-4o", 20);

            assert_eq!(regions.iter().filter(|region| *region == "westus").count(), 4);
            assert!(!regions.windows(2).any(|pair| pair == ["westus", "westus"]), "{regions:?}");
        },
    },
    Story {
        name: "twenty requests in a row all succeed while the first tier is throttled",
        behaviours: &[1, 3, 12, 35, 36],
        needs: &[],
        config: TIERS,
        play: |stage| {
            assert_eq!(stage.regions("gpt-4o", 5), ["eastus"; 5]);

            stage.will("eastus", [throttled("retry-after", "2")]);
            let regions = stage.regions("gpt-4o", 14);

            assert_eq!(regions[..4], ["westus", "uksouth", "westus", "uksouth"]);
            stage.expect_counts(&[("eastus", 6), ("westus", 7), ("uksouth", 7), ("sweden", 0)]);
            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
        },
    },
    Story {
        name: "the third tier is used only while nobody of the first two may be chosen",
        behaviours: &[3, 4],
        needs: &[],
        config: TIERS,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [throttled("retry-after", "30")]);
            assert_eq!(stage.regions("gpt-4o", 2), ["uksouth"; 2]);

            stage.will("uksouth", [throttled("retry-after-ms", "500")]);
            assert_eq!(stage.regions("gpt-4o", 3), ["sweden"; 3]);

            stage.expect_rest("uksouth", millis(500), &chat("gpt-4o"));
            assert_eq!(stage.regions("gpt-4o", 2), ["uksouth"; 2]);
        },
    },
    Story {
        name: "a request spills over every tier until somebody serves it",
        behaviours: &[1, 5],
        needs: &[],
        config: TIERS,
        play: |stage| {
            for backend in ["eastus", "westus", "uksouth"] {
                stage.will(backend, [too_many()]);
            }

            stage.chat("gpt-4o").is(200).from("sweden");

            stage.expect_counts(&[("eastus", 1), ("westus", 1), ("uksouth", 1), ("sweden", 1)]);
        },
    },
    Story {
        name: "pools are independent of each other",
        behaviours: &[2, 20],
        needs: &[],
        config: "models: { a: { pool: [eastus, westus] }, b: { pool: [westus, eastus] } }",
        play: |stage| {
            stage.chat("a").from("eastus");
            stage.chat("b").from("westus");
            stage.chat("a").from("westus");
            stage.chat("b").from("eastus");
        },
    },
];

const TIERS: &str = "
models:
  gpt-4o:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: westus, priority: 2, weight: 50 }
      - { backend: uksouth, priority: 2, weight: 50 }
      - { backend: sweden, priority: 3 }
";
