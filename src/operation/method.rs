//! The methods of HTTP that a request may have (RFC 9110 §9, RFC 5789).

use std::fmt;

/// A method that reaches backends. `TRACE` and `CONNECT` are none: a `TRACE` shows the client what a
/// backend got, its injected key included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
}

impl Method {
    /// Reads `:method`, which is case-sensitive.
    pub fn read(method: &[u8]) -> Option<Self> {
        ALL.into_iter().find(|known| known.name().as_bytes() == method)
    }

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Get => 1,
            Self::Head => 2,
            Self::Post => 4,
            Self::Put => 8,
            Self::Patch => 16,
            Self::Delete => 32,
            Self::Options => 64,
        }
    }
}

/// Several methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(127);
    /// `GET`, and `HEAD` with it.
    pub const GET: Self = Self(Method::Get.bit() | Method::Head.bit());
    /// `POST`.
    pub const POST: Self = Self(Method::Post.bit());
    /// `DELETE`.
    pub const DELETE: Self = Self(Method::Delete.bit());

    /// These and the others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether this is one of them.
    pub const fn has(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// Whether one of them is one of the others too.
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl fmt::Display for Methods {
    /// As in the header `allow`: `GET, HEAD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for method in ALL.into_iter().filter(|method| self.has(*method)) {
            write!(f, "{between}{}", method.name())?;
            between = ", ";
        }
        Ok(())
    }
}

const ALL: [Method; 7] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn methods_are_read_and_written() {
        assert_eq!(Method::read(b"POST"), Some(Method::Post));
        for none in [&b"TRACE"[..], b"CONNECT", b"post", b"", b"BREW"] {
            assert_eq!(Method::read(none), None);
        }
        assert_eq!(Methods::GET.and(Methods::DELETE).to_string(), "GET, HEAD, DELETE");
        assert!(Methods::GET.has(Method::Head) && !Methods::GET.has(Method::Post));
    }
}
