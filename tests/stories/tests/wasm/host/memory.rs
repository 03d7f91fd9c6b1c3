//! Bytes into the VM and out of it.

use wasmtime::{Extern, Memory, Result};

use super::{Vm, fail};

fn memory(vm: &mut Vm<'_>) -> Result<Memory> {
    vm.get_export("memory").and_then(Extern::into_memory).ok_or_else(|| fail("no memory"))
}

/// The bytes that the filter points at.
pub(super) fn read(vm: &mut Vm<'_>, at: u32, length: u32) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    memory(vm)?.read(&*vm, at as usize, &mut bytes)?;
    Ok(bytes)
}

/// The text that the filter points at.
pub(super) fn text(vm: &mut Vm<'_>, at: u32, length: u32) -> Result<String> {
    Ok(String::from_utf8(read(vm, at, length)?)?)
}

/// Writes bytes where the filter wants them.
pub(super) fn write(vm: &mut Vm<'_>, at: u32, bytes: &[u8]) -> Result<()> {
    Ok(memory(vm)?.write(&mut *vm, at as usize, bytes)?)
}

pub(super) fn write_u32(vm: &mut Vm<'_>, at: u32, number: u32) -> Result<()> {
    write(vm, at, &number.to_le_bytes())
}

pub(super) fn write_u64(vm: &mut Vm<'_>, at: u32, number: u64) -> Result<()> {
    write(vm, at, &number.to_le_bytes())
}

/// Gives the filter bytes in memory that it allocates for them; for none, as Envoy, no memory.
pub(super) fn give(vm: &mut Vm<'_>, bytes: &[u8], at: u32, length: u32) -> Result<()> {
    let size = u32::try_from(bytes.len())?;
    let mut place = 0;
    if size > 0 {
        let allocate = vm.get_export("proxy_on_memory_allocate").and_then(Extern::into_func);
        let allocate = allocate.ok_or_else(|| fail("no proxy_on_memory_allocate"))?;
        place = allocate.typed::<u32, u32>(&*vm)?.call(&mut *vm, size)?;
        write(vm, place, bytes)?;
    }
    write_u32(vm, at, place)?;
    write_u32(vm, length, size)
}
