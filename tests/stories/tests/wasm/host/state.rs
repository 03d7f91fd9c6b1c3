//! What is known besides headers and bodies: properties, shared data, the route, the time.

use std::time::{Duration, UNIX_EPOCH};

use spillway::exchange::attempt_list;
use wasmtime::{Linker, Result};

use super::memory::{give, read, text, write, write_u32};
use super::{CAS_MISMATCH, Host, NOT_FOUND, OK, Vm, fail};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker
        .func_wrap("env", "proxy_get_property", get_property)?
        .func_wrap("env", "proxy_set_property", set_property)?
        .func_wrap("env", "proxy_get_shared_data", get_shared)?
        .func_wrap("env", "proxy_set_shared_data", set_shared)?
        .func_wrap("env", "proxy_call_foreign_function", call_foreign)?
        .func_wrap("env", "proxy_get_current_time_nanoseconds", now)?
        .func_wrap("env", "proxy_set_tick_period_milliseconds", set_timer)?
        .func_wrap("env", "proxy_continue_stream", resume)?
        .func_wrap("env", "proxy_close_stream", end)?
        // Every callback here has its context already.
        .func_wrap("env", "proxy_set_effective_context", |_: u32| OK)?;
    Ok(())
}

/// Only the stream's own: nothing here is TLS, and no other property is asked for.
fn get_property(mut vm: Vm<'_>, path: u32, length: u32, value: u32, size: u32) -> Result<u32> {
    let path = text(&mut vm, path, length)?;
    if path == "upstream\0local_address" {
        let address = vm.data().stream.connection.clone().unwrap_or_default();
        give(&mut vm, &address, value, size)?;
        return Ok(OK);
    }
    if path != "connection\0tls_version" && !path.starts_with("spillway.") {
        return Err(fail(format!("the filter asks for the property {path:?}")));
    }
    let Some(found) = vm.data().stream.filter_state.get(&path).cloned() else {
        return Ok(NOT_FOUND);
    };
    give(&mut vm, &found, value, size)?;
    Ok(OK)
}

fn set_property(mut vm: Vm<'_>, path: u32, length: u32, value: u32, size: u32) -> Result<u32> {
    let path = text(&mut vm, path, length)?;
    let value = read(&mut vm, value, size)?;
    let host = vm.data_mut();
    if host.lasting.contains(&path) {
        host.stream.lasting.insert(path.clone());
    }
    host.stream.filter_state.insert(path, value);
    Ok(OK)
}

fn get_shared(
    mut vm: Vm<'_>,
    key: u32,
    length: u32,
    value: u32,
    size: u32,
    cas: u32,
) -> Result<u32> {
    let key = text(&mut vm, key, length)?;
    let Some((found, last)) = vm.data().shared.borrow().get(&key).cloned() else {
        return Ok(NOT_FOUND);
    };
    give(&mut vm, &found, value, size)?;
    write_u32(&mut vm, cas, last)?;
    Ok(OK)
}

fn set_shared(
    mut vm: Vm<'_>,
    key: u32,
    length: u32,
    value: u32,
    size: u32,
    cas: u32,
) -> Result<u32> {
    let key = text(&mut vm, key, length)?;
    let value = read(&mut vm, value, size)?;
    let done = vm.data().shared.borrow_mut().set(&key, &value, cas);
    Ok(if done { OK } else { CAS_MISMATCH })
}

fn call_foreign(
    mut vm: Vm<'_>,
    name: u32,
    length: u32,
    arguments: u32,
    arguments_length: u32,
    value: u32,
    size: u32,
) -> Result<u32> {
    let name = text(&mut vm, name, length)?;
    if name == "declare_property" {
        let arguments = read(&mut vm, arguments, arguments_length)?;
        let (name, how) =
            declared(&arguments).ok_or_else(|| fail("a declaration is not readable"))?;
        if how == LASTING {
            vm.data_mut().lasting.insert(name);
        }
        give(&mut vm, &[], value, size)?;
        return Ok(OK);
    }
    if name != "clear_route_cache" || vm.data().stream.request.is_none() {
        return Err(fail(format!("the filter calls {name:?} where Envoy could not do it")));
    }
    vm.data_mut().stream.route_cleared = true;
    give(&mut vm, &[], value, size)?;
    Ok(OK)
}

/// The name in a declaration, in protobuf: `name` (1), a string, and how it is. The filter declares
/// nothing else.
fn declared(arguments: &[u8]) -> Option<(String, [u8; 2])> {
    let (length, rest) = arguments.strip_prefix(&[0x0a])?.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (how, schema) = rest.split_first_chunk()?;
    let known = match *how {
        LASTING | TEXT => schema.is_empty(),
        MESSAGE => schema.strip_prefix(&[0x22])?.get(1..)? == attempt_list::MESSAGE.as_bytes(),
        _ => false,
    };
    let how = Some(*how).filter(|_| known)?;
    Some((String::from_utf8(name.to_vec()).ok()?, how))
}

/// `span` (5), of which 1 is the request's life.
const LASTING: [u8; 2] = [0x28, 1];

/// `type` (3), of which 1 is a string.
const TEXT: [u8; 2] = [0x18, 1];

/// The same for a message, whose type stands behind it (4).
const MESSAGE: [u8; 2] = [0x18, 3];

fn set_timer(mut vm: Vm<'_>, period: u32) -> u32 {
    let Host { clock, timers, root, .. } = vm.data_mut();
    let period = Duration::from_millis(period.into());
    if period.is_zero() {
        timers.remove(root);
    } else {
        timers.insert(*root, (period, clock.get() + period));
    }
    OK
}

fn resume(mut vm: Vm<'_>, what: u32) -> Result<u32> {
    if what != ANSWER {
        return Err(fail(format!("the filter resumes the stream {what}")));
    }
    vm.data_mut().stream.response_resumed = true;
    Ok(OK)
}

fn end(mut vm: Vm<'_>, what: u32) -> Result<u32> {
    if what != ANSWER {
        return Err(fail(format!("the filter ends the stream {what}")));
    }
    vm.data_mut().stream.response_ended = true;
    Ok(OK)
}

fn now(mut vm: Vm<'_>, at: u32) -> Result<u32> {
    let since = vm.data().clock.get().duration_since(UNIX_EPOCH)?;
    let nanos = u64::try_from(since.as_nanos())?;
    write(&mut vm, at, &nanos.to_le_bytes())?;
    Ok(OK)
}

const ANSWER: u32 = 1;
