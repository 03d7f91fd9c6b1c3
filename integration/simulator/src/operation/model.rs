//! The list of models.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::config::RegionConfig;

pub(crate) fn list(config: &RegionConfig) -> Answer {
    let models: Vec<Value> = config
        .deployments
        .iter()
        .map(|deployment| {
            json!({
                "id": deployment.name,
                "object": "model",
                "model": deployment.model,
                "created": CREATED,
                "created_at": CREATED,
                "owned_by": "azure",
                "status": "succeeded",
                "lifecycle_status": "generally-available",
                "capabilities": { "inference": true, "fine_tune": false }
            })
        })
        .collect();
    Answer::json(StatusCode::OK, &json!({ "object": "list", "data": models }))
}

const CREATED: u64 = 1_721_172_741;
