//! `connect validate`.

use std::path::Path;
use std::path::PathBuf;

use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::Notice;
use connect_runtime::TargetState;

use crate::command::connector;
use crate::command::registry;
use crate::command::worker;
use crate::failure::Failure;

/// Checks files as a start would check them, on a log in memory and with nothing started.
pub(crate) async fn validate(
    worker_file: &Path,
    connector_files: &[PathBuf],
) -> Result<(), Failure> {
    let config = worker(worker_file, print)?;
    let deadline = config.graceful_timeout();
    let connect = Connect::builder()
        .registry(registry())
        .broker(LocalBroker::memory())
        .worker(config)
        .build()
        .await
        .map_err(|error| Failure::Start(error.report()))?;
    let mut failures = Vec::new();
    for path in connector_files {
        match check(&connect, path).await {
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

async fn check(connect: &Connect, path: &Path) -> Result<(), String> {
    let file = connector(connect.registry(), path, print)?;
    connect
        .create_connector_in(file.name, file.config, TargetState::Stopped)
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

fn print(path: &Path, notice: &Notice) {
    println!("{}: {notice}", path.display());
}
