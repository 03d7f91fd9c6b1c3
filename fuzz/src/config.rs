//! Configurations from bytes of any kind.

use spillway::config::parse_json;
use spillway::gateway::Gateway;

/// Whatever the text says, it is a configuration that can be made ready, or there are problems,
/// each of which says something.
pub fn run(bytes: &[u8]) {
    match parse_json(bytes) {
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.message.is_empty()));
        }
        Ok(config) => {
            assert!(!config.backends.is_empty() && !config.models.is_empty());
            assert!(config.models.iter().all(|model| !model.pool.is_empty()));
            assert!(Gateway::new(config, |name| Some(format!("value of {name}"))).is_ok());
        }
    }
}
