//! A door in front of a backend: what no HTTP server would do can be done here.
//!
//! Envoy connects to the door, and the door passes bytes on, refuses, or says something that is not
//! HTTP. Turning it breaks every connection that went through it, as when a machine dies.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// They reach whoever listens there.
    To(SocketAddr),
    /// They are refused.
    Shut,
    /// They are answered, but not in HTTP.
    Junk,
    /// They are reset once they have said something.
    Reset,
    /// They get the first bytes of an answer, and then a reset.
    HalfAHead,
}

/// A port of its own, which stays its own while the door is shut.
#[derive(Debug)]
pub(crate) struct Door {
    /// Where it is.
    pub(crate) address: SocketAddr,
    _reserved: TcpSocket,
    way: Way,
    listening: Option<JoinHandle<()>>,
}

impl Door {
    /// Must be called inside a runtime.
    pub(crate) fn new(way: Way) -> Self {
        let reserved = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = reserved.local_addr().expect("an address");
        let mut door = Self { address, _reserved: reserved, way, listening: None };
        door.listen();
        door
    }

    /// Lets nobody out of the door who came in by another way. Tells whether anything changed.
    pub(crate) async fn turn(&mut self, way: Way) -> bool {
        if self.way == way {
            return false;
        }
        if let Some(listening) = self.listening.take() {
            listening.abort();
            // It ends as cancelled, which is what was asked for.
            let _ = listening.await;
        }
        self.way = way;
        self.listen();
        true
    }

    fn listen(&mut self) {
        if self.way != Way::Shut {
            let listener = bind(self.address).listen(1024).expect("a listener");
            self.listening = Some(tokio::spawn(open(listener, self.way)));
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a port");
    socket
}

async fn open(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(pass(stream, way));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass(mut stream: TcpStream, way: Way) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let said = match way {
        Way::To(address) => {
            let mut on = TcpStream::connect(address).await.ok()?;
            on.set_nodelay(true).ok()?;
            copy_bidirectional(&mut stream, &mut on).await.ok()?;
            return Some(());
        }
        Way::Shut => return None,
        Way::Reset => &[],
        Way::Junk => JUNK,
        Way::HalfAHead => HALF_A_HEAD,
    };
    let mut heard = [0; 4096];
    if stream.read(&mut heard).await.ok()? == 0 {
        return None;
    }
    stream.write_all(said).await.ok()?;
    if way != Way::Junk {
        stream.set_zero_linger().ok()?;
    }
    Some(())
}

const JUNK: &[u8] = b"\x00\xff220 mail.example.com ESMTP ready\r\n\r\n";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ms-reg";
