//! A client's connection, kept open from request to request.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;

use super::{Shot, Wants};
use crate::backend::{CHUNKS, MARK, SENT};
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
    pub(super) async fn fire(
        &mut self,
        shot: &Shot,
        chunks: &mut Histogram<u64>,
    ) -> anyhow::Result<()> {
        let fired = self.try_fire(shot, chunks).await;
        if fired.is_err() {
            self.sender = None;
        }
        fired
    }

    async fn try_fire(&mut self, shot: &Shot, chunks: &mut Histogram<u64>) -> anyhow::Result<()> {
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
        let mut answer = sender.send_request(request).await.context("sending")?;
        let status = answer.status();
        match shot.wants {
            Wants::Stream { usage } if status == 200 => {
                let mut seen = Seen::default();
                while let Some(frame) = answer.body_mut().frame().await {
                    if let Ok(data) = frame.context("a stream that broke off")?.into_data() {
                        seen.read(&data, chunks);
                    }
                }
                seen.check(usage)
            }
            _ => {
                let body = answer.into_body().collect().await.context("reading")?.to_bytes();
                let text =
                    || String::from_utf8_lossy(body.get(..300).unwrap_or(&body)).into_owned();
                ensure!(status == 200, "status {status}: {}", text());
                ensure!(
                    memmem::find(&body, MARK.as_bytes()).is_some(),
                    "another answer: {}",
                    text()
                );
                Ok(())
            }
        }
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

/// What a stream has brought so far. Chunks are told by what a gateway leaves as it is, their
/// content; one that is cut between two reads is counted with the second.
#[derive(Default)]
struct Seen {
    rest: Vec<u8>,
    chunks: usize,
    usage: bool,
    done: bool,
}

impl Seen {
    fn read(&mut self, data: &[u8], chunks: &mut Histogram<u64>) {
        let now = clock::now().as_nanos();
        self.rest.extend_from_slice(data);
        let whole = memmem::rfind(&self.rest, b"\n\n").map_or(0, |end| end + 2);
        let events: Vec<u8> = self.rest.drain(..whole).collect();
        for place in memmem::find_iter(&events, SENT) {
            let digits = events.get(place + SENT.len()..).unwrap_or_default();
            let digits = digits.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
            let sent = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            let delay = now.saturating_sub(sent.unwrap_or(now));
            chunks.saturating_record(u64::try_from(delay).unwrap_or(u64::MAX));
            self.chunks += 1;
        }
        self.usage |= memmem::find(&events, b"\"total_tokens\"").is_some();
        self.done |= memmem::find(&events, b"data: [DONE]").is_some();
    }

    fn check(&self, usage: bool) -> anyhow::Result<()> {
        ensure!(self.chunks == CHUNKS, "{} of {CHUNKS} chunks", self.chunks);
        ensure!(self.done, "a stream without its end");
        if self.usage != usage {
            bail!(
                "the chunk with the usage {}",
                if usage { "is missing" } else { "was not asked for" }
            );
        }
        Ok(())
    }
}
