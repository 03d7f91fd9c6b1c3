//! HTTP/1 by hand, for what no client library would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection, and what was read of it too early.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The headers' names in lower case, and their values as they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without the chunks' sizes.
    pub body: Vec<u8>,
    /// The connection was closed before the body's end.
    pub broken: bool,
    /// The trailers' names in lower case, and their values as they came.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Raw {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the gateway reads");
    }

    /// Sends as many of the bytes as the other side takes: it may answer before it has read all.
    pub async fn write_what_is_taken(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads one answer.
    pub async fn answer(&mut self) -> RawAnswer {
        let head = self.until(b"\r\n\r\n").await;
        let headers = fields(&head);
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {head}"));
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).next()
        };
        let (mut broken, mut trailers) = (false, Vec::new());
        let body = if status < 200 || status == 204 {
            Vec::new()
        } else if let Some(length) = field("content-length") {
            let length: usize = length.parse().expect("a length");
            while self.read.len() < length && self.more().await {}
            broken = self.read.len() < length;
            self.read.drain(..length.min(self.read.len())).collect()
        } else if field("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            let (body, whole) = self.chunks().await;
            broken = !whole;
            if whole {
                trailers = self.trailers().await;
            }
            body
        } else {
            self.rest().await
        };
        RawAnswer { status, head, headers, body, broken, trailers }
    }

    /// Reads until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Reads one chunk of a chunked body; empty at its end, which [`Self::trailers`] follow.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let line = String::from_utf8_lossy(&self.until(b"\r\n").await).into_owned();
        let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
        let chunk = self.exactly(size).await;
        if size > 0 {
            self.exactly(2).await;
        }
        chunk
    }

    /// Reads what follows the last chunk: trailers, and an empty line.
    pub async fn trailers(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut lines = b"\n".to_vec();
        loop {
            let line = self.until(b"\r\n").await;
            if line == b"\r\n" {
                return fields(&lines);
            }
            lines.extend(line);
        }
    }

    /// All chunks, and whether the last one came.
    async fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        while self.has(b"\r\n").await {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return (body, true);
            }
            body.extend(chunk);
        }
        (body, false)
    }

    /// Whether these bytes come before the other side closes.
    async fn has(&mut self, end: &[u8]) -> bool {
        while !self.read.windows(end.len()).any(|bytes| bytes == end) {
            if !self.more().await {
                return false;
            }
        }
        true
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|bytes| bytes == end) {
                return self.read.drain(..at + end.len()).collect();
            }
            assert!(self.more().await, "closed too early: {}", self.so_far());
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.more().await, "closed too early: {}", self.so_far());
        }
        self.read.drain(..length).collect()
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        read.unwrap_or_else(|_| panic!("silence after: {}", self.so_far())).is_ok_and(|n| n > 0)
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// The fields of a head, without its first line.
pub fn fields(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).to_lowercase();
        Some((name, line[colon + 1..].trim_ascii().to_vec()))
    };
    lines.filter_map(field).collect()
}

const PATIENCE: Duration = Duration::from_secs(10);
