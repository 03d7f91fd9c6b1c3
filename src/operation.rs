//! What a request asks a backend to do: the operations that the gateway knows.
//!
//! A backend serves what *it* reads in a request, so the gateway only passes on what it reads in the
//! same way. The operations of Azure OpenAI, OpenAI, Azure AI inference and Anthropic on Foundry are
//! one table ([`table`]): the form of the path, the methods, where the model is named, and whether
//! it may be sent again when it is not known whether a backend has done it. A path that is not in
//! the table is refused, unless the configuration opens it (`paths.allow`).

pub mod method;
mod table;

use std::borrow::Cow;

pub use method::{Method, Methods};
pub use table::{FAMILIES, Family};

use crate::prompt::Places;

/// One operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its path below the family's root, in lower case. `{model}` is a segment that names the model,
    /// and `{id}` any other.
    pub path: &'static [&'static str],
    /// The methods that it has.
    pub methods: Methods,
    /// Where its body names models.
    pub places: &'static Places,
    /// Whether the query names the model too (`model` or `deployment`).
    pub in_query: bool,
    /// Whether it may be done twice: a chat costs tokens, a second fine-tuning job costs a job.
    pub repeats: bool,
    /// What its body may be.
    pub body: Body,
}

impl Operation {
    /// What it is about, in one word: `chat`, `completions`, `embeddings`, `responses`, `images` and so
    /// on. `other`: its path is one that the configuration opens.
    pub fn word(&self) -> &'static str {
        match self.path {
            ["extensions", "chat", ..] => "chat",
            [.., "embeddings"] => "embeddings",
            [first, ..] => first,
            [] => "other",
        }
    }
}

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A JSON object, whatever its content type says.
    Json,
    /// A form (`multipart/form-data`) or a JSON object.
    Form,
    /// Anything. What may be JSON is read as JSON, and what says that it is a form as one.
    Any,
}

/// What a path was found to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// This operation. `model`: the position of the segment that names the model. The path's
    /// segments that the table knows are written as there.
    Operation {
        /// The operation.
        operation: &'static Operation,
        /// Which segment names the model.
        model: Option<usize>,
    },
    /// The path is known, and not with this method; it has these.
    OtherMethods(Methods),
    /// The table does not have it.
    Unknown,
}

/// More than one segment of a path names a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeveralModels;

/// Looks up an operation. The segments that the table knows are changed to how it writes them:
/// servers differ in whether case matters, and one that ignores it must not read another operation.
pub fn find(segments: &mut [Cow<'_, str>], method: Method) -> Found {
    let mut others = Methods::NONE;
    for family in FAMILIES {
        let Some((root, rest)) = segments.split_at_mut_checked(family.root.len()) else { continue };
        if !fits(root, family.root) {
            continue;
        }
        for operation in family.operations.iter().copied().flatten() {
            if operation.path.len() != rest.len() || !fits(rest, operation.path) {
                continue;
            }
            if !operation.methods.has(method) {
                others = others.and(operation.methods);
                continue;
            }
            write(root, family.root);
            write(rest, operation.path);
            let model = position(family.root)
                .or_else(|| Some(family.root.len().saturating_add(position(operation.path)?)));
            return Found::Operation { operation, model };
        }
    }
    if others == Methods::NONE { Found::Unknown } else { Found::OtherMethods(others) }
}

/// The segment that names a model in a path that the table does not have: what follows `deployments`,
/// `engines` or `models`, in whatever case.
///
/// # Errors
/// More than one segment does.
pub fn model_in(segments: &[Cow<'_, str>]) -> Result<Option<usize>, SeveralModels> {
    let names = |word: &str| NAMING.iter().any(|known| known.eq_ignore_ascii_case(word));
    let mut found = segments
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| matches!(pair, [before, _] if names(before)));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(SeveralModels),
        (first, _) => Ok(first.map(|(at, _)| at.saturating_add(1))),
    }
}

fn fits(segments: &[Cow<'_, str>], pattern: &[&str]) -> bool {
    segments.iter().zip(pattern).all(|(segment, known)| match *known {
        MODEL | ID => true,
        known => segment.eq_ignore_ascii_case(known),
    })
}

fn write(segments: &mut [Cow<'_, str>], pattern: &'static [&'static str]) {
    for (segment, known) in segments.iter_mut().zip(pattern) {
        if !matches!(*known, MODEL | ID) && **segment != **known {
            *segment = Cow::Borrowed(known);
        }
    }
}

fn position(pattern: &[&str]) -> Option<usize> {
    pattern.iter().position(|known| *known == MODEL)
}

/// What a path is that the configuration lets through: nothing is known of it, so everything is
/// looked for.
pub static ALLOWED: Operation = Operation {
    path: &[],
    methods: Methods::ALL,
    places: &Places {
        model: "model",
        others: &[
            "deployment",
            "deployment_name",
            "engine",
            "tools[].model",
            "session.model",
            "data_source.model",
        ],
    },
    in_query: true,
    repeats: true,
    body: Body::Any,
};

const MODEL: &str = "{model}";
const ID: &str = "{id}";

/// Segments after which a model's name comes.
const NAMING: [&str; 4] = ["deployments", "engines", "models", "model"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn found(path: &str, method: Method) -> (String, Option<String>, Found) {
        let mut segments: Vec<Cow<'_, str>> = path.split('/').map(Cow::from).collect();
        let found = find(&mut segments, method);
        let model = match &found {
            Found::Operation { model: Some(at), .. } => Some(segments[*at].to_string()),
            _ => None,
        };
        (segments.join("/"), model, found)
    }

    #[test]
    fn a_known_path_is_written_as_the_table_does() {
        let (path, model, _) = found("OpenAI/Deployments/GPT-4o/Chat/completions", Method::Post);
        assert_eq!(path, "openai/deployments/GPT-4o/chat/completions");
        assert_eq!(model.as_deref(), Some("GPT-4o"));

        let (path, model, found) = found("V1/responses/Resp_1/Input_items", Method::Get);
        assert_eq!((path.as_str(), model), ("v1/responses/Resp_1/input_items", None));
        assert!(matches!(found, Found::Operation { .. }));
    }

    #[test]
    fn an_operation_has_one_word() {
        for (path, word) in [
            ("openai/deployments/a/chat/completions", "chat"),
            ("openai/deployments/a/extensions/chat/completions", "chat"),
            ("openai/deployments/a/completions", "completions"),
            ("models/images/embeddings", "embeddings"),
            ("v1/responses", "responses"),
            ("v1/images/generations", "images"),
            ("anthropic/v1/messages", "messages"),
        ] {
            let (.., found) = found(path, Method::Post);
            let Found::Operation { operation, .. } = found else { panic!("{path}: {found:?}") };
            assert_eq!(operation.word(), word, "{path}");
        }
        assert_eq!(ALLOWED.word(), "other");
    }

    #[test]
    fn a_known_path_has_its_methods() {
        let (.., found) = found("openai/deployments/a/chat/completions", Method::Get);
        let Found::OtherMethods(methods) = found else { panic!("{found:?}") };
        assert_eq!(methods.to_string(), "POST");
    }

    #[test]
    fn anything_else_is_unknown() {
        for path in
            ["", "foo", "openai", "openai/deployments/a", "v1", "openai/v1/chat", "v2/models"]
        {
            assert_eq!(found(path, Method::Get).2, Found::Unknown, "{path}");
        }
    }

    #[test]
    fn a_model_is_seen_in_paths_that_are_not_in_the_table() {
        let seen = |path: &str| {
            let segments: Vec<Cow<'_, str>> = path.split('/').map(Cow::from).collect();
            model_in(&segments).map(|at| at.map(|at| segments[at].to_string()))
        };
        assert_eq!(seen("openai/Deployments/o1/new"), Ok(Some("o1".into())));
        assert_eq!(seen("v1/engines/o1/completions"), Ok(Some("o1".into())));
        assert_eq!(seen("v1/new"), Ok(None));
        assert_eq!(seen("openai/deployments/a/deployments/b"), Err(SeveralModels));
    }

    #[test]
    fn no_two_operations_of_a_family_answer_the_same_request() {
        for family in FAMILIES {
            let all: Vec<&Operation> = family.operations.iter().copied().flatten().collect();
            for (number, one) in all.iter().enumerate() {
                for other in &all[number + 1..] {
                    let same = one.path == other.path && one.methods.meets(other.methods);
                    assert!(!same, "{:?}", one.path);
                }
            }
        }
    }
}
