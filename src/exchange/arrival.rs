//! Gateway seat, request: who asks, for which model, and which backend gets it first. How its body
//! passes is in `upload.rs`.

use super::effect::Note;
use super::event::Head;
use super::{Arrival, Candidates, Eagerness, Effect, Exchange, Held, Sending, World, redirect};
use crate::breaker::Cause;
use crate::client_key::bearer;
use crate::config::{ClientId, ModelId};
use crate::cookie;
use crate::gateway::Route;
use crate::prompt::{Form, Members, NamedModel};
use crate::reply::Reply;
use crate::stream::Api;
use crate::target::Target;
use crate::usage::{self, Ask};

impl Exchange {
    pub(super) fn arrived(&mut self, head: Head, world: &mut World<'_>) -> Vec<Effect> {
        let prefix = &self.gateway.config.path_prefix;
        let Some(target) = Target::read(&head.path, prefix) else {
            let reply = Reply::wrong_path(prefix);
            return self.reply(reply);
        };
        let content_length = head.content_length.as_deref().and_then(length);
        if content_length.is_some_and(|length| length > self.most()) {
            return self.reply(Reply::too_long());
        }
        let mut effects = Vec::new();
        match self.client(&head, &target) {
            Ok(Some(client)) => {
                self.account.client = Some(client);
                let clients = self.gateway.config.clients.as_deref().unwrap_or_default();
                let name = clients.get(client).map(|client| client.name.clone());
                effects.extend(name.map(|name| Effect::Note(Note::Client, name)));
            }
            Ok(None) => {}
            Err(reply) => return self.reply(reply),
        }
        effects.extend(self.strip(&head));
        let deployment = target.deployment();
        let redirects = self.gateway.failover.redirects();
        let url = if redirects { redirect::url(&head, &target, prefix) } else { Vec::new() };
        self.arrival = Some(Arrival {
            target,
            url,
            api: Api::of(&head.path),
            plain: false,
            path: head.path,
            cookie: head.cookie.unwrap_or_default(),
            content_type: None,
            has_body: head.has_body,
            passed: 0,
            content_length,
            named: None,
            ahead: None,
            in_path: None,
            asked: false,
        });
        effects.extend(match deployment {
            Some(name) => match self.named(&name) {
                Ok(model) if self.may_ask(model) => {
                    if let Some(arrival) = &mut self.arrival {
                        arrival.in_path = Some(model);
                    }
                    vec![Effect::AwaitBody]
                }
                Ok(model) => self.choose(model, world),
                Err(reply) => self.reply(reply),
            },
            None if head.has_body => vec![Effect::AskBody],
            None => self.unnamed(world),
        });
        effects.extend(self.await_end().filter(|_| head.has_body));
        effects
    }

    pub(super) fn body_ahead(
        &mut self,
        content_type: Option<Vec<u8>>,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        if Form::of(content_type.as_deref()) == Form::Other {
            let mut effects = self.unnamed(world);
            effects.extend(self.await_end());
            return effects;
        }
        let json = Form::of(content_type.as_deref()) == Form::Json;
        if let Some(arrival) = &mut self.arrival {
            arrival.content_type = content_type;
        }
        vec![if json { self.await_name() } else { Effect::AwaitBody }]
    }

    pub(super) fn body(&mut self, body: &[u8], world: &mut World<'_>) -> Vec<Effect> {
        match self.model_of(body) {
            Ok((model, members)) => {
                let may_stream = usage::may_stream(body);
                if let Some(arrival) = &mut self.arrival {
                    arrival.plain = !may_stream;
                }
                // Most requests want no stream, and do not say so.
                let mut effects = Vec::new();
                if may_stream
                    && self.may_ask(model)
                    && let Some(members) = members.or_else(|| Members::read(body).ok())
                {
                    effects = self.ask(body, &members);
                }
                effects.extend(self.choose(model, world));
                effects
            }
            Err(reply) => self.reply(reply),
        }
    }

    /// The model that a request whose body is there is for, and the body's members where it was
    /// read for that.
    fn model_of<'a>(&mut self, body: &'a [u8]) -> Result<(ModelId, Option<Members<'a>>), Reply> {
        let Some(arrival) = &mut self.arrival else { return Ok((self.unnamed_model()?, None)) };
        if let Some(model) = arrival.in_path {
            return Ok((model, None));
        }
        let (named, members) = NamedModel::find(body, arrival.content_type.as_deref())
            .map_err(|why| Reply::bad_body(&why))?;
        let name = named.as_ref().map(|named| named.name.clone());
        arrival.named = named;
        let model = name.map_or_else(|| self.unnamed_model(), |name| self.named(&name))?;
        Ok((model, members))
    }

    /// Whether a request for this model may be made to ask for its usage, should it want a stream.
    pub(super) fn may_ask(&self, model: ModelId) -> bool {
        let includes = self.gateway.route(model).is_some_and(|route| route.model.usage_in_streams);
        let takes = |arrival: &Arrival| {
            arrival.has_body
                && arrival.api == Some(Api::Completions)
                && usage::understands(arrival.target.api_version())
        };
        includes && self.arrival.as_ref().is_some_and(takes)
    }

    /// Makes a request for a stream ask for its usage. The router keeps what is sent for every
    /// attempt, so this is done once.
    fn ask(&mut self, body: &[u8], members: &Members<'_>) -> Vec<Effect> {
        let ask = Ask::of(body, members);
        let (Some(ask), Some(arrival)) = (ask, &mut self.arrival) else { return Vec::new() };
        arrival.asked = true;
        let moved = |at: usize| {
            let length = at.saturating_sub(ask.place.len());
            length.saturating_add(ask.with.len())
        };
        if let Some(named) = &mut arrival.named
            && named.place.start >= ask.place.end
        {
            named.place = moved(named.place.start)..moved(named.place.end);
        }
        let length = arrival.content_length.as_mut().map(|length| {
            *length = moved(*length);
            Effect::SetRequestHeader("content-length", length.to_string().into_bytes())
        });
        let replace = Effect::ReplaceBody { place: ask.place, with: ask.with.into() };
        [replace].into_iter().chain(length).collect()
    }

    /// The client that asks; nothing where everyone may.
    fn client(&self, head: &Head, target: &Target) -> Result<Option<ClientId>, Reply> {
        let Some(keyring) = &self.gateway.keyring else { return Ok(None) };
        let token = head.authorization.as_deref().and_then(bearer);
        let keys = [head.api_key.as_deref(), token, target.key.as_deref()];
        let client = keyring.client(keys.into_iter().flatten());
        client.map(Some).ok_or_else(Reply::unknown_client)
    }

    /// Takes out what is for the gateway and not for a backend. A key in the query has left the
    /// path already.
    fn strip(&self, head: &Head) -> Vec<Effect> {
        let mut effects = Vec::new();
        if head.api_key.is_some() {
            effects.push(Effect::RemoveRequestHeader("api-key"));
        }
        if head.authorization.is_some() {
            effects.push(Effect::RemoveRequestHeader("authorization"));
        }
        let Some(header) = &head.cookie else { return effects };
        let ours = self.gateway.cookies();
        if ours.iter().any(|name| cookie::value(header, name).is_some()) {
            effects.push(match cookie::without(header, &ours) {
                Some(rest) => Effect::SetRequestHeader("cookie", rest),
                None => Effect::RemoveRequestHeader("cookie"),
            });
        }
        effects
    }

    pub(super) fn named(&self, name: &str) -> Result<ModelId, Reply> {
        let format = self.gateway.config.error_format;
        self.gateway.model(name).ok_or_else(|| {
            if self.gateway.denies(name) {
                Reply::denied_model(name, format)
            } else {
                Reply::unknown_model(name, format)
            }
        })
    }

    /// A request that names no model goes where its cookie leads, or to the default model's pool:
    /// `GET /openai/responses/{id}` must find the backend that made the response.
    fn unnamed(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        match self.unnamed_model() {
            Ok(model) => self.choose(model, world),
            Err(reply) => self.reply(reply),
        }
    }

    fn unnamed_model(&self) -> Result<ModelId, Reply> {
        let cookie = self.arrival.as_ref().map_or(&[][..], |arrival| &arrival.cookie);
        let model = self.gateway.model_of_cookie(cookie).or(self.gateway.config.default_model);
        model.ok_or_else(|| Reply::no_model(self.gateway.config.error_format))
    }

    pub(super) fn choose(&mut self, id: ModelId, world: &mut World<'_>) -> Vec<Effect> {
        self.wanted = Some(id);
        let gateway = self.gateway.clone();
        let Some(route) = gateway.route(id) else { return Vec::new() };
        let mut effects = vec![Effect::Note(Note::Model, route.model.name.clone())];
        let cookie = self.arrival.as_ref().map_or(&[][..], |arrival| &arrival.cookie);
        let pin = route.pinned(cookie);
        let required = route.model.affinity.as_ref().is_some_and(|affinity| affinity.required);
        let may = |member| !required || pin.is_none_or(|pin| pin == member);
        let pinned = pin.and_then(|pin| world.claim_of(&route, |world| world.may_be(&route, pin)));
        let chosen = pinned.or_else(|| world.choose(id, &route, may));
        let Some((first, probe)) = chosen else {
            effects.extend(self.refuse(&route, pin.filter(|_| required), world));
            return effects;
        };
        world.take(id, &route, first, |_| true);
        if let Some(local) = world.pools.get_mut(id) {
            local.budget.begin();
        }
        let most = route.model.retry.attempts.map_or(usize::MAX, |attempts| attempts as usize);
        let bound = required && pin.is_some();
        let candidates = if bound {
            Candidates::Only(first)
        } else {
            // Its probe may be out now, and so it may not be chosen any more.
            Candidates::AllBut(world.shut(&route).filter(|member| *member != first).collect())
        };
        let allowed = candidates.count(route.model.pool.len()).min(most).max(1);
        let second = || world.peek(id, &route, Eagerness::AsLastResort, |member| member != first);
        let second = (allowed > 1).then(second).flatten();
        let arrived = self.arrival.as_ref();
        let held = Held {
            path: arrived.map(|arrival| arrival.path.clone()),
            content_length: arrived.and_then(|arrival| arrival.content_length),
            credential: None,
        };
        self.sending = Some(Sending {
            model: id,
            pin: pin.filter(|pin| *pin == first),
            next: Some(first),
            second,
            probes: probe.then_some(first).into_iter().collect(),
            failed: false,
            allowed,
            candidates,
            held,
            sent: 0,
            kept: Vec::new(),
        });
        effects.extend(self.limit_times(&route));
        effects.extend(self.in_clear());
        let backend = route.model.pool.get(first).and_then(|member| gateway.backend(member));
        effects.extend(backend.map(|backend| Effect::SendTo {
            backend: backend.name.clone(),
            retries: self.retries(allowed),
        }));
        effects
    }

    /// What is compressed cannot be read while it passes, so an answer that reports tokens is asked
    /// for as it is.
    fn in_clear(&self) -> Option<Effect> {
        let reports = self.arrival.as_ref().is_some_and(Arrival::reports);
        reports.then(|| Effect::SetRequestHeader("accept-encoding", b"identity".to_vec()))
    }

    /// Nobody may be chosen: not the backend that holds the client's state, or none at all.
    fn refuse(
        &mut self,
        route: &Route<'_>,
        bound_to: Option<usize>,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let (name, now) = (&route.model.name, world.moment());
        let members = bound_to.map_or(0..route.model.pool.len(), |member| member..member + 1);
        let soonest = world.soonest(route, members);
        let (until, cause) = soonest.unwrap_or((world.now(), Cause::Failed));
        self.reply(match bound_to {
            Some(_) => Reply::pinned_backend_down(name, until, now),
            None => Reply::exhausted(name, until, cause, now, self.gateway.config.when_exhausted),
        })
    }
}

impl Arrival {
    /// Whether the answer to it reports its tokens: it makes a model work, and is not about an
    /// answer that was given before.
    pub(super) fn reports(&self) -> bool {
        let embeds = || {
            let path = self.path.split(|byte| *byte == b'?').next().unwrap_or_default();
            path.strip_suffix(b"/").unwrap_or(path).ends_with(b"/embeddings")
        };
        self.has_body && (self.api.is_some() || embeds())
    }
}

fn length(header: &[u8]) -> Option<usize> {
    std::str::from_utf8(header).ok()?.trim().parse().ok()
}
