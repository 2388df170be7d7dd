//! Running a pipeline, killing it, and running it again.

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

use crate::kill::disk::Disk;
use crate::kill::line;
use crate::kill::line::LINE;
use crate::kill::outcome::Outcome;
use crate::kill::outcome::Proof;
use crate::kill::pipeline::Look;
use crate::kill::pipeline::Pipeline;
use crate::kill::pipeline::size;
use crate::kill::random::Random;
use crate::kill::step::Step;
use crate::kill::trigger::Death;

/// A run: what is moved, and when it is cut off.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// `connect-kill`: runs the pipeline that its `run` names.
    pub program: PathBuf,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// When it dies.
    pub step: Step,
    /// How many lines there are. If they have arrived before all kills happened, some are added.
    pub lines: u64,
    /// How often the process is killed.
    pub kills: u64,
    /// Decides when.
    pub seed: u64,
}

/// How a process ended.
struct Life {
    /// What it found; `None` if it died before it had looked.
    look: Option<Look>,
    was_killed: bool,
    /// The file of the sink ended inside of a line.
    tore: bool,
}

/// When to kill from outside.
enum Cue {
    /// So long after the start.
    After(Duration),
    /// When the output has so many bytes, and a moment has passed.
    Grown(u64, Duration),
}

impl Plan {
    /// A run with 20 kills over 100,000 lines.
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

    /// Runs until all kills have happened and every line has arrived, and looks at what arrived.
    ///
    /// *Blocking*: for as long as it takes.
    ///
    /// # Errors
    /// The process ended in another way than it should, made no progress, or never came to the step.
    pub fn run(&self) -> Result<Outcome> {
        self.run_with(None)
    }

    /// As [`run`](Self::run), and cuts the power of a disk, on which the pipeline is, with each kill.
    ///
    /// *Blocking*: for as long as it takes.
    ///
    /// # Errors
    /// As [`run`](Self::run); or the disk cannot be mounted again.
    pub fn run_with_power_cuts(&self, disk: &Disk) -> Result<Outcome> {
        self.run_with(Some(disk))
    }

    fn run_with(&self, disk: Option<&Disk>) -> Result<Outcome> {
        let start = Instant::now();
        let mut random = Random::new(self.seed);
        let mut lines = self.lines;
        line::append(&self.pipeline.input(), 0..lines).map_err(|error| files(&error))?;
        let mut proof = Proof::default();
        let mut misses = 0;
        let mut tears = 0;
        loop {
            let left = self.kills - proof.kills;
            let life = self.live(&mut random, lines, left, misses)?;
            proof.looks.extend(life.look);
            tears += u64::from(life.tore);
            if life.was_killed {
                proof.kills += 1;
                misses = 0;
                if let Some(disk) = disk {
                    self.write_back(&mut random)
                        .and_then(|()| disk.cut_power())
                        .map_err(|error| files(&error))?;
                }
            } else if left == 0 {
                break;
            } else {
                misses += 1;
                if misses > MOST_MISSES {
                    return Err(Error::external(format!(
                        "after {lines} lines, {left} of {} kills at step \"{}\" are still to come",
                        self.kills, self.step
                    )));
                }
                let more = lines / 2 + 1;
                let numbers = lines..lines + more;
                line::append(&self.pipeline.input(), numbers).map_err(|error| files(&error))?;
                lines += more;
            }
        }
        proof.lines = lines;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| files(&error))?;
        let outcome = runtime.block_on(proof.prove(&self.pipeline))?;
        Ok(Outcome {
            step: self.step,
            seed: self.seed,
            tears,
            time: start.elapsed(),
            ..outcome
        })
    }

    /// One process, from its start to its end.
    fn live(&self, random: &mut Random, lines: u64, kills_left: u64, misses: u32) -> Result<Life> {
        let output = self.pipeline.output();
        let length = size(&output);
        let (mut cue, mut death) = (None, None);
        if kills_left > 0 {
            let to_come = lines.saturating_sub(length / LINE);
            match self.step {
                Step::Random => cue = Some(cue_for(random, length, to_come / (kills_left + 1))),
                step => death = Some(self.death(random, step, misses)),
            }
        }
        let mut child = self.spawn(death)?;
        let status = self.watch(&mut child, cue)?;
        let mut printed = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout
                .read_to_string(&mut printed)
                .map_err(|error| files(&error))?;
        }
        let was_killed = matches!(status.signal(), Some(SIGKILL | SIGXFSZ));
        if !was_killed && !status.success() {
            return Err(self.failed(&status.to_string()));
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

    /// After lives that came to their end, one of fewer events.
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
        } = &self.pipeline;
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg("--folder")
            .arg(folder)
            .arg(format!("--batch={batch}"))
            .arg(format!("--flush-ms={}", flush_interval.as_millis()))
            .arg(format!("--in-flight-bytes={in_flight_bytes}"));
        if *exactly_once {
            command.arg("--exactly-once");
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

    /// Waits for the end of a process, and kills it when it is time.
    fn watch(&self, child: &mut Child, mut cue: Option<Cue>) -> Result<ExitStatus> {
        let output = self.pipeline.output();
        let start = Instant::now();
        let (mut length, mut progress) = (size(&output), Instant::now());
        loop {
            if let Some(status) = child.try_wait().map_err(|error| files(&error))? {
                return Ok(status);
            }
            let now = size(&output);
            if now != length {
                (length, progress) = (now, Instant::now());
            }
            match cue {
                Some(Cue::After(time)) if start.elapsed() >= time => {
                    return kill(child).map_err(|error| files(&error));
                }
                Some(Cue::Grown(goal, delay)) if now >= goal => {
                    cue = Some(Cue::After(start.elapsed() + delay));
                }
                _ => {}
            }
            if progress.elapsed() > PATIENCE {
                kill(child).map_err(|error| files(&error))?;
                let seconds = PATIENCE.as_secs();
                return Err(self.failed(&format!("nothing happened for {seconds} s")));
            }
            nap();
        }
    }

    /// Syncs some files, as a system may do at any time and in any order.
    fn write_back(&self, random: &mut Random) -> io::Result<()> {
        for folder in [&self.pipeline.folder, &self.pipeline.log()] {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths.iter().filter(|path| path.is_file()) {
                if random.below(2) == 0 {
                    File::open(path)?.sync_all()?;
                }
            }
        }
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.pipeline.folder.join("run.log")
    }

    /// An error with the last lines that the processes printed.
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

/// One of four times soon after the start, else after about so many lines.
fn cue_for(random: &mut Random, length: u64, lines: u64) -> Cue {
    if random.below(4) == 0 {
        Cue::After(Duration::from_micros(random.below(60_000)))
    } else {
        // A little less than `lines` on average, so that the last kill comes before the last line.
        let grown = random.below(lines * 9 / 5) * LINE;
        Cue::Grown(length + grown, Duration::from_micros(random.below(5_000)))
    }
}

fn kill(child: &mut Child) -> io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}

#[expect(clippy::disallowed_methods, reason = "another process is looked at")]
fn nap() {
    std::thread::sleep(Duration::from_micros(500));
}

fn files(error: &io::Error) -> Error {
    Error::external(format!("cannot run the pipeline: {error}"))
}

/// Ends a process in the middle of a write.
const SIGXFSZ: i32 = 25;
const SIGKILL: i32 = 9;

/// How long a process may write nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often in a row lines are added so that a step comes.
const MOST_MISSES: u32 = 12;
