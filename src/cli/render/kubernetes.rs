//! `spillway render kubernetes`.
use std::io;
use crate::cli::{Exit, Output};
/// x
#[derive(Debug, clap::Args)]
pub(super) struct Kubernetes {}
impl Kubernetes {
    pub(super) fn run(&self, _: &mut Output<'_>) -> io::Result<Exit> { Ok(Exit::Ok) }
}
