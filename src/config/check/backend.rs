//! Reads one of `backends`.

use super::{Ids, resolve};
use crate::config::read::{Fields, Node, Reader};
use crate::config::{
    Backend, Credential, CredentialHeader, DeploymentNames, Model, name, secret, url,
};
use crate::time::Millis;

/// The backend, and what models are called there. `connect`: the file's time-out for connections.
pub(super) fn read(
    name: &str,
    node: &Node<'_>,
    models: &Ids<'_, Model>,
    connect: Millis,
    reader: &mut Reader,
) -> Option<(Backend, DeploymentNames)> {
    node.accept(reader, name::backend(name));
    let fields = node.fields(reader)?;
    let deployments = read_deployments(&fields, models, reader);
    let credential = read_credential(&fields, node, reader);
    let connect_timeout = fields.get("connect_timeout");
    let connect_timeout = connect_timeout.and_then(|node| node.duration(reader)).unwrap_or(connect);
    let idle_timeout = fields.get("idle_timeout").and_then(|node| node.duration(reader));
    let idle_timeout = idle_timeout.unwrap_or(Backend::IDLE_TIMEOUT);
    let ca_file = fields.get("ca_file");
    let ca_path = ca_file.as_ref().and_then(|node| {
        node.parsed(reader, |text| secret::absolute(text).map(|()| text.to_owned()))
    });
    let url = fields.require(reader, "url").and_then(|node| node.parsed(reader, url::parse));
    if let (Some(ca_file), Some(url)) = (ca_file, url.as_ref())
        && !url.tls
    {
        let message = "a CA file is for `https`, but `url` is `http`";
        reader.say(&ca_file.path, message, "make `url` an `https` URL, or remove `ca_file`");
    }
    let backend = Backend {
        name: name.to_owned(),
        url: url?,
        credential,
        connect_timeout,
        idle_timeout,
        ca_file: ca_path,
    };
    Some((backend, deployments))
}

fn read_credential(
    fields: &Fields<'_>,
    backend: &Node<'_>,
    reader: &mut Reader,
) -> Option<Credential> {
    let mut read = |field, header| {
        let node = fields.get(field)?;
        Some(secret::read(&node, reader).map(|secret| Credential { secret, header }))
    };
    let api_key = read("api_key", CredentialHeader::ApiKey);
    let bearer = read("bearer_token", CredentialHeader::Bearer);
    if api_key.is_some() && bearer.is_some() {
        let message = "both `api_key` and `bearer_token` are given";
        let hint = "keep `api_key` for Azure OpenAI, `bearer_token` for other servers";
        reader.say(&backend.path, message, hint);
    }
    api_key.or(bearer).flatten()
}

fn read_deployments(
    fields: &Fields<'_>,
    models: &Ids<'_, Model>,
    reader: &mut Reader,
) -> DeploymentNames {
    let mut deployments = DeploymentNames::new();
    let entries = fields.get("deployments").and_then(|node| node.entries(reader));
    for (model, node) in entries.unwrap_or_default() {
        resolve(model, models, "models", &node.path, reader);
        let text = node.parsed(reader, |text| name::model(text).map(|()| text.to_owned()));
        deployments.extend(text.map(|text| (model.to_owned(), text)));
    }
    deployments
}
