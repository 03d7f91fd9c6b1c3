//! Envoy with a Lua filter as people write them by hand: the deployment in the path, or else the model
//! in the body, the next backend in turn, and the cluster by a header.

use serde_json::json;

use super::{Gateway, Parts, Running, Setup, envoy};
use crate::process::free_address;

pub(super) const LUA: Gateway =
    Gateway { name: "Envoy + Lua filter", slower: 1, version: envoy::version, start };

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let backends: Vec<String> = envoy::names(setup).map(|(name, _)| format!("'{name}'")).collect();
    let filter = envoy::any_named(
        "envoy.filters.http.lua",
        "envoy.extensions.filters.http.lua.v3.Lua",
        json!({ "default_source_code": {
            "inline_string": SOURCE.replace("BACKENDS", &backends.join(", ")),
        } }),
    );
    let action = json!({
        "cluster_header": "x-cluster",
        "timeout": "0s",
        "retry_policy": envoy::retries(),
    });
    let bootstrap = envoy::bootstrap(parts, setup, address, &[filter], &action)?;
    envoy::start(parts, setup, &bootstrap.to_string(), address)
}

const SOURCE: &str = r#"
local pools = { ['gpt-4o'] = { BACKENDS } }
local turn = 0
function envoy_on_request(request)
  local path = request:headers():get(':path')
  local model = string.match(path, '^/openai/deployments/([^/]+)/')
  if model == nil then
    local body = request:body()
    local start = body:getBytes(0, math.min(body:length(), 1024))
    model = string.match(start, '"model"%s*:%s*"([^"]+)"')
  end
  local pool = pools[model]
  if pool == nil then
    request:respond({ [':status'] = '400' }, 'unknown deployment')
    return
  end
  turn = turn % #pool + 1
  request:headers():replace('x-cluster', pool[turn])
  request:headers():replace('api-key', 'a-key')
end
"#;
