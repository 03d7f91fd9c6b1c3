//! Tokens that a backend reported for one answer.

/// Tokens that a backend reported for one answer. Unknown is unknown, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt, those from the cache included.
    pub prompt: Option<u64>,
    /// Tokens of the completion, those of reasoning included.
    pub completion: Option<u64>,
    /// Tokens of the prompt that came from the backend's cache.
    pub cached: Option<u64>,
    /// Tokens of the completion that nobody sees.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Whether anything is known.
    pub const fn is_known(&self) -> bool {
        self.prompt.is_some() || self.completion.is_some()
    }
}
