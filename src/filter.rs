//! The filter as Envoy runs it: callbacks become events, effects become host calls.
//!
//! The same `.wasm` sits in both seats, told apart by its plugin configuration. Both seats of one
//! worker share a VM, and so the requests that [`exchanges`] keeps. Everything that decides is in
//! the core; nothing here does more than ask and carry out.

mod activity;
mod backend;
mod bodies;
mod effects;
mod exchanges;
mod gateway;
mod holds;
mod host;
mod meters;
mod root;
mod status;
mod timer;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}}
