//! What the program does.

mod plugins;
mod standalone;
mod validate;

use std::path::Path;

use connect_api::PluginRegistry;
use connect_api::config::FromConfig;
use connect_cli::connector_file;
use connect_cli::connector_file::ConnectorFile;
use connect_cli::properties;
use connect_runtime::Notice;
use connect_runtime::WorkerConfig;
use connect_runtime::connector_notices;

pub(crate) use plugins::plugins;
pub(crate) use standalone::standalone;
pub(crate) use validate::validate;

use crate::failure::Failure;

/// All plugins that are linked into the program.
fn registry() -> PluginRegistry {
    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    registry
}

/// Tells the user that an option of a file has no effect, in one line.
type Tell = fn(&Path, &Notice);

/// Reads the worker's file.
fn worker(path: &Path, tell: Tell) -> Result<WorkerConfig, Failure> {
    let config = properties::read(path).map_err(|error| Failure::Start(error.to_string()))?;
    for notice in WorkerConfig::notices(&config) {
        tell(path, &notice);
    }
    WorkerConfig::from_config(&config)
        .map_err(|errors| Failure::Start(format!("{}: {errors}", path.display())))
}

/// Reads a connector's file.
fn connector(registry: &PluginRegistry, path: &Path, tell: Tell) -> Result<ConnectorFile, String> {
    let connector = connector_file::read(path).map_err(|error| error.to_string())?;
    for notice in connector_notices(registry, &connector.config) {
        tell(path, &notice);
    }
    Ok(connector)
}
