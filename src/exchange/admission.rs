//! Downstream, request: who asks, and what of the request is not for backends.

use std::borrow::Cow;

use super::head::Head;
use super::{Context, Effect, Exchange};
use crate::client_key::bearer;
use crate::config::ClientId;
use crate::cookie::Cookies;
use crate::credential;
use crate::reply::Reply;
use crate::target::Target;

impl Exchange {
    /// The client that asks; nothing where everyone may.
    pub(super) fn client(&self, head: &Head, target: &Target) -> Result<Option<ClientId>, Reply> {
        let Some(keyring) = &self.gateway.keyring else { return Ok(None) };
        let of = |wanted: &'static str| {
            let named = head.credentials.iter().filter(move |(name, _)| *name == wanted);
            named.map(|(_, value)| value.as_slice())
        };
        let keys = of(credential::API_KEY)
            .chain(of(credential::AUTHORIZATION).filter_map(bearer))
            .chain(target.keys.iter().map(Vec::as_slice));
        keyring.client(keys).map(Some).ok_or_else(Reply::unknown_client)
    }

    /// Takes out what is for the gateway and not for a backend: every header that carries a
    /// credential, or a client's key wherever that is written, and the gateway's own cookies. What
    /// the query had of it has left the path already.
    pub(super) fn strip(&self, head: &Head, cookies: &Cookies, cx: &mut Context<'_>) {
        let mut removed: Vec<Cow<'static, str>> = Vec::new();
        let dropped = &self.gateway.config.drop_headers;
        for name in head.not_for_backends(|value| self.is_client_key(value), dropped) {
            if !removed.contains(&name) {
                removed.push(name);
            }
        }
        cx.extend(removed.into_iter().map(Effect::RemoveRequestHeader));
        if head.cookie.is_none() {
            return;
        }
        if dropped.iter().any(|name| name == "cookie") {
            cx.push(Effect::RemoveRequestHeader("cookie".into()));
            return;
        }
        let rest = cookies.without(|name, value| {
            self.gateway.issues_cookie(name)
                || credential::is_parameter(name)
                || self.is_client_key(name)
                || self.is_client_key(value)
        });
        cx.extend(rest.map(|rest| match rest.is_empty() {
            true => Effect::RemoveRequestHeader("cookie".into()),
            false => Effect::SetRequestHeader("cookie", rest),
        }));
    }

    /// Whether a client's key is this, or one of its words: behind a scheme, in a list, in quotes, or
    /// behind the name that OpenAI has for the key of a browser's WebSocket.
    pub(super) fn is_client_key(&self, value: &[u8]) -> bool {
        let Some(keyring) = &self.gateway.keyring else { return false };
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;=\"".contains(byte);
        let is_key = |word: &[u8]| {
            keyring.knows(word)
                || word.strip_prefix(IN_PROTOCOL).is_some_and(|key| keyring.knows(key))
        };
        keyring.knows(value.trim_ascii()) || value.split(ends).any(is_key)
    }

    /// Trailers of a request mean nothing to any operation, and whoever reads them as headers would
    /// read past everything that was judged.
    pub fn on_request_trailers(&self, cx: &mut Context<'_>) {
        cx.push(Effect::DropRequestTrailers);
    }
}

/// How a key begins in `sec-websocket-protocol`.
const IN_PROTOCOL: &[u8] = b"openai-insecure-api-key.";
