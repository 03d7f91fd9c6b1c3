//! nginx as a backend: it merges slashes, resolves dot segments, decodes the path, and hands on what
//! came of that.

use std::net::SocketAddr;
use std::path::Path;

use spillway_integration::Nginx;

/// Starts one before this server, and waits until it takes connections.
pub(crate) async fn start(folder: &Path, server: SocketAddr) -> Nginx {
    Nginx::start(folder, &BEFORE.replace("SERVER", &server.to_string())).await
}

/// `$uri` is the path after all of nginx's reading.
const BEFORE: &str = "
    merge_slashes on;
    ignore_invalid_headers off;
    underscores_in_headers on;
    keepalive_timeout 1h;
    keepalive_requests 1000000;
    server {
        listen LISTEN;
        location / {
            proxy_http_version 1.1;
            proxy_pass http://SERVER$uri$is_args$args;
        }
    }
";
