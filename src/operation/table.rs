//! The table of operations.
//!
//! Sources: the OpenAPI descriptions of Azure OpenAI (2024-10-21 to v1 preview), of OpenAI, of Azure
//! AI model inference (2024-05-01-preview), and Microsoft's page on Claude in Foundry. The operations
//! that most requests ask for come first in each family.
//!
//! Left out with intent: creating a batch, since the models that it uses are named inside a file
//! that a client has uploaded; deleting a model; and whatever manages an account. A configuration can
//! open each of them by its path.

mod objects;
mod row;

use objects::OBJECTS;
use row::{delete, get, post};

use super::Operation;
use crate::prompt::Places;

/// The operations below one root.
#[derive(Debug)]
pub struct Family {
    /// Whose API it is.
    pub api: &'static str,
    /// How its paths begin.
    pub root: &'static [&'static str],
    /// The operations, in several lists, since families share some.
    pub operations: &'static [&'static [Operation]],
}

/// Every family. What begins in two ways (`openai`, `openai/v1`) is looked for in both.
pub static FAMILIES: &[Family] = &[
    Family {
        api: "Azure OpenAI, by deployment",
        root: &["openai", "deployments", "{model}"],
        operations: &[DEPLOYMENT],
    },
    Family {
        api: "Azure OpenAI v1",
        root: &["openai", "v1"],
        operations: &[V1, RESPONSES, OBJECTS],
    },
    Family { api: "OpenAI", root: &["v1"], operations: &[V1, RESPONSES, OBJECTS] },
    Family { api: "Azure OpenAI", root: &["openai"], operations: &[RESPONSES, AZURE, OBJECTS] },
    Family { api: "Azure AI inference", root: &["models"], operations: &[INFERENCE] },
    Family { api: "Anthropic on Foundry", root: &["anthropic", "v1"], operations: &[ANTHROPIC] },
];

static DEPLOYMENT: &[Operation] = &[
    post(&["chat", "completions"]).naming(&CHAT),
    post(&["embeddings"]),
    post(&["completions"]),
    post(&["images", "generations"]),
    post(&["images", "edits"]).form(),
    post(&["images", "variations"]).form(),
    post(&["audio", "transcriptions"]).form(),
    post(&["audio", "translations"]).form(),
    post(&["audio", "speech"]),
    post(&["extensions", "chat", "completions"]).naming(&EXTENSION),
];

static V1: &[Operation] = &[
    post(&["chat", "completions"]).naming(&CHAT),
    post(&["embeddings"]),
    post(&["completions"]),
    get(&["chat", "completions"]).in_query(),
    get(&["chat", "completions", "{id}"]),
    post(&["chat", "completions", "{id}"]),
    delete(&["chat", "completions", "{id}"]),
    get(&["chat", "completions", "{id}", "messages"]),
    post(&["moderations"]),
    post(&["images", "generations"]),
    post(&["images", "edits"]).form(),
    post(&["images", "variations"]).form(),
    post(&["audio", "transcriptions"]).form(),
    post(&["audio", "translations"]).form(),
    post(&["audio", "speech"]),
    post(&["realtime", "client_secrets"]).naming(&REALTIME),
    post(&["realtime", "sessions"]).naming(&SESSION),
    post(&["realtime", "transcription_sessions"]).naming(&SESSION),
    post(&["conversations"]).once(),
    get(&["conversations", "{id}"]),
    post(&["conversations", "{id}"]),
    delete(&["conversations", "{id}"]),
    get(&["conversations", "{id}", "items"]),
    post(&["conversations", "{id}", "items"]).once(),
    get(&["conversations", "{id}", "items", "{id}"]),
    delete(&["conversations", "{id}", "items", "{id}"]),
    get(&["containers"]),
    post(&["containers"]).once(),
    get(&["containers", "{id}"]),
    delete(&["containers", "{id}"]),
    get(&["containers", "{id}", "files"]),
    post(&["containers", "{id}", "files"]).form().once(),
    get(&["containers", "{id}", "files", "{id}"]),
    delete(&["containers", "{id}", "files", "{id}"]),
    get(&["containers", "{id}", "files", "{id}", "content"]),
    get(&["videos"]),
    post(&["videos"]).form().once(),
    get(&["videos", "{id}"]),
    delete(&["videos", "{id}"]),
    get(&["videos", "{id}", "content"]),
    post(&["videos", "{id}", "remix"]).once(),
    get(&["video", "generations", "jobs"]),
    post(&["video", "generations", "jobs"]).form().once(),
    get(&["video", "generations", "jobs", "{id}"]),
    delete(&["video", "generations", "jobs", "{id}"]),
    get(&["video", "generations", "{id}"]),
    get(&["video", "generations", "{id}", "content", "video"]),
    get(&["video", "generations", "{id}", "content", "thumbnail"]),
];

/// What Azure OpenAI has below `/openai` too.
static RESPONSES: &[Operation] = &[
    post(&["responses"]).naming(&RESPONSE),
    get(&["responses"]),
    get(&["responses", "{id}"]),
    delete(&["responses", "{id}"]),
    post(&["responses", "{id}", "cancel"]),
    get(&["responses", "{id}", "input_items"]),
    post(&["responses", "compact"]).naming(&RESPONSE),
    post(&["responses", "input_tokens"]).naming(&RESPONSE),
    get(&["models"]),
    get(&["models", "{model}"]),
    get(&["realtime"]).in_query(),
];

static AZURE: &[Operation] = &[post(&["realtimeapi", "sessions"]).naming(&SESSION)];

static INFERENCE: &[Operation] = &[
    post(&["chat", "completions"]),
    post(&["embeddings"]),
    post(&["images", "embeddings"]),
    get(&["info"]).in_query(),
];

static ANTHROPIC: &[Operation] = &[
    post(&["messages"]),
    post(&["messages", "count_tokens"]),
    get(&["models"]),
    get(&["models", "{model}"]),
];

/// The model alone.
pub(super) static OWN: Places = Places::MODEL;

/// A chat may look up its own data by a deployment that makes embeddings (Azure OpenAI On Your Data).
static CHAT: Places = Places {
    model: "model",
    others: &["data_sources[].parameters.embedding_dependency.deployment_name"],
};

/// The same in the API that was there first, with names of its own.
static EXTENSION: Places = Places {
    model: "model",
    others: &[
        "dataSources[].parameters.embeddingDeploymentName",
        "dataSources[].parameters.embeddingDependency.deploymentName",
    ],
};

/// A response may draw images with another model.
static RESPONSE: Places = Places { model: "model", others: &["tools[].model", "tools.*.model"] };

/// A realtime session, inside of a request for its secret or its call.
static REALTIME: Places = Places {
    model: "session.model",
    others: &[
        "model",
        "session.audio.input.transcription.model",
        "session.input_audio_transcription.model",
    ],
};

/// A realtime session as the whole of a request.
static SESSION: Places = Places {
    model: "model",
    others: &[
        "audio.input.transcription.model",
        "input_audio_transcription.model",
        "session.model",
        "session.audio.input.transcription.model",
        "session.input_audio_transcription.model",
    ],
};

/// A job whose grader is a model.
pub(super) static TUNING: Places = Places {
    model: "model",
    others: &[
        "method.reinforcement.grader.model",
        "method.reinforcement.grader.graders.*.model",
        "method.reinforcement.grader.graders[].model",
    ],
};

/// An evaluation whose criteria ask models.
pub(super) static EVAL: Places = Places {
    model: "model",
    others: &[
        "testing_criteria[].model",
        "testing_criteria[].graders.*.model",
        "testing_criteria[].graders[].model",
    ],
};

/// A run of an evaluation.
pub(super) static RUN: Places = Places {
    model: "data_source.model",
    others: &["model", "data_source.source.model", "data_source.sampling_params.model"],
};
