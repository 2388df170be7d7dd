//! `connect validate`.

use std::path::Path;
use std::path::PathBuf;

use connect_cli::connector_file;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::TargetState;
use connect_runtime::WorkerConfig;
use connect_runtime::connector_notices;

use crate::command::Show;
use crate::command::registry;
use crate::command::worker;
use crate::failure::Failure;

/// Checks files as a start would, on a log in memory, without starting a connector.
pub(crate) async fn validate(
    worker_file: &Path,
    connector_files: &[PathBuf],
) -> Result<(), Failure> {
    let config = worker(worker_file, &registry(), Show::Always)?;
    let deadline = config.graceful_timeout();
    let connect = Connect::builder()
        .registry(registry())
        .broker(LocalBroker::memory())
        .worker(config.clone())
        .build()
        .await
        .map_err(|error| Failure::Start(error.report()))?;
    let mut failures = Vec::new();
    for path in connector_files {
        match check(&connect, &config, path).await {
            Ok(()) => println!("{}: no errors", path.display()),
            Err(reason) => failures.push(format!("{}: {reason}", path.display())),
        }
    }
    let _ = connect.shutdown(deadline).await; // nothing runs
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Connectors(failures))
    }
}

/// Checks one file. Its notices are printed even if it is invalid: they often show the reason.
async fn check(connect: &Connect, worker: &WorkerConfig, path: &Path) -> Result<(), String> {
    let file = connector_file::read(path).map_err(|error| error.to_string())?;
    for notice in connector_notices(connect.registry(), Some(worker), &file.config) {
        println!("{}: {notice}", path.display());
    }
    connect
        .create_connector_in(file.name, file.config, TargetState::Stopped)
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}
