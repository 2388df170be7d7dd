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
use connect_runtime::HerderError;
use connect_runtime::Notice;
use connect_runtime::NoticeKind;
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

/// Reads the worker's file.
fn worker(path: &Path) -> Result<WorkerConfig, Failure> {
    let config = properties::read(path).map_err(|error| Failure::Start(error.to_string()))?;
    notify(path, WorkerConfig::notices(&config));
    WorkerConfig::from_config(&config)
        .map_err(|errors| Failure::Start(format!("{}: {errors}", path.display())))
}

/// Reads a connector's file.
fn connector(registry: &PluginRegistry, path: &Path) -> Result<ConnectorFile, String> {
    let connector = connector_file::read(path).map_err(|error| error.to_string())?;
    notify(path, connector_notices(registry, &connector.config));
    Ok(connector)
}

/// One line for each option that has no effect.
fn notify(path: &Path, notices: Vec<Notice>) {
    for notice in notices {
        match notice.kind {
            NoticeKind::Ignored { .. } => tracing::info!("{}: {notice}", path.display()),
            _ => tracing::warn!("{}: {notice}", path.display()),
        }
    }
}

/// Why a connector was refused, without the pointer to the REST interface, which is not there.
fn refusal(error: &HerderError) -> String {
    let text = error.to_string();
    match text.split_once("\nYou can also find the above list of errors at the endpoint") {
        Some((errors, _)) => errors.to_owned(),
        None => text,
    }
}
