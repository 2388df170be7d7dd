//! The task that reads and writes the configuration log, so that the driver waits for neither.

use std::time::Duration;

use connect_core::Failure;
use connect_core::cluster::log::ConfigRecord;
use connect_core::herder::ActionId;
use connect_core::herder::Input;
use connect_core::herder::Outcome;
use tokio::sync::mpsc;

use crate::store::ConfigStore;

/// A write that the herder has asked for.
pub(super) type Write = (ActionId, Vec<ConfigRecord>);

/// Reads the log to its end, then writes and follows it, until the driver is gone.
pub(super) async fn keep(
    mut log: Box<dyn ConfigStore>,
    mut writes: mpsc::Receiver<Write>,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        match log.read_to_end().await {
            Ok(read) => {
                if !pass_on(&inputs, read).await || inputs.send(Input::CaughtUp).await.is_err() {
                    return;
                }
                break;
            }
            Err(failure) => wait_after(&failure).await,
        }
    }
    loop {
        let is_there = tokio::select! {
            // Cancel-safe: both only wait.
            write = writes.recv() => {
                let Some((id, records)) = write else { return };
                let (read, result) = match log.append(records).await {
                    Ok(read) => (read, Ok(())),
                    Err(failure) => (Vec::new(), Err(failure)),
                };
                let done = Input::Done(id, Outcome::Written(result));
                pass_on(&inputs, read).await && inputs.send(done).await.is_ok()
            }
            read = log.follow() => match read {
                Ok(read) => pass_on(&inputs, read).await,
                Err(failure) => {
                    wait_after(&failure).await;
                    true
                }
            },
        };
        if !is_there {
            return;
        }
    }
}

/// False once the driver is gone.
async fn pass_on(inputs: &mpsc::Sender<Input>, read: Vec<(i64, ConfigRecord)>) -> bool {
    for (offset, record) in read {
        if inputs.send(Input::Config { offset, record }).await.is_err() {
            return false;
        }
    }
    true
}

async fn wait_after(failure: &Failure) {
    tracing::error!(%failure, "the configuration log cannot be read; trying again");
    tokio::time::sleep(PAUSE).await;
}

/// The pause before the log is read again after an error.
const PAUSE: Duration = Duration::from_secs(1);
