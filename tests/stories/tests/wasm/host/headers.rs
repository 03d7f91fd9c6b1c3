//! A stream's headers. Those that are not passing are no map: Envoy says `BadArgument` then, on
//! which the SDK panics.

use wasmtime::{Linker, Result};

use super::memory::{give, read, text};
use super::{BAD_ARGUMENT, Host, NOT_FOUND, OK, Vm, fail, which};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker
        .func_wrap("env", "proxy_get_header_map_value", get)?
        .func_wrap("env", "proxy_get_header_map_pairs", pairs)?
        .func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?
        .func_wrap("env", "proxy_replace_header_map_value", replace)?
        .func_wrap("env", "proxy_add_header_map_value", add)?
        .func_wrap("env", "proxy_remove_header_map_value", remove)?;
    Ok(())
}

fn get(
    mut vm: Vm<'_>,
    map: u32,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Result<u32> {
    let name = text(&mut vm, name, name_length)?;
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    let Some(found) = headers.get(&name).map(<[u8]>::to_vec) else { return Ok(NOT_FOUND) };
    give(&mut vm, &found, value, value_length)?;
    Ok(OK)
}

/// All of them, as the ABI writes a map: how many, the lengths, and each text with a zero behind it.
fn pairs(mut vm: Vm<'_>, map: u32, all: u32, length: u32) -> Result<u32> {
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    let number = |length: usize| u32::try_from(length).expect("not that long").to_le_bytes();
    let mut bytes = number(headers.0.len()).to_vec();
    for (name, value) in &headers.0 {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for (name, value) in &headers.0 {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    give(&mut vm, &bytes, all, length)?;
    Ok(OK)
}

/// All at once; the filter only ever removes all.
fn set_pairs(mut vm: Vm<'_>, map: u32, all: u32, length: u32) -> Result<u32> {
    let bytes = read(&mut vm, all, length)?;
    assert_eq!(bytes, [0; 4], "a map that is not empty");
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    headers.0.clear();
    Ok(OK)
}

fn replace(
    mut vm: Vm<'_>,
    map: u32,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Result<u32> {
    let (name, value) = pair(&mut vm, name, name_length, value, value_length)?;
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    headers.set(&name, value);
    Ok(OK)
}

fn add(
    mut vm: Vm<'_>,
    map: u32,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Result<u32> {
    let (name, value) = pair(&mut vm, name, name_length, value, value_length)?;
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    headers.add(&name, value);
    Ok(OK)
}

fn remove(mut vm: Vm<'_>, map: u32, name: u32, name_length: u32) -> Result<u32> {
    let name = text(&mut vm, name, name_length)?;
    let Some(headers) = which(map)?(&mut vm.data_mut().stream) else { return Ok(BAD_ARGUMENT) };
    headers.remove(&name);
    Ok(OK)
}

/// A header that may be set: Envoy takes any bytes, and what they do on the wire is our fault.
fn pair(
    vm: &mut Vm<'_>,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Result<(String, Vec<u8>)> {
    let name = text(vm, name, name_length)?;
    let value = read(vm, value, value_length)?;
    let is_lower = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b':');
    if !is_lower || value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(fail(format!("the filter sets the header {name:?} to {value:?}")));
    }
    Ok((name, value))
}
