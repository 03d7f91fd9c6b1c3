//! Chunked bodies that turn out to be longer than is taken, over both versions of HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use spillway_integration::{Answer, Call, Gateway, Raw, region};
use tokio::net::TcpStream;

const PATH: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
const PIECE: usize = 20_000;
/// 100 kB are taken, and this is three times that.
const PIECES: usize = 15;

#[tokio::test]
async fn a_chunked_body_that_is_too_long_is_refused_while_it_streams() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
max_request_body: 100KB
models: { gpt-4o-mini: { pool: [eastus, westus] } }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;

    let (status, body) = over_http2(gateway.at).await;
    refused(status, &body);

    let mut raw = Raw::connect(gateway.at).await;
    raw.write(format!("POST {PATH} HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n"))
        .await;
    for _ in 0..PIECES {
        let piece = format!("{PIECE:x}\r\n{}\r\n", " ".repeat(PIECE));
        raw.write_what_is_taken(piece.as_bytes()).await;
    }
    raw.write_what_is_taken(b"0\r\n\r\n").await;
    let answer = raw.answer().await;
    refused(answer.status, &answer.body);

    // Nobody is blamed for it: both backends are still asked.
    let answers = gateway.send_times(2, &Call::chat("gpt-4o-mini")).await;
    let mut served: Vec<&str> = answers.iter().map(Answer::backend).collect();
    served.sort_unstable();
    assert_eq!(served, ["eastus", "westus"]);
}

fn refused(status: u16, body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    assert_eq!(status, 413, "{text}");
    let error: Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(error["error"]["code"], "request_too_large", "{text}");
}

async fn over_http2(to: SocketAddr) -> (u16, Bytes) {
    let stream = TcpStream::connect(to).await.expect("a connection");
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = hyper::Request::post(format!("http://{to}{PATH}"))
        .header("content-type", "application/json")
        .body(Pieces(PIECES))
        .expect("a request");
    let answer = client.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
    // The connection is in order: another request on it is answered.
    let request = hyper::Request::post(format!("http://{to}{PATH}")).body(Pieces(1));
    let next = client.send_request(request.expect("a request")).await.expect("an answer");
    assert_eq!(next.status(), 400, "only spaces: the backend's own answer");
    connection.abort();
    (status, body)
}

/// A body of so many pieces, of which nobody is told the length.
struct Pieces(usize);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; PIECE])))))
    }
}
