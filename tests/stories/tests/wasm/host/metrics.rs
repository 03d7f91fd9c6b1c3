//! What is counted: for all VMs together, as in Envoy.

use wasmtime::{Linker, Result};

use super::memory::{text, write_u32, write_u64};
use super::{BAD_ARGUMENT, Host, OK, Vm, fail};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker
        .func_wrap("env", "proxy_define_metric", define)?
        .func_wrap("env", "proxy_increment_metric", increment)?
        .func_wrap("env", "proxy_get_metric", get)?
        .func_wrap("env", "proxy_record_metric", record)?;
    Ok(())
}

fn define(mut vm: Vm<'_>, kind: u32, name: u32, length: u32, id: u32) -> Result<u32> {
    let name = text(&mut vm, name, length)?;
    let host = vm.data_mut();
    if host.metrics.contains(&(kind, name.clone())) {
        return Err(fail(format!("the filter defines {name} twice")));
    }
    host.shared.borrow_mut().counted.entry(name.clone()).or_default();
    host.metrics.push((kind, name));
    let last = u32::try_from(host.metrics.len() - 1).expect("few");
    write_u32(&mut vm, id, last)?;
    Ok(OK)
}

fn increment(vm: Vm<'_>, id: u32, by: i64) -> u32 {
    let Host { metrics, shared, .. } = vm.data();
    let Some((kind, name)) = metrics.get(id as usize) else { return BAD_ARGUMENT };
    if *kind == HISTOGRAM || (*kind == COUNTER && by < 0) {
        return BAD_ARGUMENT;
    }
    let mut shared = shared.borrow_mut();
    let number = shared.counted.entry(name.clone()).or_default();
    *number = number.checked_add_signed(by).expect("a gauge does not fall below nothing");
    OK
}

fn get(mut vm: Vm<'_>, id: u32, value: u32) -> Result<u32> {
    let Host { metrics, shared, .. } = vm.data();
    let Some((_, name)) = metrics.get(id as usize) else { return Ok(BAD_ARGUMENT) };
    let number = shared.borrow().counted.get(name).copied().unwrap_or_default();
    write_u64(&mut vm, value, number)?;
    Ok(OK)
}

fn record(vm: Vm<'_>, id: u32, value: u64) -> u32 {
    let Host { metrics, shared, .. } = vm.data();
    let Some((kind, name)) = metrics.get(id as usize) else { return BAD_ARGUMENT };
    let mut shared = shared.borrow_mut();
    let number = shared.counted.entry(name.clone()).or_default();
    match *kind {
        GAUGE => *number = value,
        HISTOGRAM => *number += 1,
        _ => return BAD_ARGUMENT,
    }
    OK
}

const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;
