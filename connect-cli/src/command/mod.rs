//! The commands of the program.

mod plugins;
mod standalone;
mod validate;

use std::path::Path;

use connect_api::PluginRegistry;
use connect_api::config::FromConfig;
use connect_cli::properties;
use connect_runtime::WorkerConfig;
use connect_runtime::worker_notices;

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

/// Reads a worker's file, and prints the notices of its options where no worker will log them.
fn worker(path: &Path, registry: &PluginRegistry, show: Show) -> Result<WorkerConfig, Failure> {
    let config = properties::read(path).map_err(|error| Failure::Start(error.to_string()))?;
    let read = WorkerConfig::from_config(&config);
    if read.is_err() || show == Show::Always {
        for notice in worker_notices(registry, &config) {
            println!("{}: {notice}", path.display());
        }
    }
    read.map_err(|errors| Failure::Start(format!("{}: {errors}", path.display())))
}

/// When the notices of a worker's options are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Always,
    /// Only if the worker cannot start: a worker that starts logs them itself.
    Unstarted,
}
