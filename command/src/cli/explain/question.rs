//! From the arguments to the question: every name is looked up.

use std::rc::Rc;

use serde_json::json;

use super::Args;
use crate::cli::file;
use crate::explain::{Question, State};
use spillway::config::{BackendId, Config, Id, Problem, Secret, duration, nearest, quoted};
use spillway::exchange::head::Head;
use spillway::gateway::Gateway;
use spillway::target::Target;
use spillway::time::Millis;

/// The gateway, and what it is asked.
pub(super) fn ask(args: &Args, config: Config) -> Result<(Rc<Gateway>, Question), Problem> {
    let mut circuits = Vec::new();
    for text in &args.half_open {
        circuits.push((backend(&config, "--half-open", text)?, State::HalfOpen));
    }
    for text in &args.tripped {
        let (backend, time) = with_time(&config, "--tripped", text)?;
        circuits.push((backend, State::Tripped(time)));
    }
    for text in &args.open {
        let (backend, time) = with_time(&config, "--open", text)?;
        circuits.push((backend, State::Throttled(time)));
    }
    let mut answers = Vec::new();
    for (argument, names, status) in
        [("--failing", &args.failing, 503), ("--throttling", &args.throttling, 429)]
    {
        for text in names {
            answers.push((backend(&config, argument, text)?, status));
        }
    }
    let usual = if answers.is_empty() { 503 } else { 200 };
    let body = match (&args.body, &args.model) {
        (Some(path), _) => file::read_bytes(path).map_err(|error| {
            Problem::new("", format!("cannot read `{}`: {error}", file::name(path)), "")
        })?,
        (None, Some(model)) => json!({ "model": model }).to_string().into_bytes(),
        (None, None) => Vec::new(),
    };
    let mut head = head(args, &config)?;
    let gateway = Gateway::new(config, |name| Some(secret(name))).map_err(|problems| {
        problems.into_iter().next().unwrap_or_else(|| Problem::new("", "", ""))
    })?;
    if let Some(name) = &args.pinned {
        head.cookie = Some(pinned(&gateway, name)?);
    }
    let answer = args.answer.unwrap_or(usual);
    Ok((Rc::new(gateway), Question { head, body, circuits, answers, answer }))
}

fn head(args: &Args, config: &Config) -> Result<Head, Problem> {
    let prefix = &config.path_prefix;
    let path = match (&args.path, &args.model, &args.body) {
        (Some(path), ..) => path.clone(),
        // A slash in a name can only stand in a body.
        (_, Some(model), None) if model.contains('/') => {
            format!("{prefix}/openai/v1/chat/completions")
        }
        (_, Some(model), _) => {
            let name = percent_encoding::utf8_percent_encode(model, SEGMENT);
            format!("{prefix}/openai/deployments/{name}/chat/completions")
        }
        (.., Some(_)) => format!("{prefix}/openai/v1/chat/completions"),
        (None, None, None) => {
            let message = "there is nothing to ask: no `--model`, `--path` or `--body`";
            return Err(Problem::new("", message, "for example `--model gpt-4o`"));
        }
    };
    let path = path.into_bytes();
    let mut head = Head {
        method: method(config, &path).to_vec(),
        path,
        has_body: args.body.is_some() || args.model.is_some(),
        cookie: args.cookie.clone().map(String::into_bytes),
        ..Head::default()
    };
    let mut headers = Vec::new();
    for header in &args.header {
        let Some((name, value)) = header.split_once(':') else {
            let message = format!("{} is not a header", quoted(header));
            return Err(Problem::new("--header", message, "write `name: value`"));
        };
        headers.push((name.trim().to_ascii_lowercase(), value.trim().as_bytes().to_vec()));
    }
    let given = Head::new(headers, head.has_body);
    head = Head {
        method: head.method,
        path: head.path,
        cookie: given.cookie.clone().or(head.cookie),
        ..given
    };
    let target = Target::read(&head.method, &head.path, prefix, &config.allowed_paths);
    if head.credentials.is_empty()
        && target.is_ok_and(|target| target.keys.is_empty())
        && let Some(first) = config.clients.iter().flatten().next()
        && let Secret::Env(name) = &first.key
    {
        head = head.with_key(secret(name).into_bytes());
    }
    Ok(head)
}

/// The method of a request for this path: what SDKs use there.
fn method(config: &Config, path: &[u8]) -> &'static [u8] {
    let known = |method: &&&'static [u8]| {
        Target::read(method, path, &config.path_prefix, &config.allowed_paths).is_ok()
    };
    let methods: [&'static [u8]; 3] = [b"POST", b"GET", b"DELETE"];
    methods.iter().find(known).copied().unwrap_or(b"POST")
}

/// What this variable holds; where it is not set, something that nobody guesses by chance will do.
fn secret(name: &str) -> String {
    let value = std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    value.filter(|value| !value.is_empty()).unwrap_or_else(|| format!("the value of ${{{name}}}"))
}

/// A `Cookie` header that leads to this backend, in every pool that has it and issues cookies.
fn pinned(gateway: &Gateway, name: &str) -> Result<Vec<u8>, Problem> {
    let backend = backend(&gateway.config, "--pinned", name)?;
    let mut values: Vec<(String, String)> = Vec::new();
    // The newest tag counts for requests that name no model: let that be the first model's.
    for (_, route) in gateway.routes().rev() {
        let member = route.model.pool.iter().position(|member| member.backend == backend);
        let (Some(affinity), Some(member)) = (&route.model.affinity, member) else { continue };
        let known = values.iter_mut().find(|(cookie, _)| *cookie == affinity.cookie);
        let before = known.as_ref().map_or("", |(_, value)| value.as_str());
        let Some(value) = route.tags.issue(member, before.as_bytes()) else { continue };
        match known {
            Some((_, known)) => *known = value,
            None => values.push((affinity.cookie.clone(), value)),
        }
    }
    if values.is_empty() {
        let message = format!("no pool with {} has `session_affinity`", quoted(name));
        return Err(Problem::new("--pinned", message, ""));
    }
    let pairs: Vec<String> =
        values.into_iter().map(|(cookie, value)| format!("{cookie}={value}")).collect();
    Ok(pairs.join("; ").into_bytes())
}

fn with_time(
    config: &Config,
    argument: &str,
    text: &str,
) -> Result<(BackendId, Option<Millis>), Problem> {
    let Some((name, time)) = text.split_once('=') else {
        return Ok((backend(config, argument, text)?, None));
    };
    let time = duration::parse(time).map_err(|problem| problem.at(argument))?;
    Ok((backend(config, argument, name)?, Some(time)))
}

fn backend(config: &Config, argument: &str, name: &str) -> Result<BackendId, Problem> {
    let found = Id::each(&config.backends).find(|(_, backend)| backend.name == name);
    found.map(|(id, _)| id).ok_or_else(|| {
        let known = config.backends.iter().map(|backend| backend.name.as_str());
        let hint =
            nearest::nearest(name, known).map(|near| format!("did you mean {}?", quoted(near)));
        let message = format!("{} is not one of `backends`", quoted(name));
        Problem::new(argument, message, hint.unwrap_or_default())
    })
}

/// What must be written otherwise in a part of a path.
const SEGMENT: &percent_encoding::AsciiSet =
    &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'?').add(b'/');
