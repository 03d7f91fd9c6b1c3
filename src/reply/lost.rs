//! Why no backend answered, and what a client is told of it.

/// Why no backend answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No connection could be made.
    Unreachable,
    /// No connection was made in time.
    ConnectTimeout,
    /// The connection was lost.
    Connection,
    /// The answer did not begin in time.
    FirstByte,
    /// Nothing came for too long.
    Idle,
    /// The attempt took too long as a whole.
    PerTry,
}

impl Lost {
    /// The status, the code and the text of the error.
    pub const fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unreachable => (
                503,
                "backend_unreachable",
                "No connection to a backend could be made. Try again later.",
            ),
            Self::ConnectTimeout => (
                503,
                "connect_timeout",
                "No connection to a backend was made in time. Try again later; see `timeouts.connect`.",
            ),
            Self::Connection => (
                503,
                "backend_connection_lost",
                "The connection to the backend was lost before it answered. Try again.",
            ),
            Self::FirstByte => (
                504,
                "first_byte_timeout",
                "No backend began to answer in time. Try again; see `timeouts.first_byte`.",
            ),
            Self::Idle => (
                504,
                "stream_idle_timeout",
                "The backend was silent for too long. Try again; see `timeouts.stream_idle`.",
            ),
            Self::PerTry => (
                504,
                "per_try_timeout",
                "No backend answered in time. Try again; see `timeouts.per_try`.",
            ),
        }
    }
}
