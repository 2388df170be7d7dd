//! `connect standalone`.

use std::fmt::Display;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use connect_broker::Broker;
use connect_cli::connector_file;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::Declared;
use connect_runtime::EndReport;
use connect_runtime::HerderError;
use connect_runtime::WorkerConfig;

use crate::command::Show;
use crate::command::registry;
use crate::command::worker;
use crate::failure::Failure;
use crate::progress;
use crate::progress::per_second;
use crate::progress::thousands;
use crate::signal::Signals;

/// Runs a worker with connectors, until a signal or until the end.
pub(crate) async fn standalone(
    worker_file: &Path,
    connector_files: &[PathBuf],
    until_end: bool,
) -> Result<(), Failure> {
    let start = Instant::now();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::Start(format!("cannot listen for signals: {error}")))?;
    let config = worker(worker_file, &registry(), Show::Unstarted)?;
    let connect = open(&config).await?;
    let ran = match declare(&connect, connector_files).await {
        Ok(()) if until_end => run_to_end(&connect, &mut signals, start).await,
        Ok(()) => {
            tracing::info!("running; press Ctrl-C to stop");
            announce_stop(signals.next().await);
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    let left = shut_down(&connect, &config, &mut signals).await;
    ran.and(left)
}

/// Starts a worker on the log that its configuration selects.
async fn open(config: &WorkerConfig) -> Result<Connect, Failure> {
    let failed = |error: connect_api::Error| Failure::Start(error.report());
    let broker: Arc<dyn Broker> = if config.has_kafka() {
        kafka(config)?
    } else {
        let broker = LocalBroker::open(config.data_dir()).await;
        Arc::new(broker.map_err(|error| failed(error.into()))?)
    };
    Connect::builder()
        .registry(registry())
        .shared_broker(broker)
        .worker(config.clone())
        .awaits_declaration()
        .build()
        .await
        .map_err(failed)
}

#[cfg(feature = "kafka")]
fn kafka(config: &WorkerConfig) -> Result<Arc<dyn Broker>, Failure> {
    let broker = connect_kafka::KafkaBroker::new(config.raw().clone());
    let failed = |error| Failure::Start(connect_api::Error::from(error).report());
    Ok(Arc::new(broker.map_err(failed)?))
}

#[cfg(not(feature = "kafka"))]
fn kafka(config: &WorkerConfig) -> Result<Arc<dyn Broker>, Failure> {
    Err(Failure::Start(format!(
        "bootstrap.servers is \"{}\", but this build has no Kafka support; build it with \
         --features kafka, or remove the line to keep topics in the folder `data.dir`",
        config.bootstrap_servers().join(",")
    )))
}

/// Declares the connectors of all files; says of every one that cannot be created why.
///
/// A file that cannot be read stops the start before anything is declared: which connector it
/// declares is not known, and one that is no longer declared is removed.
async fn declare(connect: &Connect, files: &[PathBuf]) -> Result<(), Failure> {
    let failed = |path: &Path, reason: &dyn Display| {
        let path = path.display();
        format!("cannot create the connector of {path}: {reason}")
    };
    let mut failures = Vec::new();
    let mut declared: Vec<Declared> = Vec::new();
    let mut paths = Vec::new();
    for path in files {
        match connector_file::read(path) {
            Ok(file) if declared.iter().any(|other| *other.name == *file.name) => {
                let error = HerderError::AlreadyExists(file.name.into());
                failures.push(failed(path, &error));
            }
            Ok(file) => {
                let mut connector = Declared::new(file.name, file.config);
                connector.initial = file.initial_state;
                declared.push(connector);
                paths.push(path);
            }
            Err(reason) => failures.push(failed(path, &reason)),
        }
    }
    if !failures.is_empty() {
        return Err(Failure::Connectors(failures));
    }
    let declaration = connect
        .declare(declared)
        .await
        .map_err(|error| Failure::Start(error.to_string()))?;
    for name in declaration.removed {
        tracing::info!(connector = %name, "removed, because no file declares it now; its offsets are kept");
    }
    for (path, (name, outcome)) in paths.into_iter().zip(declaration.connectors) {
        match outcome {
            Ok(info) if info.created => {
                tracing::info!(connector = %name, tasks = info.tasks, "created");
            }
            Ok(info) => tracing::info!(connector = %name, tasks = info.tasks, "declared again"),
            Err(error) => failures.push(failed(path, &error)),
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Connectors(failures))
    }
}

/// Waits until everything has arrived, or for a signal.
async fn run_to_end(
    connect: &Connect,
    signals: &mut Signals,
    start: Instant,
) -> Result<(), Failure> {
    // All three may be dropped: the first two only observe, and a signal is kept for the next call.
    let report = tokio::select! {
        report = connect.until_end() => report,
        () = progress::show(connect) => return Ok(()),
        name = signals.next() => {
            announce_stop(name);
            return Ok(());
        }
    };
    let report = report.map_err(|error| Failure::Run(error.report()))?;
    summarize(&report, start);
    if report.lost > 0 {
        let lost = thousands(report.lost);
        let text = format!(
            "the log removed up to {lost} records before a sink had read them; the lines above \
             say of which topics"
        );
        return Err(Failure::Run(text));
    }
    Ok(())
}

fn summarize(report: &EndReport, start: Instant) {
    for leftover in &report.leftovers {
        eprintln!("left: {leftover}");
    }
    if report.skipped > 0 {
        eprintln!(
            "skipped because of errors: {} records",
            thousands(report.skipped)
        );
    }
    let time = start.elapsed();
    let rate = per_second(report.records_in.max(report.records_out), time);
    eprintln!(
        "done: {} records read, {} written, {:.1} s, {} records/s",
        thousands(report.records_in),
        thousands(report.records_out),
        time.as_secs_f64(),
        thousands(rate)
    );
}

fn announce_stop(signal: &str) {
    tracing::info!("{signal}: stopping; press Ctrl-C again to stop immediately");
}

/// Stops in order; a second signal stops immediately. Each task has its own deadline, so the whole has
/// a little longer.
async fn shut_down(
    connect: &Connect,
    config: &WorkerConfig,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let report = tokio::select! {
        report = connect.shutdown(config.graceful_timeout() + MARGIN) => report,
        name = signals.next() => {
            return Err(Failure::Run(format!("{name}: stopped immediately; records since the last commit will be delivered again")));
        }
    };
    if report.is_clean() {
        return Ok(());
    }
    let left: Vec<_> = report.left.iter().map(ToString::to_string).collect();
    Err(Failure::Run(format!(
        "did not stop in time: {}",
        left.join(", ")
    )))
}

/// How long a stop may take besides the tasks.
const MARGIN: Duration = Duration::from_secs(2);
