//! The last-words filter's module: what is shipped is its text, assembled, and does what it says.

use std::collections::BTreeMap;

use wasmtime::{Caller, Engine, Extern, ExternType, Linker, Memory, Module, Store};

const TEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/filter/last_words.wat");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/filter/last_words.wasm");

/// The module that is shipped.
pub(crate) fn shipped() -> Vec<u8> {
    std::fs::read(SHIPPED).expect("src/filter/last_words.wasm")
}

#[test]
fn what_is_shipped_is_what_its_text_says() {
    let assembled = wat::parse_file(TEXT).expect("the text");
    if std::env::var_os("WRITER").is_some_and(|how| how == "overwrite") {
        std::fs::write(SHIPPED, &assembled).expect("a place to write");
    }
    assert!(
        shipped() == assembled,
        "src/filter/last_words.wasm is not src/filter/last_words.wat: \
         `WRITER=overwrite cargo test -p spillway-stories --test wasm writer` assembles it"
    );
}

/// Envoy calls what is exported: one export more is one call more for each request.
#[test]
fn it_exports_and_imports_what_it_needs_and_nothing_else() {
    let module = Module::new(&Engine::default(), shipped()).expect("a module");
    let exports: Vec<&str> = module.exports().map(|export| export.name()).collect();
    let own = ["memory", "proxy_abi_version_0_2_1", "proxy_on_memory_allocate"];
    assert_eq!(exports, [&own[..], &["proxy_on_response_body"]].concat());
    let imports: Vec<(&str, &str)> =
        module.imports().map(|import| (import.module(), import.name())).collect();
    let calls = ["proxy_get_property", "proxy_set_property", "proxy_set_buffer_bytes"];
    assert_eq!(imports, calls.map(|name| ("env", name)));
    assert!(module.imports().all(|import| matches!(import.ty(), ExternType::Func(_))));
}

#[test]
fn an_empty_part_gets_the_words() {
    let mut writer = Writer::start(None);
    writer.leave(b"data: {}\n\n");
    assert_eq!(writer.passes(0, false), b"data: {}\n\n");
}

#[test]
fn words_are_said_once() {
    let mut writer = Writer::start(None);
    writer.leave(b"data: {}\n\n");
    writer.passes(0, false);
    assert_eq!(writer.passes(0, false), b"");
    // Another stream's, in the same VM.
    writer.leave(b"bye");
    assert_eq!(writer.passes(0, false), b"bye");
}

#[test]
fn an_empty_part_of_a_healthy_stream_stays_empty() {
    assert_eq!(Writer::start(None).passes(0, false), b"");
}

#[test]
fn a_part_with_something_in_it_or_the_last_is_not_touched() {
    let mut writer = Writer::start(None);
    writer.leave(b"data: {}\n\n");
    for (size, end) in [(1, false), (1, true), (0, true), (2, false), (u32::MAX, true)] {
        assert_eq!(writer.passes(size, end), b"", "{size} {end}");
        assert_eq!(writer.store.data().asked, 0, "Envoy is not even asked");
    }
}

#[test]
fn words_may_be_as_long_as_they_are() {
    const PAGE: usize = 65_536;
    let mut writer = Writer::start(None);
    for length in [1, PAGE - 33, PAGE - 32, PAGE, 2 * PAGE - 32, 2 * PAGE - 31, 5 * PAGE + 7, 3] {
        let words: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        writer.leave(&words);
        assert!(writer.passes(0, false) == words, "{length} bytes");
    }
    let memory = writer.memory.size(&writer.store);
    for _ in 0..1000 {
        writer.leave(&[7; 3 * PAGE]);
        writer.passes(0, false);
    }
    assert_eq!(writer.memory.size(&writer.store), memory, "it grows by the longest alone");
}

#[test]
fn where_no_memory_is_left_nothing_is_written() {
    let mut writer = Writer::start(Some(3));
    writer.leave(&[7; 1 << 20]);
    assert_eq!(writer.passes(0, false), b"");
    writer.leave(b"shorter");
    assert_eq!(writer.passes(0, false), b"shorter");
}

/// The module in a host that has nothing but what it may call.
struct Writer {
    store: Store<Host>,
    instance: wasmtime::Instance,
    memory: Memory,
}

#[derive(Default)]
struct Host {
    properties: BTreeMap<String, Vec<u8>>,
    /// How often a property was asked for.
    asked: usize,
    /// What was written into the part.
    written: Vec<u8>,
    limits: Option<wasmtime::StoreLimits>,
}

impl Writer {
    fn start(most_pages: Option<usize>) -> Self {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        linker.func_wrap("env", "proxy_get_property", get).expect("free");
        linker.func_wrap("env", "proxy_set_property", set).expect("free");
        linker.func_wrap("env", "proxy_set_buffer_bytes", write).expect("free");
        let most = most_pages.map_or(usize::MAX, |pages| pages << 16);
        let limits = wasmtime::StoreLimitsBuilder::new().memory_size(most).build();
        let mut store = Store::new(&engine, Host { limits: Some(limits), ..Host::default() });
        store.limiter(|host| host.limits.as_mut().expect("limits"));
        let module = Module::new(&engine, shipped()).expect("a module");
        let instance = linker.instantiate(&mut store, &module).expect("it starts");
        let memory = instance.get_memory(&mut store, "memory").expect("its memory");
        Self { store, instance, memory }
    }

    fn leave(&mut self, words: &[u8]) {
        self.store.data_mut().properties.insert("spillway.last_words".to_owned(), words.to_vec());
    }

    /// What is written into a part.
    fn passes(&mut self, size: u32, end: bool) -> Vec<u8> {
        let name = "proxy_on_response_body";
        let function = self.instance.get_typed_func::<(u32, u32, u32), u32>(&mut self.store, name);
        let call = function.expect("exported").call(&mut self.store, (5, size, u32::from(end)));
        assert_eq!(call.expect("no trap"), 0, "the part goes on");
        std::mem::take(&mut self.store.data_mut().written)
    }
}

fn bytes(vm: &mut Caller<'_, Host>, at: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    memory(vm).read(&*vm, at as usize, &mut bytes).expect("inside the memory");
    bytes
}

fn memory(vm: &mut Caller<'_, Host>) -> Memory {
    vm.get_export("memory").and_then(Extern::into_memory).expect("its memory")
}

fn get(mut vm: Caller<'_, Host>, path: u32, length: u32, place: u32, size: u32) -> u32 {
    vm.data_mut().asked += 1;
    let path = String::from_utf8(bytes(&mut vm, path, length)).expect("text");
    let Some(value) = vm.data().properties.get(&path).cloned() else { return 1 };
    let mut at = 0;
    if !value.is_empty() {
        let allocate = vm.get_export("proxy_on_memory_allocate").and_then(Extern::into_func);
        let allocate = allocate.expect("exported").typed::<u32, u32>(&vm).expect("its type");
        at = allocate.call(&mut vm, value.len() as u32).expect("no trap");
        if at == 0 {
            return 6;
        }
    }
    let memory = memory(&mut vm);
    for (to, what) in
        [(at, &value[..]), (place, &at.to_le_bytes()), (size, &(value.len() as u32).to_le_bytes())]
    {
        memory.write(&mut vm, to as usize, what).expect("inside the memory");
    }
    0
}

fn set(mut vm: Caller<'_, Host>, path: u32, length: u32, value: u32, size: u32) -> u32 {
    let path = String::from_utf8(bytes(&mut vm, path, length)).expect("text");
    let value = bytes(&mut vm, value, size);
    vm.data_mut().properties.insert(path, value);
    0
}

fn write(mut vm: Caller<'_, Host>, which: u32, start: u32, length: u32, at: u32, size: u32) -> u32 {
    assert_eq!((which, start, length), (1, 0, 0), "at the answer's end");
    let words = bytes(&mut vm, at, size);
    vm.data_mut().written.extend(words);
    0
}
