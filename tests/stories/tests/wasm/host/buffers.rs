//! Bodies and the plugin's configuration.

use wasmtime::{Linker, Result};

use super::memory::{give, read};
use super::{BAD_ARGUMENT, Host, NOT_FOUND, OK, Vm, fail};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_buffer_bytes", get)?.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        set,
    )?;
    Ok(())
}

fn get(mut vm: Vm<'_>, buffer: u32, start: u32, length: u32, place: u32, size: u32) -> Result<u32> {
    let host = vm.data();
    let bytes = match buffer {
        REQUEST_BODY => host.stream.request_body.as_deref(),
        ANSWER_BODY => host.stream.response_body.as_deref(),
        PLUGIN_CONFIGURATION => Some(host.plugin_configuration.as_slice()),
        other => return Err(fail(format!("the filter reads the buffer {other}"))),
    };
    let Some(bytes) = bytes else { return Ok(NOT_FOUND) };
    let start = (start as usize).min(bytes.len());
    let end = start.saturating_add(length as usize).min(bytes.len());
    let found = bytes[start..end].to_vec();
    give(&mut vm, &found, place, size)?;
    Ok(OK)
}

fn set(mut vm: Vm<'_>, buffer: u32, start: u32, length: u32, place: u32, size: u32) -> Result<u32> {
    let with = read(&mut vm, place, size)?;
    let stream = &mut vm.data_mut().stream;
    let (start, length) = (start as usize, length as usize);
    let done = match (buffer, length) {
        (REQUEST_BODY, _) => stream.replace_request_body(start, length, &with),
        (ANSWER_BODY, 0) => stream.append_to_response(start, &with),
        (ANSWER_BODY, _) if start == 0 => stream.replace_response(length, &with),
        (other, _) => return Err(fail(format!("the filter writes the buffer {other}"))),
    };
    Ok(if done { OK } else { BAD_ARGUMENT })
}

const REQUEST_BODY: u32 = 0;
const ANSWER_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;
