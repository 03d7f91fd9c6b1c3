//! Downstream, request: who asks, and for which model. How its body passes is in `upload.rs`, what
//! is taken out of it in `admission.rs`, and which backend gets it first is decided in `choice.rs`.

use super::blame::body_mark;
use super::effect::LogField;
use super::flow::RequestFlow;
use super::head::{Head, IMAGE_DEPLOYMENT};
use super::{Context, Effect, Exchange, RequestInfo, redirect};
use crate::config::ModelId;
use crate::cookie::Cookies;
use crate::operation::Body;
use crate::prompt::{self, MediaType, Properties, Reading};
use crate::reply::Reply;
use crate::stream::Api;
use crate::target::Target;
use crate::usage::{self, Ask};

impl Exchange {
    /// The head of a request has arrived.
    pub fn on_request_headers(&mut self, head: Head, cx: &mut Context<'_>) -> RequestFlow {
        self.telemetry.arrived = cx.now();
        self.telemetry.own.start(cx.moment());
        let flow = match self.admit(head, cx) {
            Ok(()) => self.first_step(cx),
            Err(reply) => self.reply(reply),
        };
        self.waits(flow, cx)
    }

    /// While a request is held for its client, the gateway takes no time of its own.
    pub(super) fn waits(&mut self, flow: RequestFlow, cx: &Context<'_>) -> RequestFlow {
        if !matches!(flow, RequestFlow::Continue | RequestFlow::Reply(_)) {
            self.telemetry.own.stop(cx.moment());
        }
        flow
    }

    /// Reads the head, recognises the client and takes out what is not for backends.
    fn admit(&mut self, head: Head, cx: &mut Context<'_>) -> Result<(), Reply> {
        let config = &self.gateway.config;
        let prefix = &config.path_prefix;
        let mut target = Target::read(&head.method, &head.path, prefix, &config.allowed_paths)
            .map_err(|why| Reply::no_operation(why, prefix))?;
        let length = head.length();
        if length.is_some_and(|length| length > config.max_request_body) {
            return Err(Reply::too_long());
        }
        let client = self.client(&head, &target)?;
        let image = self.image_model(&head)?;
        let form = if head.has_body { self.form(&head, &target)? } else { MediaType::Json };
        let cookies = head.cookie.clone().map(Cookies::read).unwrap_or_default();
        self.strip(&head, &cookies, cx);
        if self.gateway.keyring.is_some() {
            target.forget(|value| self.is_client_key(value));
        }

        self.telemetry.client = client;
        let clients = self.gateway.config.clients.as_deref().unwrap_or_default();
        let name = client.and_then(|client| Some(client.of(clients)?.name.clone()));
        cx.extend(name.map(|name| Effect::Log(LogField::Client, name)));
        cx.push(Effect::Log(LogField::Operation, target.operation.word().to_owned()));
        let redirects = self.gateway.failover.redirects();
        let url = if redirects { redirect::url(&head, &target, prefix) } else { Vec::new() };
        self.info = Some(RequestInfo {
            url,
            api: Api::of(target.path()),
            target,
            plain: false,
            path: head.path,
            cookies,
            form,
            image,
            names_others: false,
            has_body: head.has_body,
            passed: 0,
            // A length that the VM cannot count was refused: the longest body is a gigabyte.
            content_length: length.and_then(|length| usize::try_from(length).ok()),
            named: None,
            ahead: None,
            named_outside: None,
            asked: false,
            added: None,
            body_mark: 0,
        });
        Ok(())
    }

    /// What follows from the head: a backend is chosen, or the body is awaited.
    fn first_step(&mut self, cx: &mut Context<'_>) -> RequestFlow {
        let Some(info) = &self.info else { return RequestFlow::Continue };
        let (has_body, named) = (info.has_body, info.target.model().map(str::to_owned));
        let flow = match named {
            Some(name) => match self.named(&name) {
                Ok(model) if self.reads_body(model) => {
                    if let Some(info) = &mut self.info {
                        info.named_outside = Some(model);
                    }
                    RequestFlow::AwaitBody
                }
                Ok(model) => self.choose(model, cx),
                Err(reply) => self.reply(reply),
            },
            None if has_body => self.await_name(),
            None => self.unnamed(cx),
        };
        if has_body && self.refused.is_none() {
            let within = self.gateway.config.timeouts.request_body;
            cx.push(Effect::ReceiveBodyWithin(within));
        }
        match flow {
            RequestFlow::Continue if has_body && self.awaits_end() => RequestFlow::AwaitEnd,
            flow => flow,
        }
    }

    /// Whether the body is read of a request whose path or query names the model: because it may have
    /// to be changed; because it must not name a denied model, for a server that prefers the body; or
    /// because the query alone is not where this operation names its model.
    fn reads_body(&self, model: ModelId) -> bool {
        let Some(info) = &self.info else { return false };
        info.has_body
            && (self.gateway.denies_models() || !info.target.is_in_path() || self.may_ask(model))
    }

    /// How the body is written, where the operation takes it so.
    fn form(&self, head: &Head, target: &Target) -> Result<MediaType, Reply> {
        let (kind, encoding) = (head.content_type.as_deref(), head.content_encoding.as_deref());
        let form = match MediaType::of(kind, encoding) {
            Ok(form) => form,
            // What is not read passes as it is: the path has named the model.
            Err(_) if target.is_in_path() && !self.gateway.denies_models() => {
                return Ok(MediaType::Json);
            }
            Err(why) => return Err(Reply::refused_body(&why)),
        };
        if matches!(form, MediaType::FormData(_)) && target.operation.body == Body::Json {
            let why = "the request body must be a JSON object, and its content type says a form";
            return Err(Reply::bad_body(why));
        }
        Ok(form)
    }

    /// The model that draws a response's images, where a header names one.
    fn image_model(&self, head: &Head) -> Result<Option<ModelId>, Reply> {
        let Some(name) = head.other(IMAGE_DEPLOYMENT) else { return Ok(None) };
        self.named(&String::from_utf8_lossy(name)).map(Some)
    }

    /// The whole body of a request is there, after [`RequestFlow::AwaitBody`] or, where it is shorter
    /// than that, [`RequestFlow::AwaitBeginning`].
    pub fn on_request_body(&mut self, body: &[u8], cx: &mut Context<'_>) -> RequestFlow {
        self.telemetry.own.start(cx.moment());
        match self.model_of(body) {
            Ok((model, properties)) => {
                let may_stream = usage::may_stream(body);
                if let Some(info) = &mut self.info {
                    info.plain = !may_stream;
                    info.body_mark = body_mark(body);
                }
                // Most requests want no stream, and do not say so.
                if may_stream
                    && self.may_ask(model)
                    && let Some(properties) = properties.or_else(|| Properties::read(body).ok())
                {
                    self.ask(body, &properties, cx);
                }
                self.choose(model, cx)
            }
            Err(reply) => self.reply(reply),
        }
    }

    /// The model that a request whose body is there is for, and the body's properties where it was
    /// read for that.
    fn model_of<'a>(&mut self, body: &'a [u8]) -> Result<(ModelId, Option<Properties<'a>>), Reply> {
        let Some(info) = &mut self.info else { return Ok((self.unnamed_model()?, None)) };
        let outside = info.named_outside;
        let denies = self.gateway.denies_models();
        if let Some(model) = outside
            && info.target.is_in_path()
            && !denies
        {
            return Ok((model, None));
        }
        let operation = info.target.operation;
        if operation.body == Body::Any
            && !matches!(info.form, MediaType::FormData(_))
            && !prompt::may_be_json(body)
        {
            if prompt::names_model(body, operation.places) {
                return Err(Reply::bad_body("a form must be sent as multipart/form-data"));
            }
            return Ok((outside.map_or_else(|| self.unnamed_model(), Ok)?, None));
        }
        let Reading { named, others, properties } =
            prompt::read(body, &info.form, operation.places)
                .map_err(|why| Reply::refused_body(&why))?;
        for name in &others {
            self.named(name)?;
        }
        if let Some(info) = &mut self.info {
            info.names_others = !others.is_empty();
        }
        let Some(outside) = outside else {
            let name = named.as_ref().map(|named| named.name.clone());
            if let Some(info) = &mut self.info {
                info.named = named;
            }
            return Ok((
                name.map_or_else(|| self.unnamed_model(), |name| self.named(&name))?,
                properties,
            ));
        };
        if let Some(named) = named {
            self.agrees(&named.name, outside)?;
        }
        Ok((outside, properties))
    }

    /// Whether the body may name this model although path or query have named one. A deployment in
    /// the path is what every server goes by; SDKs write any name beside it, and only a denied one is
    /// refused. A query is not.
    fn agrees(&self, name: &str, outside: ModelId) -> Result<(), Reply> {
        let in_path = self.info.as_ref().is_some_and(|info| info.target.is_in_path());
        if in_path {
            let format = self.gateway.config.error_format;
            let denied = || Err(Reply::denied_model(name, format));
            return if self.gateway.may_mean_denied(name) { denied() } else { Ok(()) };
        }
        if self.named(name)? == outside {
            return Ok(());
        }
        Err(Reply::bad_body("the query and the request body name different models"))
    }

    /// Whether a request for this model may be made to ask for its usage, should it want a stream.
    pub(super) fn may_ask(&self, model: ModelId) -> bool {
        let includes = self.gateway.route(model).is_some_and(|route| route.model.usage_in_streams);
        let takes = |info: &RequestInfo| {
            info.has_body
                && info.api == Some(Api::Completions)
                && usage::understands(info.target.api_version())
        };
        includes && self.info.as_ref().is_some_and(takes)
    }

    /// Makes a request for a stream ask for its usage. The router keeps what is sent for every
    /// attempt, so this is done once.
    fn ask(&mut self, body: &[u8], properties: &Properties<'_>, cx: &mut Context<'_>) {
        let ask = Ask::of(body, properties);
        let (Some(ask), Some(info)) = (ask, &mut self.info) else { return };
        info.asked = true;
        info.added = ask.adds_field().then(|| ask.place.start..ask.place.start + ask.with.len());
        let moved = |at: usize| {
            let length = at.saturating_sub(ask.place.len());
            length.saturating_add(ask.with.len())
        };
        if let Some(named) = &mut info.named
            && named.place.start >= ask.place.end
        {
            named.place = moved(named.place.start)..moved(named.place.end);
        }
        let length = info.content_length.as_mut().map(|length| {
            *length = moved(*length);
            Effect::SetRequestHeader("content-length", length.to_string().into_bytes())
        });
        cx.push(Effect::ReplaceBody { place: ask.place, with: ask.with.into() });
        cx.extend(length);
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
    fn unnamed(&mut self, cx: &mut Context<'_>) -> RequestFlow {
        match self.unnamed_model() {
            Ok(model) => self.choose(model, cx),
            Err(reply) => self.reply(reply),
        }
    }

    fn unnamed_model(&self) -> Result<ModelId, Reply> {
        let cookies = self.info.as_ref().map(|info| &info.cookies);
        let led = cookies.and_then(|cookies| self.gateway.model_of_cookie(cookies));
        let model = led.or(self.gateway.config.default_model);
        model.ok_or_else(|| Reply::no_model(self.gateway.config.error_format))
    }
}

impl RequestInfo {
    /// Whether the answer to it reports its tokens: it makes a model work, and is not about an
    /// answer that was given before.
    pub(super) fn reports(&self) -> bool {
        let embeds = || self.target.path().ends_with(b"/embeddings");
        self.has_body && (self.api.is_some() || embeds())
    }
}
