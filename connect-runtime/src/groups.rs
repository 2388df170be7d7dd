//! Tells the log which consumer groups exist: those of stopped sinks have no members, and the log
//! must keep what they have not read.

use std::sync::Weak;
use std::time::Duration;

use connect_api::Result;
use connect_core::TaskId;
use connect_core::herder::HerderCore;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::end::Sink;
use crate::end::sinks;
use crate::herder::Command;
use crate::worker::GivenUp;
use crate::worker::Worker;
use crate::worker::consumer_options;

/// Declares the group of every sink connector, again and again until the worker has ended.
pub(crate) async fn keep_declared(
    worker: Weak<Worker>,
    commands: mpsc::WeakSender<Command>,
    mut ended: watch::Receiver<Option<Vec<GivenUp>>>,
) {
    tokio::select! {
        // A closed channel is the end, too. What is dropped here is only a declaration.
        _ = ended.wait_for(Option::is_some) => {}
        () = declare_all(worker, commands) => {}
    }
}

/// Ends when the worker is dropped.
async fn declare_all(worker: Weak<Worker>, commands: mpsc::WeakSender<Command>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (Some(worker), Some(commands)) = (worker.upgrade(), commands.upgrade()) else {
            return;
        };
        let (reply, answer) = oneshot::channel();
        let look = move |core: &HerderCore| drop(reply.send(sinks(core)));
        if commands.send(Command::Look(Box::new(look))).await.is_err() {
            return;
        }
        drop(commands);
        let Ok(sinks) = answer.await else {
            return;
        };
        for sink in sinks {
            if let Err(error) = declare(&worker, &sink).await {
                let error = error.report();
                tracing::warn!(connector = %sink.name, error, "the group of the sink could not be declared to the log");
            }
        }
    }
}

async fn declare(worker: &Worker, sink: &Sink) -> Result<()> {
    let id = TaskId::new(sink.name.clone(), 0);
    let options = consumer_options(&id, &sink.settings, &worker.config, &sink.config)?;
    Ok(worker.broker()?.declare_group(&options).await?)
}

/// How often: a new sink without tasks is unknown for so long at most.
const INTERVAL: Duration = Duration::from_secs(5);
