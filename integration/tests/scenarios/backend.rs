//! A backend that does as a story tells it, over a socket, byte for byte.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spillway_integration::fields;
use spillway_stories::http::{Answer, Headers, Reaction, Received, healthy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A backend on a port of its own, which stays its own while nobody listens there.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    _reserved: TcpSocket,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    name: String,
    script: Mutex<VecDeque<Reaction>>,
    received: Mutex<Vec<Received>>,
}

impl Backend {
    /// Must be called inside a runtime.
    pub(super) fn start(name: &str) -> Self {
        let reserved = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = reserved.local_addr().expect("an address");
        let state =
            State { name: name.to_owned(), script: Mutex::default(), received: Mutex::default() };
        let (state, listening) = (Arc::new(state), None);
        let mut backend = Self { address, state, _reserved: reserved, listening };
        backend.listen();
        backend
    }

    pub(super) fn listen(&mut self) {
        if self.listening.is_none() {
            let listener = bind(self.address).listen(1024).expect("a listener");
            self.listening = Some(tokio::spawn(serve(listener, self.state.clone())));
        }
    }

    /// Refuses connections, and breaks those there are.
    pub(super) async fn refuse(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
    }

    pub(super) fn script(&self, reactions: Vec<Reaction>) {
        *self.state.script.lock().expect("the script") = reactions.into();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("the requests").clone()
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a port");
    socket
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(converse(stream, state.clone()));
    }
}

/// Takes requests until the other side leaves or a story ends it.
async fn converse(mut stream: TcpStream, state: Arc<State>) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let received = receive(&mut stream, &mut read).await?;
        state.received.lock().expect("the requests").push(received.clone());
        let next = state.script.lock().expect("the script").pop_front();
        match next.unwrap_or_else(|| healthy(&state.name, &received).into()) {
            Reaction::Answer(answer) => reply(&mut stream, &answer, true).await?,
            Reaction::Breaks(answer) => {
                reply(&mut stream, &answer, false).await?;
                return None;
            }
            Reaction::Stalls(answer) => {
                reply(&mut stream, &answer, false).await?;
                std::future::pending::<()>().await;
            }
            Reaction::Late(answer, late) => {
                tokio::time::sleep(late).await;
                reply(&mut stream, &answer, true).await?;
            }
            Reaction::HangUp | Reaction::Stale | Reaction::Unreachable => {
                return None;
            }
            Reaction::Silence | Reaction::GivenUp => std::future::pending().await,
        }
    }
}

async fn receive(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Received> {
    let head = until(stream, read, b"\r\n\r\n").await?;
    let mut words = head.split(|byte| *byte == b' ');
    let method = String::from_utf8_lossy(words.next()?).into_owned();
    let path = words.next()?.to_vec();
    let headers = Headers(fields(&head));
    let (mut body, mut trailers) = (Vec::new(), b"trailers\r\n".to_vec());
    if let Some(length) = headers.text("content-length") {
        body = exactly(stream, read, length.parse().ok()?).await?;
    } else if headers.text("transfer-encoding").is_some() {
        loop {
            let line = until(stream, read, b"\r\n").await?;
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            body.extend(exactly(stream, read, size).await?);
            exactly(stream, read, 2).await?;
        }
        // Trailers, up to an empty line.
        loop {
            let line = until(stream, read, b"\r\n").await?;
            if line.len() == 2 {
                break;
            }
            trailers.extend(line);
        }
    }
    let trailers = Headers(fields(&trailers));
    Some(Received { method, path, headers, body, trailers })
}

/// Answers; not `whole`: as if more were to follow.
async fn reply(stream: &mut TcpStream, answer: &Answer, whole: bool) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Told\r\n", answer.status).into_bytes();
    for (name, value) in &answer.headers.0 {
        head.extend(name.as_bytes());
        head.extend(b": ");
        head.extend(value);
        head.extend(b"\r\n");
    }
    let chunked = !answer.trailers.0.is_empty();
    let length = answer.body.len() + if whole { 0 } else { 1000 };
    if chunked {
        head.extend(b"transfer-encoding: chunked\r\n");
    } else if answer.status >= 200 {
        head.extend(format!("content-length: {length}\r\n").bytes());
    }
    head.extend(b"\r\n");
    stream.write_all(&head).await.ok()?;
    for part in answer.parts() {
        let part = if chunked { chunk(&part) } else { part };
        stream.write_all(&part).await.ok()?;
        if !answer.cuts.is_empty() {
            tokio::time::sleep(BETWEEN_PARTS).await;
        }
    }
    if chunked {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in &answer.trailers.0 {
            end.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        end.extend(b"\r\n");
        stream.write_all(&end).await.ok()?;
    }
    Some(())
}

fn chunk(part: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
}

async fn until(stream: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = read.windows(end.len()).position(|bytes| bytes == end) {
            return Some(read.drain(..at + end.len()).collect());
        }
        more(stream, read).await?;
    }
}

async fn exactly(stream: &mut TcpStream, read: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while read.len() < length {
        more(stream, read).await?;
    }
    Some(read.drain(..length).collect())
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(read).await.ok().filter(|count| *count > 0).map(drop)
}

/// Long enough for Envoy to see each part on its own.
const BETWEEN_PARTS: Duration = Duration::from_millis(20);
