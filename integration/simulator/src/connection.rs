//! Sockets: accepted, served, and torn down on purpose.
//!
//! HTTP/1.1 and HTTP/2 by prior knowledge share the port, with header limits far above
//! the defaults, since a gateway passes on whatever it was sent. All connections live
//! in one set inside the accepting task: when the region goes down, dropping that task
//! closes the listener and every connection with it.
//!
//! A scripted reset must look like a crash, not like a polite close. Each connection
//! has a [`Teardown`]; blowing it drops the connection with `SO_LINGER` 0, on which the
//! kernel sends RST.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::service;
use crate::state::State;

/// Tears one connection down.
#[derive(Debug, Default)]
pub(crate) struct Teardown {
    started: AtomicBool,
    notify: Notify,
}

/// A socket on `address`, also where another is bound that does not listen.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts and serves until dropped.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_one(stream, tls.clone(), Arc::clone(&state)));
                }
                // Out of descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_one(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Without it small stream chunks would wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let teardown = Arc::new(Teardown::default());
    let socket = Socket { stream, teardown: Arc::clone(&teardown) };
    match tls {
        None => serve_http(socket, state, teardown).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(socket).await {
                serve_http(stream, state, teardown).await;
            }
        }
    }
}

async fn serve_http<I>(io: I, state: Arc<State>, teardown: Arc<Teardown>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let teardown = Arc::clone(&teardown);
        service_fn(move |request| {
            service::serve(Arc::clone(&state), Arc::clone(&teardown), request)
        })
    };
    let builder = http();
    let connection = builder.serve_connection(TokioIo::new(io), service);
    tokio::select! {
        // The caller hung up or spoke nonsense; neither is this side's concern.
        _ = connection => {}
        () = teardown.wait() => {}
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Also how long a connection may be idle: as long as Azure's load balancers let it.
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

// === impl Teardown ===

impl Teardown {
    pub(crate) fn start(&self) {
        self.started.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        self.notify.notified().await;
    }
}

/// A TCP stream that dies by RST once it is torn down.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    teardown: Arc<Teardown>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.teardown.has_started() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

const IDLE: Duration = Duration::from_secs(240);
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
const MAX_HEADERS: usize = 2_000;
const MAX_HEADER_BYTES: usize = 1 << 20;
const MAX_HEADER_LIST: u32 = 1 << 20;
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const MAX_STREAMS: u32 = 1_000;
