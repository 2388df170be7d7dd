//! Kills a pipeline again and again, and checks that all of its lines arrived.
//!
//! ```text
//! connect-kill --lines 1000000 --kills 50 --step all
//! connect-kill --lines 10000000 --kills 200 --step random --exactly-once --seed 7
//! connect-kill --lines 5000000 --kills 30 --kafka --broker-restarts 5 --cuts 5
//! ```
//!
//! Prints a Markdown table. The exit status is 1 if an outcome is not as promised.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use connect_api::Error;
use connect_api::Result;
use connect_testkit::kill::Change;
use connect_testkit::kill::Changed;
use connect_testkit::kill::Death;
use connect_testkit::kill::Disk;
use connect_testkit::kill::Outcome;
use connect_testkit::kill::Pipeline;
use connect_testkit::kill::Plan;
use connect_testkit::kill::Step;
use tokio::runtime::Runtime;

/// Runs file → log → file in a process, kills it again and again, and counts by the numbers in the
/// lines what is lost, duplicated or out of order.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the pipeline that is killed.
    #[command(hide = true)]
    Run(Run),
    /// One change of a connector, in a process that is killed. Not for people.
    #[command(hide = true)]
    Change {
        change: Change,
        /// The folder of the log
        log: PathBuf,
        /// At which event it kills itself
        event: u64,
    },
}

#[derive(Debug, Args)]
struct Test {
    /// Number of lines that each run moves
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,

    /// Number of kills per run
    #[arg(long, default_value_t = 50)]
    kills: u64,

    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Where to kill: the name of a step, "random", or "all" for one run per step
    #[arg(long, default_value = "random")]
    step: String,

    /// Exactly-once on both sides
    #[arg(long)]
    exactly_once: bool,

    /// Kills in changes of a connector instead: at each step of each change
    #[arg(long)]
    changes: bool,

    /// Cut the power with each kill: only synced writes survive. Needs the permission to mount
    #[arg(long)]
    power: bool,

    /// Use a real Kafka, started for each run, instead of the durable log in the process
    #[arg(long, conflicts_with = "power")]
    kafka: bool,

    /// How often the broker is killed or stopped, and started again, during each run
    #[arg(long, default_value_t = 0, requires = "kafka")]
    broker_restarts: u64,

    /// How often the connections to the broker are cut, refused, delayed or silent for a while
    #[arg(long, default_value_t = 0, requires = "kafka")]
    cuts: u64,

    /// Number of lines per batch of the source
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,

    /// Milliseconds between two commits of offsets
    #[arg(long, default_value_t = 20)]
    flush_ms: u64,

    /// Where to create the folders of the runs; the system's temporary folder by default
    #[arg(long)]
    folder: Option<PathBuf>,

    /// Keep all folders, not only those of failed runs
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Args)]
struct Run {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    exactly_once: bool,
    #[arg(long)]
    batch: u64,
    #[arg(long)]
    flush_ms: u64,
    #[arg(long, default_value_t = 16 << 20)]
    in_flight_bytes: u64,
    /// The addresses of Kafka
    #[arg(long)]
    kafka: Option<String>,
    /// The topic, and the prefix of the connectors' names
    #[arg(long, default_value = "lines")]
    name: String,
    /// When it kills itself: STEP:EVENT:THOUSANDTHS
    #[arg(long)]
    die: Option<Death>,
}

fn main() -> ExitCode {
    let Arguments { command, test } = Arguments::parse();
    let ended = match command {
        Some(Command::Run(run)) => run_pipeline(run).map(|()| true),
        Some(Command::Change { change, log, event }) => runtime().and_then(|runtime| {
            runtime
                .block_on(change.make_and_die(&log, event))
                .map(|()| true)
        }),
        None if test.changes => run_changes(&test),
        None => run_tests(&test),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("connect-kill: {}", error.report());
            ExitCode::FAILURE
        }
    }
}

fn run_pipeline(run: Run) -> Result<()> {
    let mut pipeline = Pipeline::new(run.folder, run.exactly_once);
    pipeline.batch = run.batch;
    pipeline.flush_interval = Duration::from_millis(run.flush_ms);
    pipeline.in_flight_bytes = run.in_flight_bytes;
    (pipeline.kafka, pipeline.name) = (run.kafka, run.name);
    runtime()?.block_on(pipeline.run(run.die))
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed("cannot start the runtime", &error))
}

/// Ends with an error at the first state between.
fn run_changes(test: &Test) -> Result<bool> {
    let program = std::env::current_exe().map_err(|error| failed("cannot find myself", &error))?;
    let parent = test.folder.clone().unwrap_or_else(std::env::temp_dir);
    println!("{}", Changed::HEAD);
    for change in Change::ALL {
        let name = format!("connect-kill-{}-{change}", std::process::id());
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| failed("cannot make a folder", &error))?;
        println!("{}", change.run(&program, &folder)?);
        if !test.keep {
            // Leaving it costs nothing but room.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(true)
}

/// Returns true if all outcomes are as promised.
fn run_tests(test: &Test) -> Result<bool> {
    let steps: Vec<Step> = match test.step.as_str() {
        "all" => Step::ALL
            .into_iter()
            .filter(|step| match test.kafka {
                true => step.exists_on_kafka(test.exactly_once),
                false => step.exists(test.exactly_once),
            })
            .collect(),
        name => vec![name.parse().map_err(Error::config)?],
    };
    let program = std::env::current_exe()
        .map_err(|error| failed("cannot find the path of this program", &error))?;
    let parent = test.folder.clone().unwrap_or_else(std::env::temp_dir);
    if test.kafka {
        println!("{}", Outcome::HEAD_ON_KAFKA);
    } else {
        println!("{}", Outcome::HEAD);
    }
    let mut all_well = true;
    for step in steps {
        let name = format!("connect-kill-{}-{step}", std::process::id());
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| failed(&format!("cannot create {}", folder.display()), &error))?;
        let disk = test
            .power
            .then(|| Disk::mount(&folder, (512 << 20) + test.lines * 4000));
        let disk = disk.transpose().map_err(|error| {
            failed(
                "cannot mount a disk; run as root, or without --power",
                &error,
            )
        })?;
        let place = disk.as_ref().map_or(folder.as_path(), Disk::path);
        let mut pipeline = Pipeline::new(place.to_owned(), test.exactly_once);
        pipeline.batch = test.batch;
        pipeline.flush_interval = Duration::from_millis(test.flush_ms);
        let mut plan = Plan::new(program.clone(), pipeline, step);
        (plan.lines, plan.kills, plan.seed) = (test.lines, test.kills, test.seed);
        let outcome = match &disk {
            Some(disk) => plan.run_with_power_cuts(disk)?,
            None if test.kafka => run_on_kafka(&plan, test)?,
            None => plan.run()?,
        };
        drop(disk);
        println!("{outcome}");
        let is_well = outcome.is_as_promised();
        all_well &= is_well;
        if test.keep || !is_well {
            eprintln!(
                "{step}: {:.1} s, kept in {}",
                outcome.time.as_secs_f64(),
                folder.display()
            );
        } else {
            eprintln!("{step}: {:.1} s", outcome.time.as_secs_f64());
            // If it stays, it only takes space.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(all_well)
}

#[cfg(feature = "kafka")]
fn run_on_kafka(plan: &Plan, test: &Test) -> Result<Outcome> {
    let cluster = connect_testkit::kafka::KafkaCluster::builder()
        .proxied()
        .start();
    let outages = connect_testkit::kill::Outages::new(test.broker_restarts, test.cuts);
    plan.run_on_kafka(&cluster, outages)
}

#[cfg(not(feature = "kafka"))]
fn run_on_kafka(_: &Plan, _: &Test) -> Result<Outcome> {
    Err(Error::unsupported(
        "this program was built without Kafka; build it with --features kafka,kill",
    ))
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::external(format!("{what}: {error}"))
}
