//! Changes of the file under many clients, and with many backends. A target of its own, so that
//! other tests' waiting is not disturbed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod changes;
mod load;
mod many;
