//! Which operation a path means.
//!
//! Azure's classic surface names the deployment in the path and wants an
//! `api-version`; its v1 surface (and OpenAI's own `/v1`) names the model in the body
//! and wants none. Responses and Models sit between: no deployment in the path, but
//! an `api-version` unless under `/v1`. A path that is not an operation is Azure's
//! 404 `Resource not found`, and so is the wrong method.

use hyper::Method;
use percent_encoding::percent_decode_str;

/// A path understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub operation: Operation,
    /// The deployment in the path; elsewhere the body's `model` says it.
    pub deployment: Option<String>,
    /// Under `/v1`, where no `api-version` is needed.
    pub v1: bool,
    pub api_version: Option<String>,
}

/// What the caller wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Chat,
    Completion,
    Embedding,
    Transcription,
    Image,
    CreateResponse,
    RetrieveResponse(String),
    DeleteResponse(String),
    InputItems(String),
    ListModels,
}

impl Route {
    /// `None` for what Azure does not know.
    pub(crate) fn parse(method: &Method, path: &str, query: Option<&str>) -> Option<Self> {
        let segments: Vec<String> = path.split('/').skip(1).map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let route = |operation, deployment: Option<&str>, v1| Self {
            operation,
            deployment: deployment.map(str::to_owned),
            v1,
            api_version: query.and_then(api_version),
        };
        match segments.as_slice() {
            ["openai", "deployments", name, rest @ ..] => {
                Some(route(in_deployment(method, rest)?, Some(name), false))
            }
            ["openai", "v1", rest @ ..] | ["v1", rest @ ..] => {
                let operation =
                    in_resource(method, rest).or_else(|| in_deployment(method, rest))?;
                Some(route(operation, None, true))
            }
            ["openai", rest @ ..] => Some(route(in_resource(method, rest)?, None, false)),
            _ => None,
        }
    }

    /// The path of v1, and Responses anywhere, tell an unknown model by a 400.
    pub(crate) fn names_model_in_body(&self) -> bool {
        self.deployment.is_none()
    }
}

impl Operation {
    /// Azure's own name, as in the text of a 429.
    pub(crate) fn azure_name(&self) -> &'static str {
        match self {
            Self::Chat => "ChatCompletions_Create",
            Self::Completion => "Completions_Create",
            Self::Embedding => "Embeddings_Create",
            Self::Transcription => "Transcriptions_Create",
            Self::Image => "ImageGenerations_Create",
            Self::CreateResponse => "Responses_Create",
            Self::RetrieveResponse(_) => "Responses_Get",
            Self::DeleteResponse(_) => "Responses_Delete",
            Self::InputItems(_) => "Responses_ListInputItems",
            Self::ListModels => "Models_List",
        }
    }
}

fn in_deployment(method: &Method, segments: &[&str]) -> Option<Operation> {
    if method != Method::POST {
        return None;
    }
    match segments {
        ["chat", "completions"] => Some(Operation::Chat),
        ["completions"] => Some(Operation::Completion),
        ["embeddings"] => Some(Operation::Embedding),
        ["audio", "transcriptions" | "translations"] => Some(Operation::Transcription),
        ["images", "generations" | "edits"] => Some(Operation::Image),
        _ => None,
    }
}

fn in_resource(method: &Method, segments: &[&str]) -> Option<Operation> {
    match (method.as_str(), segments) {
        ("POST", ["responses"]) => Some(Operation::CreateResponse),
        ("GET", ["responses", id]) => Some(Operation::RetrieveResponse((*id).to_owned())),
        ("DELETE", ["responses", id]) => Some(Operation::DeleteResponse((*id).to_owned())),
        ("GET", ["responses", id, "input_items"]) => Some(Operation::InputItems((*id).to_owned())),
        ("GET", ["models"]) => Some(Operation::ListModels),
        _ => None,
    }
}

fn api_version(query: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, value)| *name == "api-version" && !value.is_empty())
        .map(|(_, value)| decode(value))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, uri: &str) -> Option<Route> {
        let (path, query) = uri.split_once('?').unzip();
        Route::parse(&method, path.unwrap_or(uri), query)
    }

    #[test]
    fn the_path_names_the_deployment() {
        let route = parse(
            Method::POST,
            "/openai/deployments/gpt-4o%2Amini/chat/completions?x=1&api-version=2024-10-21",
        )
        .unwrap();
        assert_eq!(route.operation, Operation::Chat);
        assert_eq!(route.deployment.as_deref(), Some("gpt-4o*mini"));
        assert_eq!(route.api_version.as_deref(), Some("2024-10-21"));
        assert!(!route.v1);
    }

    #[test]
    fn v1_is_known_under_both_prefixes() {
        for uri in ["/openai/v1/embeddings", "/v1/embeddings"] {
            let route = parse(Method::POST, uri).unwrap();
            assert_eq!((route.operation, route.v1), (Operation::Embedding, true));
        }
    }

    #[test]
    fn responses_are_told_apart_by_method_and_path() {
        for (method, uri, wanted) in [
            (Method::POST, "/openai/responses", Operation::CreateResponse),
            (Method::GET, "/openai/v1/responses/r1", Operation::RetrieveResponse("r1".into())),
            (Method::DELETE, "/openai/responses/r1", Operation::DeleteResponse("r1".into())),
            (Method::GET, "/v1/responses/r1/input_items", Operation::InputItems("r1".into())),
        ] {
            assert_eq!(parse(method, uri).unwrap().operation, wanted);
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        assert_eq!(parse(Method::GET, "/openai/v1/chat/completions"), None);
        assert_eq!(parse(Method::POST, "/openai/chat/completions"), None);
        assert_eq!(parse(Method::GET, "/"), None);
    }
}
