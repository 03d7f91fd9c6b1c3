//! What the standard library needs of WASI, and Envoy has.

use wasmtime::{Linker, Result};

use super::memory::{read, write, write_u32};
use super::{Host, OK, Vm, fail};

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker
        .func_wrap("env", "proxy_log", log)?
        .func_wrap(WASI, "environ_sizes_get", environ_sizes)?
        .func_wrap(WASI, "environ_get", environ)?
        .func_wrap(WASI, "fd_write", fd_write)?
        .func_wrap(WASI, "random_get", random)?
        .func_wrap(WASI, "proc_exit", |code: u32| -> Result<()> {
            Err(fail(format!("the filter exits with {code}")))
        })?;
    Ok(())
}

fn log(mut vm: Vm<'_>, level: u32, text: u32, length: u32) -> Result<u32> {
    let text = read(&mut vm, text, length)?;
    let line = format!("log {level}: {}", String::from_utf8_lossy(&text));
    vm.data_mut().log.push(line);
    Ok(OK)
}

fn environ_sizes(mut vm: Vm<'_>, count: u32, size: u32) -> Result<u32> {
    let lines = lines(&vm);
    write_u32(&mut vm, count, u32::try_from(lines.len())?)?;
    write_u32(&mut vm, size, u32::try_from(lines.concat().len())?)?;
    Ok(OK)
}

fn environ(mut vm: Vm<'_>, mut pointers: u32, mut place: u32) -> Result<u32> {
    for line in lines(&vm) {
        write_u32(&mut vm, pointers, place)?;
        write(&mut vm, place, line.as_bytes())?;
        pointers += 4;
        place += u32::try_from(line.len())?;
    }
    Ok(OK)
}

fn lines(vm: &Vm<'_>) -> Vec<String> {
    vm.data().environment.iter().map(|(name, value)| format!("{name}={value}\0")).collect()
}

fn fd_write(mut vm: Vm<'_>, fd: u32, parts: u32, count: u32, written: u32) -> Result<u32> {
    let mut text = Vec::new();
    for part in 0..count {
        let part = read(&mut vm, parts + part * 8, 8)?;
        let number =
            |at: usize| u32::from_le_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]]);
        text.extend(read(&mut vm, number(0), number(4))?);
    }
    write_u32(&mut vm, written, u32::try_from(text.len())?)?;
    vm.data_mut().log.push(format!("fd {fd}: {}", String::from_utf8_lossy(&text)));
    Ok(OK)
}

/// Random to the filter: what the story says.
fn random(mut vm: Vm<'_>, place: u32, length: u32) -> Result<u32> {
    let draw = vm.data().shared.borrow_mut().draw.draw().to_le_bytes();
    let bytes: Vec<u8> = draw.into_iter().cycle().take(length as usize).collect();
    write(&mut vm, place, &bytes)?;
    Ok(OK)
}

const WASI: &str = "wasi_snapshot_preview1";
