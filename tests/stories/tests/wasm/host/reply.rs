//! The filter's own answers.

use spillway_stories::{Answer, Headers};
use wasmtime::{Linker, Result};

use super::memory::read;
use super::{Host, OK, Vm, fail};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_send_local_response", send)?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the ABI has them")]
fn send(
    mut vm: Vm<'_>,
    status: u32,
    _: u32,
    _: u32,
    body: u32,
    body_length: u32,
    headers: u32,
    headers_length: u32,
    _: i32,
) -> Result<u32> {
    let body = read(&mut vm, body, body_length)?;
    let headers = read(&mut vm, headers, headers_length)?;
    let headers = pairs(&headers).ok_or_else(|| fail("the reply's headers are not readable"))?;
    let status = u16::try_from(status)?;
    let stream = &mut vm.data_mut().stream;
    if stream.reply.is_some() {
        return Err(fail("the filter replies twice, which leaves Envoy's stream stuck"));
    }
    stream.reply = Some(Answer { status, headers, body, ..Answer::default() });
    Ok(OK)
}

/// A map as the ABI has it: their number, the lengths of each name and value, then names and
/// values, each with a zero after it.
fn pairs(bytes: &[u8]) -> Option<Headers> {
    if bytes.is_empty() {
        return Some(Headers::default());
    }
    let number = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let count = number(0)?;
    let mut at = 4 + count * 8;
    let mut take = |length: usize| {
        let part = bytes.get(at..at + length)?.to_vec();
        at += length + 1;
        Some(part)
    };
    let pair = |i| {
        let name = take(number(4 + i * 8)?)?;
        Some((String::from_utf8(name).ok()?, take(number(8 + i * 8)?)?))
    };
    Some(Headers((0..count).map(pair).collect::<Option<_>>()?))
}
