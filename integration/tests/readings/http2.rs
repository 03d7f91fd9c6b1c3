//! A request over HTTP/2 with what the usual clients do not send: trailers, and any bytes in its path.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Uri;
use hyper::body::{Body, Frame};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::request::Request;

/// Sends it and reads the answer: its status and its body.
pub(crate) async fn send(to: SocketAddr, request: &Request) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(to).await.expect("a connection");
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let target = Uri::builder().scheme("http").authority("gateway.example");
    let target = target.path_and_query(request.target.as_slice()).build().expect("a target");
    let mut head = hyper::Request::builder().method(request.method).uri(target);
    for (name, value) in &request.headers {
        head = head.header(name, value.as_slice());
    }
    let body = head.body(Frames::of(request)).expect("a request");
    let answer = client.send_request(body).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
    drop(client);
    connection.abort();
    (status, body.to_vec())
}

/// A body and its trailers. It says no length: over HTTP/1.1, where the request goes on, only a body
/// without one has trailers.
struct Frames(VecDeque<Frame<Bytes>>);

impl Frames {
    fn of(request: &Request) -> Self {
        let mut trailers = HeaderMap::new();
        for (name, value) in &request.trailers {
            let value = HeaderValue::from_str(value).expect("a value");
            trailers.append(HeaderName::from_static(name), value);
        }
        let body = Frame::data(Bytes::from(request.body.clone()));
        let trailers = (!trailers.is_empty()).then(|| Frame::trailers(trailers));
        Self([body].into_iter().chain(trailers).collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
