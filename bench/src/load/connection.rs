//! A client's connection, kept open from request to request.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, SET_COOKIE};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::{Seen, check};
use super::{Chunks, Shot, Wants};
use crate::clock;

/// A connection, opened when it is needed.
pub(super) struct Connection {
    to: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(super) const fn new(to: SocketAddr) -> Self {
        Self { to, sender: None }
    }

    /// Sends one request and checks its answer. A connection that the gateway has closed is opened
    /// again: that is allowed after any answer, and costs the gateway what it costs.
    pub(super) async fn fire(&mut self, shot: &Shot, chunks: &mut Chunks) -> anyhow::Result<()> {
        let fired = self.try_fire(shot, chunks).await;
        if fired.is_err() {
            self.sender = None;
        }
        fired
    }

    /// The cookie that comes with an answer, as a client would bring it.
    pub(super) async fn cookie(&mut self, shot: &Shot) -> anyhow::Result<Option<HeaderValue>> {
        let answer = self.ask(shot).await?;
        let Some(set) = answer.headers().get(SET_COOKIE).cloned() else { return Ok(None) };
        let pair = set.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        Ok(Some(HeaderValue::from_bytes(pair)?))
    }

    async fn try_fire(&mut self, shot: &Shot, chunks: &mut Chunks) -> anyhow::Result<()> {
        let mut answer = self.ask(shot).await?;
        let status = answer.status();
        match shot.wants {
            Wants::Stream { usage } if status == 200 => {
                let mut seen = Seen::default();
                while let Some(frame) = answer.body_mut().frame().await {
                    if let Ok(data) = frame.context("a stream that broke off")?.into_data() {
                        seen.read(&data, clock::now(), chunks);
                    }
                }
                seen.check(usage)
            }
            _ => {
                let body = answer.into_body().collect().await.context("reading")?.to_bytes();
                check(status, &body)
            }
        }
    }

    async fn ask(&mut self, shot: &Shot) -> anyhow::Result<Response<Incoming>> {
        let request = self.request(shot)?;
        let ready = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !ready {
            let stream = TcpStream::connect(self.to).await.context("connecting")?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::task::spawn_local(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut().context("a connection")?;
        sender.send_request(request).await.context("sending")
    }

    fn request(&self, shot: &Shot) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(shot.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = shot.path.parse().context("the path")?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.to.to_string())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(shot.headers.iter().cloned());
        Ok(request)
    }
}
