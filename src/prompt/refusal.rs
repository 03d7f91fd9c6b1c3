//! Why a body is refused.

/// Why a body is refused, as one sentence for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is wrong, or can be read in two ways: 400.
    Invalid(String),
    /// It is written in a way that the gateway does not read: 415.
    Unsupported(String),
}

impl Refusal {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    pub(super) fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported(why.into())
    }

    /// The sentence alone.
    #[cfg(test)]
    pub(super) fn into_sentence(self) -> String {
        match self {
            Self::Invalid(why) | Self::Unsupported(why) => why,
        }
    }
}
