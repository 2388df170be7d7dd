//! Outages of Kafka, spread over a run.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::thread::Scope;
use std::thread::ScopedJoinHandle;
use std::time::Duration;
use std::time::Instant;

use connect_api::Error;
use connect_api::Result;

use crate::kafka::KafkaCluster;
use crate::kill::outcome::Outages;
use crate::kill::pipeline::Pipeline;
use crate::kill::plan::files;
use crate::kill::plan::nap;
use crate::kill::random::Random;
use crate::kill::surroundings::Surroundings;

/// A disturbance of Kafka that ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    /// All connections are closed.
    Cut,
    /// Everything is delayed by the first duration, for the second one.
    Delay(Duration, Duration),
    /// No bytes pass for a while; connections stay open.
    HalfOpen(Duration),
    /// SIGKILL, and a start.
    Kill,
    /// Connections are closed, and refused for a while.
    Refuse(Duration),
    /// SIGTERM, and a start.
    Stop,
}

impl Outage {
    const fn is_restart(self) -> bool {
        matches!(self, Self::Kill | Self::Stop)
    }

    /// Runs the outage from start to end.
    fn happen(self, cluster: &KafkaCluster) {
        match self {
            Self::Cut => cluster.proxy(0).cut(),
            Self::Delay(delay, time) => {
                cluster.proxy(0).delay(delay);
                wait(time);
                cluster.proxy(0).heal();
            }
            Self::HalfOpen(time) => {
                cluster.proxy(0).half_open();
                wait(time);
                cluster.proxy(0).heal();
            }
            Self::Kill => {
                cluster.kill(0);
                cluster.restart(0);
            }
            Self::Refuse(time) => {
                cluster.proxy(0).refuse();
                wait(time);
                cluster.proxy(0).heal();
            }
            Self::Stop => {
                cluster.stop(0);
                cluster.restart(0);
            }
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => write!(f, "connections are cut"),
            Self::Delay(delay, time) => {
                write!(f, "everything is delayed by {delay:?} for {time:?}")
            }
            Self::HalfOpen(time) => write!(f, "nothing passes for {time:?}"),
            Self::Kill => write!(f, "the broker is killed and started"),
            Self::Refuse(time) => write!(f, "connections are refused for {time:?}"),
            Self::Stop => write!(f, "the broker is stopped and started"),
        }
    }
}

/// A Kafka with outages, one at a time, each at a given line of the output.
pub(crate) struct Weather<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    cluster: &'env KafkaCluster,
    /// The outages to come, with their lines.
    due: VecDeque<(u64, Outage)>,
    running: Option<ScopedJoinHandle<'scope, ()>>,
    done: Outages,
    log: PathBuf,
}

impl<'scope, 'env> Weather<'scope, 'env> {
    /// Spreads outages over the lines, in an order that the seed decides.
    pub(crate) fn new(
        scope: &'scope Scope<'scope, 'env>,
        cluster: &'env KafkaCluster,
        outages: Outages,
        lines: u64,
        seed: u64,
        log: PathBuf,
    ) -> Self {
        Self {
            scope,
            cluster,
            due: forecast(outages, lines, seed),
            running: None,
            done: Outages::default(),
            log,
        }
    }

    /// Starts an outage on a new thread.
    fn begin(&mut self, outage: Outage) -> Result<()> {
        note(&self.log, &outage.to_string()).map_err(|error| files(&error))?;
        let (cluster, log) = (self.cluster, self.log.clone());
        let happening = move || {
            let start = Instant::now();
            outage.happen(cluster);
            // Only for readers of the log.
            let _ = note(&log, &format!("over after {:?}", start.elapsed()));
        };
        self.running = Some(self.scope.spawn(happening));
        if outage.is_restart() {
            self.done.broker_restarts += 1;
        } else {
            self.done.cuts += 1;
        }
        Ok(())
    }
}

impl Surroundings for Weather<'_, '_> {
    /// Waits until everything that the dead process sent has arrived or is gone, so that the next
    /// process sees it.
    fn killed(&mut self, _: &Pipeline, _: &mut Random) -> Result<()> {
        let start = Instant::now();
        while self.cluster.proxy(0).connections() > 0 {
            if start.elapsed() > PATIENCE {
                return Err(Error::external(
                    "connections of the killed process are still open",
                ));
            }
            nap();
        }
        Ok(())
    }

    fn arrived(&mut self, lines: u64) -> Result<()> {
        let is_over = self.running.as_ref().map(ScopedJoinHandle::is_finished);
        if is_over == Some(true) {
            self.calm_down()?;
        }
        match self.due.front() {
            Some((at, outage)) if *at <= lines && self.running.is_none() => {
                let outage = *outage;
                self.due.pop_front();
                self.begin(outage)
            }
            _ => Ok(()),
        }
    }

    fn calm_down(&mut self) -> Result<()> {
        let Some(handle) = self.running.take() else {
            return Ok(());
        };
        handle.join().map_err(|problem| {
            let text = problem.downcast_ref::<String>().cloned();
            Error::external(text.unwrap_or_else(|| "an outage failed".into()))
        })
    }

    fn are_quiet(&self) -> bool {
        self.due.is_empty() && self.running.is_none()
    }

    fn outages(&self) -> Option<Outages> {
        Some(self.done)
    }
}

/// Returns the outages in the order of their lines.
fn forecast(outages: Outages, lines: u64, seed: u64) -> VecDeque<(u64, Outage)> {
    let mut random = Random::new(seed ^ SALT);
    let restarts = (0..outages.broker_restarts).map(|index| match index % 2 {
        0 => Outage::Kill,
        _ => Outage::Stop,
    });
    let mut kinds: Vec<_> = restarts.collect();
    for index in 0..outages.cuts {
        let mut millis = |least, most| Duration::from_millis(least + random.below(most - least));
        kinds.push(match index % 4 {
            0 => Outage::Cut,
            1 => Outage::HalfOpen(millis(200, 2_000)),
            2 => Outage::Refuse(millis(200, 2_000)),
            _ => Outage::Delay(millis(20, 200), millis(200, 2_000)),
        });
    }
    let count = kinds.len() as u64;
    let mut due = VecDeque::new();
    for index in 0..count {
        let chosen = usize::try_from(random.below(count - index)).unwrap_or(0);
        // All before the last tenth, so that each has lines to disturb.
        let room = lines * 9 / 10 / count;
        due.push_back((room * index + random.below(room), kinds.swap_remove(chosen)));
    }
    due
}

fn note(log: &Path, what: &str) -> std::io::Result<()> {
    let mut file = File::options().create(true).append(true).open(log)?;
    writeln!(file, "kafka: {what}")
}

#[expect(clippy::disallowed_methods, reason = "an outage takes time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// How long to wait for the connections of a dead process to close.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the random numbers of outages differ from those of kills.
const SALT: u64 = 0x006f_7574_6167_6573;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_spread_over_the_lines_and_repeat_with_the_seed() {
        let due = forecast(Outages::new(3, 5), 8_000, 1);
        assert_eq!(due, forecast(Outages::new(3, 5), 8_000, 1));
        assert_ne!(due, forecast(Outages::new(3, 5), 8_000, 2));
        assert!(due.iter().is_sorted_by_key(|(at, _)| *at));
        assert!(due.iter().all(|(at, _)| *at < 7_200));
        let restarts = due.iter().filter(|(_, outage)| outage.is_restart());
        assert_eq!((restarts.count(), due.len()), (3, 8));
        assert!(forecast(Outages::default(), 8_000, 1).is_empty());
    }
}
