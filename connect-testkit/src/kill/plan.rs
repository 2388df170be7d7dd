//! Runs a pipeline, kills it and runs it again.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use connect_api::Error;
use connect_api::Result;
use tokio::runtime::Runtime;

#[cfg(feature = "kafka")]
use crate::kafka::KafkaCluster;
#[cfg(feature = "kafka")]
use crate::kafka::Listener;
use crate::kill::disk::Disk;
use crate::kill::line;
use crate::kill::line::LINE;
#[cfg(feature = "kafka")]
use crate::kill::log::Log;
#[cfg(feature = "kafka")]
use crate::kill::outage::Weather;
#[cfg(feature = "kafka")]
use crate::kill::outcome::Outages;
use crate::kill::outcome::Outcome;
use crate::kill::outcome::Proof;
use crate::kill::pipeline::Look;
use crate::kill::pipeline::Pipeline;
use crate::kill::pipeline::size;
use crate::kill::random::Random;
use crate::kill::step::Step;
use crate::kill::surroundings::Plain;
use crate::kill::surroundings::Surroundings;
use crate::kill::trigger::Death;

/// A run: what is moved, and when it is killed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The program `connect-kill`, whose subcommand `run` runs the pipeline.
    pub program: PathBuf,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// When it is killed.
    pub step: Step,
    /// The number of lines. More are added if they arrive before all kills have happened.
    pub lines: u64,
    /// How often the process is killed.
    pub kills: u64,
    /// The seed of all random choices.
    pub seed: u64,
}

/// How a process ended.
struct Life {
    /// What it found; `None` if it was killed before it had looked.
    look: Option<Look>,
    was_killed: bool,
    /// The file of the sink ended with an incomplete line.
    tore: bool,
}

/// When to kill from outside.
enum Cue {
    /// A time after the start.
    After(Duration),
    /// A time after the output has reached a size.
    Reached(u64, Duration),
}

impl Plan {
    /// Creates a run with 20 kills and 100,000 lines.
    #[must_use]
    pub fn new(program: PathBuf, mut pipeline: Pipeline, step: Step) -> Self {
        step.tune(&mut pipeline);
        Self {
            program,
            pipeline,
            step,
            lines: 100_000,
            kills: 20,
            seed: 1,
        }
    }

    /// Runs until all kills have happened and every line has arrived, and checks what arrived.
    ///
    /// *Blocking*: until then.
    ///
    /// # Errors
    /// The process failed, made no progress, or never reached the step.
    pub fn run(&self) -> Result<Outcome> {
        self.run_in(&mut Plain)
    }

    /// Like [`run`](Self::run), and cuts the power of the pipeline's disk with each kill.
    ///
    /// *Blocking*: until it is done.
    ///
    /// # Errors
    /// As [`run`](Self::run); or the disk cannot be mounted again.
    pub fn run_with_power_cuts(&self, mut disk: &Disk) -> Result<Outcome> {
        self.run_in(&mut disk)
    }

    /// Like [`run`](Self::run), on a Kafka of one node with a proxy that goes through outages. The input
    /// grows with the output, so records are always in flight.
    ///
    /// *Blocking*: until it is done.
    ///
    /// # Errors
    /// As [`run`](Self::run); or the topic cannot be created.
    #[cfg(feature = "kafka")]
    pub fn run_on_kafka(&self, cluster: &KafkaCluster, outages: Outages) -> Result<Outcome> {
        let mut plan = self.clone();
        plan.pipeline.kafka = Some(cluster.bootstrap_of(Listener::Proxied).to_owned());
        runtime()?.block_on(Log::create_topic(&plan.pipeline))?;
        std::thread::scope(|scope| {
            let log = plan.log_file();
            let mut weather = Weather::new(scope, cluster, outages, plan.lines, plan.seed, log);
            plan.run_in(&mut weather)
        })
    }

    fn run_in(&self, surroundings: &mut dyn Surroundings) -> Result<Outcome> {
        let start = Instant::now();
        let mut course = Course {
            plan: self,
            surroundings,
            random: Random::new(self.seed),
            lines: self.lines,
            input: 0,
        };
        let (proof, tears) = course.run()?;
        let outages = course.surroundings.outages();
        let outcome = runtime()?.block_on(proof.prove(&self.pipeline))?;
        Ok(Outcome {
            step: self.step,
            seed: self.seed,
            outages,
            tears,
            time: start.elapsed(),
            ..outcome
        })
    }

    /// Chooses when a process kills itself. After processes that ended first, it comes earlier.
    fn death(&self, random: &mut Random, step: Step, misses: u32) -> Death {
        let batches = self.lines / self.pipeline.batch / (self.kills + 1);
        Death {
            step,
            event: 1 + random.below(step.choices(batches) >> misses),
            thousandths: random.below(1000),
        }
    }

    fn spawn(&self, death: Option<Death>) -> Result<Child> {
        let Pipeline {
            folder,
            exactly_once,
            batch,
            flush_interval,
            in_flight_bytes,
            kafka,
            name,
        } = &self.pipeline;
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg("--folder")
            .arg(folder)
            .arg(format!("--batch={batch}"))
            .arg(format!("--flush-ms={}", flush_interval.as_millis()))
            .arg(format!("--in-flight-bytes={in_flight_bytes}"))
            .arg(format!("--name={name}"));
        if *exactly_once {
            command.arg("--exactly-once");
        }
        if let Some(addresses) = kafka {
            command.arg(format!("--kafka={addresses}"));
        }
        if let Some(death) = death {
            command.arg(format!("--die={death}"));
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.map_err(|error| files(&error))?)
            .spawn()
            .map_err(|error| files(&error))
    }

    fn log_file(&self) -> PathBuf {
        self.pipeline.folder.join("run.log")
    }

    /// An error with the last log lines of the processes.
    fn failed(&self, what: &str) -> Error {
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        let last: Vec<_> = log.lines().rev().take(20).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        let folder = self.pipeline.folder.display();
        let (step, seed) = (self.step, self.seed);
        Error::external(format!(
            "the pipeline in {folder} (step {step}, seed {seed}) ended with {what}:\n{}",
            last.join("\n")
        ))
    }
}

/// A running plan.
struct Course<'a> {
    plan: &'a Plan,
    surroundings: &'a mut dyn Surroundings,
    random: Random,
    /// The number of lines that the input will have.
    lines: u64,
    /// The number of lines that the input has now.
    input: u64,
}

impl Course<'_> {
    /// Runs processes until everything has happened and every line has arrived. Counts torn outputs.
    fn run(&mut self) -> Result<(Proof, u64)> {
        let Plan {
            kills, pipeline, ..
        } = self.plan;
        let mut proof = Proof::default();
        let (mut misses, mut tears) = (0, 0);
        loop {
            let left = kills - proof.kills;
            self.feed(self.progress()?, left)?;
            let was_whole = self.input == self.lines;
            let life = self.live(left, misses)?;
            proof.looks.extend(life.look);
            tears += u64::from(life.tore);
            if life.was_killed {
                proof.kills += 1;
                misses = 0;
                self.surroundings.killed(pipeline, &mut self.random)?;
                continue;
            }
            self.surroundings.calm_down()?;
            // The next process moves lines that were added while this one was ending.
            let is_whole =
                was_whole || self.input == self.lines && self.progress()? == self.lines * LINE;
            if left == 0 && self.surroundings.are_quiet() && is_whole {
                proof.lines = self.lines;
                return Ok((proof, tears));
            }
            misses += 1;
            if misses > MOST_MISSES {
                return Err(Error::external(format!(
                    "{left} of {kills} kills at step \"{}\" did not happen within {} lines; its event may not \
                     exist, see the marks of the steps",
                    self.plan.step, self.lines
                )));
            }
            if was_whole {
                self.lines += self.lines / 2 + 1;
            }
        }
    }

    /// Runs one process from start to end.
    fn live(&mut self, kills_left: u64, misses: u32) -> Result<Life> {
        let output = self.plan.pipeline.output();
        let (mut cue, mut death) = (None, None);
        if kills_left > 0 {
            match self.plan.step {
                Step::Random => cue = Some(self.cue(kills_left)?),
                step => death = Some(self.plan.death(&mut self.random, step, misses)),
            }
        }
        let mut child = self.plan.spawn(death)?;
        let watched = self.watch(&mut child, cue, kills_left);
        if watched.is_err() {
            // The error is returned; the process must not stay.
            let _ = kill(&mut child);
        }
        let status = watched?;
        let mut printed = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout
                .read_to_string(&mut printed)
                .map_err(|error| files(&error))?;
        }
        let was_killed = matches!(status.signal(), Some(SIGKILL | SIGXFSZ));
        if !was_killed && !status.success() {
            return Err(self.plan.failed(&status.to_string()));
        }
        let look = printed
            .strip_suffix('\n')
            .map(str::parse::<Look>)
            .transpose();
        let tore = !size(&output).is_multiple_of(LINE);
        Ok(Life {
            look: look.map_err(Error::external)?,
            was_killed,
            tore,
        })
    }

    /// Waits until a process ends, and kills it when the cue comes.
    fn watch(
        &mut self,
        child: &mut Child,
        mut cue: Option<Cue>,
        kills_left: u64,
    ) -> Result<ExitStatus> {
        let output = self.plan.pipeline.output();
        let start = Instant::now();
        let (mut length, mut moved) = (size(&output), Instant::now());
        let mut progress = self.progress()?;
        loop {
            if let Some(status) = child.try_wait().map_err(|error| files(&error))? {
                return Ok(status);
            }
            let now = size(&output);
            if now != length {
                (length, moved) = (now, Instant::now());
                progress = self.progress()?.max(progress);
                self.feed(progress, kills_left)?;
            }
            self.surroundings.arrived(progress / LINE)?;
            match cue {
                Some(Cue::After(time)) if start.elapsed() >= time => {
                    return kill(child).map_err(|error| files(&error));
                }
                Some(Cue::Reached(goal, delay)) if progress >= goal => {
                    cue = Some(Cue::After(start.elapsed() + delay));
                }
                _ => {}
            }
            if moved.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(self.plan.failed(&format!("no progress for {seconds} s")));
            }
            nap();
        }
    }

    /// Chooses when to kill: soon after the start in one of four cases, otherwise after about as many
    /// lines as each process moves.
    fn cue(&mut self, kills_left: u64) -> Result<Cue> {
        let progress = self.progress()?;
        let lines = self.lines.saturating_sub(progress / LINE) / (kills_left + 1);
        let random = &mut self.random;
        Ok(if random.below(4) == 0 {
            let start = if self.plan.pipeline.kafka.is_some() {
                START_ON_KAFKA
            } else {
                START
            };
            Cue::After(Duration::from_micros(random.below(start)))
        } else {
            // A little less than `lines` on average, so that the last kill comes before the last
            // line.
            let grown = random.below(lines * 9 / 5) * LINE;
            Cue::Reached(progress + grown, Duration::from_micros(random.below(5_000)))
        })
    }

    /// Returns how far the output has come, in bytes. On Kafka, where the source may be far ahead of
    /// the sink, lines that come again do not count.
    fn progress(&self) -> Result<u64> {
        let pipeline = &self.plan.pipeline;
        let output = pipeline.output();
        if pipeline.kafka.is_none() {
            return Ok(size(&output));
        }
        let last = line::last(&output).map_err(|error| files(&error))?;
        Ok(last.map_or(0, |number| (number + 1) * LINE))
    }

    /// Extends the input. On Kafka it stays only some lines ahead of the output while kills or outages
    /// are to come: a source that has sent everything cannot be disturbed.
    fn feed(&mut self, progress: u64, kills_left: u64) -> Result<()> {
        let is_kept_short = self.plan.pipeline.kafka.is_some()
            && (kills_left > 0 || !self.surroundings.are_quiet());
        let mut goal = self.lines;
        let (arrived, share) = (progress / LINE, self.lines / (self.plan.kills + 1));
        if is_kept_short {
            goal = goal.min(arrived + 2 * share);
            // Writes larger parts only.
            if goal < self.lines && goal < self.input + share / 8 {
                return Ok(());
            }
        }
        if self.input < goal {
            let input = self.plan.pipeline.input();
            let file = line::append(&input, self.input..goal).map_err(|error| files(&error))?;
            if self.plan.pipeline.kafka.is_none() {
                // Needed where the power may fail.
                file.sync_all().map_err(|error| files(&error))?;
            }
            self.input = goal;
        }
        Ok(())
    }
}

fn kill(child: &mut Child) -> io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}

pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| files(&error))
}

#[expect(clippy::disallowed_methods, reason = "polls another process")]
pub(crate) fn nap() {
    std::thread::sleep(Duration::from_micros(500));
}

pub(crate) fn files(error: &io::Error) -> Error {
    Error::external(format!("cannot run the pipeline: {error}"))
}

/// Ends a process during a write beyond the file size limit.
const SIGXFSZ: i32 = 25;
const SIGKILL: i32 = 9;

/// The microseconds after a start within which an early kill happens.
const START: u64 = 60_000;

/// The same on Kafka, where connecting takes longer.
const START_ON_KAFKA: u64 = 1_500_000;

/// How long a process may write nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often in a row lines are added before a step counts as missing.
const MOST_MISSES: u32 = 12;
