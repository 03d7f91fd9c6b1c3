//! nginx with a balancer in Lua: the next backend in turn, and another one where it fails.

use std::process::Command;
use std::time::Duration;

use super::{Gateway, Parts, Running, Setup, there};
use crate::process::{Process, free_address};

pub(super) const NGINX: Gateway =
    Gateway { name: "nginx + Lua balancer", slower: 1, version, start };

fn version(parts: &Parts) -> anyhow::Result<String> {
    let nginx = parts.tools.join("peers/nginx/root/usr/sbin/nginx");
    there(&nginx, "`tools/setup.sh peers` unpacks Debian's")?;
    let said = Command::new(nginx).arg("-v").output()?.stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.trim().rsplit('/').next().unwrap_or_default().to_owned())
}

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let root = parts.tools.join("peers/nginx/root/usr");
    let address = free_address()?;
    let servers: Vec<String> = setup
        .tiers
        .iter()
        .flatten()
        .map(|at| format!("{{ '{}', {} }}", at.ip(), at.port()))
        .collect();
    let log = match setup.everything() {
        true => format!("access_log {} line;", setup.folder.join("access.log").display()),
        false => "access_log off;".to_owned(),
    };
    let config = CONFIG
        .replace("MODULES", &root.join("lib/nginx/modules").to_string_lossy())
        .replace("LUA", &root.join("share/lua/5.1").to_string_lossy())
        .replace("WORKERS", &setup.workers.to_string())
        .replace("FOLDER", &setup.folder.to_string_lossy())
        .replace("ADDRESS", &address.to_string())
        .replace("SERVERS", &servers.join(", "))
        .replace("LOG", &log);
    let file = setup.folder.join("nginx.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new(root.join("sbin/nginx"));
    command
        .arg("-p")
        .arg(&setup.folder)
        .arg("-c")
        .arg(&file)
        .arg("-e")
        .arg(setup.folder.join("error.log"));
    let libraries = [root.join("lib/x86_64-linux-gnu"), root.join("../lib/x86_64-linux-gnu")];
    command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries)?);
    let mut process = Process::start(&command, &setup.processors, &setup.folder.join("nginx.log"))?;
    let ready_after = process.listens(address, Duration::from_secs(20))?;
    Ok(Running::new(process, address, ready_after))
}

const CONFIG: &str = "
load_module MODULES/ndk_http_module.so;
load_module MODULES/ngx_http_lua_module.so;
daemon off;
user root;
worker_processes WORKERS;
pid FOLDER/nginx.pid;
events { worker_connections 4096; }
http {
    lua_package_path 'LUA/?.lua;;';
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    client_max_body_size 32m;
    client_body_buffer_size 2m;
    log_format line escape=json '{\"time\":\"$time_iso8601\",\"path\":\"$uri\",\"status\":$status,\"upstream\":\"$upstream_addr\",\"seconds\":$request_time,\"first\":\"$upstream_header_time\",\"bytes\":$bytes_sent,\"agent\":\"$http_user_agent\",\"id\":\"$request_id\"}';
    init_by_lua_block { pool = { SERVERS }; turn = 0 }
    upstream pool {
        server 0.0.0.1;
        balancer_by_lua_block {
            local balancer = require 'ngx.balancer'
            if not ngx.ctx.tried then
                ngx.ctx.tried = true
                balancer.set_more_tries(#pool - 1)
            end
            turn = turn % #pool + 1
            balancer.set_current_peer(pool[turn][1], pool[turn][2])
        }
        keepalive 2048;
    }
    server {
        listen ADDRESS;
        LOG
        keepalive_requests 1000000;
        location / {
            proxy_pass http://pool;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_buffering off;
            proxy_next_upstream error timeout http_429 http_500 http_502 http_503 http_504 non_idempotent;
        }
    }
}
";
