//! Compares what arrived with what was sent.

use std::fmt;
use std::time::Duration;

use connect_api::Error;
use connect_api::Result;

use crate::kill::line;
use crate::kill::log::Log;
use crate::kill::pipeline::Look;
use crate::kill::pipeline::Pipeline;
use crate::kill::step::Step;

/// What happens to Kafka during a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outages {
    /// How often its broker is killed or stopped, and started again.
    pub broker_restarts: u64,
    /// How often its connections are cut, refused, delayed or silent for a while.
    pub cuts: u64,
}

impl Outages {
    /// Creates a number of each.
    #[must_use]
    pub const fn new(broker_restarts: u64, cuts: u64) -> Self {
        Self {
            broker_restarts,
            cuts,
        }
    }
}

/// The result of a [`Plan`](super::Plan). The [module](super) explains the numbers.
///
/// Displays as a row of a Markdown table with the head [`Outcome::HEAD`], or on Kafka
/// [`Outcome::HEAD_ON_KAFKA`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Where the process was killed.
    pub step: Step,
    /// Exactly-once on both sides.
    pub exactly_once: bool,
    /// The seed of the run.
    pub seed: u64,
    /// The number of lines of the input.
    pub lines: u64,
    /// How often the process was killed.
    pub kills: u64,
    /// What happened to Kafka; `None` on the log inside the process.
    pub outages: Option<Outages>,
    /// How often a kill left the file of the sink with an incomplete line.
    pub tears: u64,
    /// Lines that are missing in the topic or in the output.
    pub lost: u64,
    /// Lines that are in the topic more than once, counted each further time.
    pub duplicates_in_topic: u64,
    /// Lines that are in the output more than once, counted each further time.
    pub duplicates: u64,
    /// The number of lines in flight at the kills: at most so many may be duplicated.
    pub bound: u64,
    /// The largest number of lines in flight at one kill.
    pub largest: u64,
    /// Lines of the topic or the output at places that the kills do not explain, damaged lines
    /// included.
    pub out_of_order: u64,
    /// The duration of the run.
    pub time: Duration,
}

impl Outcome {
    /// The head of a table of outcomes.
    pub const HEAD: &str = "\
| step | exactly once | lines | kills | torn | lost | duplicates in the topic | duplicates | bound | most at one kill | out of order | seed |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

    /// The head of a table of outcomes on Kafka.
    pub const HEAD_ON_KAFKA: &str = "\
| step | exactly once | lines | kills | broker restarts | cuts | torn | lost | duplicates in the topic | duplicates | bound | most at one kill | out of order | seed |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

    /// True if nothing is lost or out of order, and only lines in flight are duplicated; none with
    /// exactly-once.
    #[must_use]
    pub fn is_as_promised(&self) -> bool {
        self.lost == 0 && self.out_of_order == 0 && self.duplicates <= self.bound
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            lines,
            kills,
            tears,
            lost,
            duplicates_in_topic,
            duplicates,
            ..
        } = self;
        let Self {
            bound,
            largest,
            out_of_order,
            seed,
            ..
        } = self;
        let exactly_once = if self.exactly_once { "yes" } else { "no" };
        write!(f, "| {step} | {exactly_once} | {lines} | {kills} ")?;
        if let Some(outages) = self.outages {
            write!(f, "| {} | {} ", outages.broker_restarts, outages.cuts)?;
        }
        write!(
            f,
            "| {tears} | {lost} | {duplicates_in_topic} \
             | {duplicates} | {bound} | {largest} | {out_of_order} | {seed} |"
        )
    }
}

/// What is known about a run before its files are read.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    pub(crate) lines: u64,
    pub(crate) kills: u64,
    /// What each process found when it started, in order.
    pub(crate) looks: Vec<Look>,
}

/// Counts of the lines in a topic or a file.
struct Counts {
    lost: u64,
    duplicates: u64,
    out_of_order: u64,
}

impl Proof {
    /// Reads topic and output, and compares them with the expected lines.
    pub(crate) async fn prove(&self, pipeline: &Pipeline) -> Result<Outcome> {
        let log = Log::open(pipeline).await?;
        let topic = log.numbers().await?;
        log.close().await?;
        let output = pipeline.output();
        let file = line::numbers(&output).map_err(|error| {
            Error::external(format!("cannot read {}: {error}", output.display()))
        })?;
        Ok(if pipeline.exactly_once {
            self.judge_exactly_once(&topic, &file)
        } else {
            self.judge(&topic, &file)
        })
    }

    fn judge_exactly_once(&self, topic: &[Option<u64>], file: &[Option<u64>]) -> Outcome {
        let expected: Vec<_> = (0..self.lines).collect();
        let outcome = self.outcome(
            &self.count(topic, &expected),
            &self.count(file, &expected),
            &[],
        );
        Outcome {
            exactly_once: true,
            ..outcome
        }
    }

    /// Compares with what each process must have sent and written, by what the processes found.
    fn judge(&self, topic: &[Option<u64>], file: &[Option<u64>]) -> Outcome {
        let (sent, written) = (topic.len() as u64, file.len() as u64);
        let end = Look {
            read: self.lines,
            end: sent,
            consumed: sent,
            written,
        };
        let next = self.looks.iter().skip(1).chain([&end]);
        let lives: Vec<(&Look, &Look)> = self.looks.iter().zip(next).collect();
        let expected_topic: Vec<u64> = lives
            .iter()
            .flat_map(|(now, next)| now.read..now.read + next.end.saturating_sub(now.end))
            .collect();
        let put = |(now, next): &(&Look, &Look)| {
            let first = usize::try_from(now.consumed).unwrap_or(usize::MAX);
            let count = usize::try_from(next.written.saturating_sub(now.written));
            expected_topic
                .iter()
                .skip(first)
                .take(count.unwrap_or(usize::MAX))
        };
        let expected_file: Vec<u64> = lives.iter().flat_map(put).copied().collect();
        let in_flight: Vec<_> = lives
            .iter()
            .map(|(now, next)| in_flight(now, next))
            .collect();
        self.outcome(
            &self.count(topic, &expected_topic),
            &self.count(file, &expected_file),
            &in_flight,
        )
    }

    fn outcome(&self, in_topic: &Counts, in_file: &Counts, in_flight: &[u64]) -> Outcome {
        Outcome {
            step: Step::Random,
            exactly_once: false,
            seed: 0,
            lines: self.lines,
            kills: self.kills,
            outages: None,
            tears: 0,
            lost: in_topic.lost.max(in_file.lost),
            duplicates_in_topic: in_topic.duplicates,
            duplicates: in_file.duplicates,
            bound: in_flight.iter().sum(),
            largest: in_flight.iter().max().copied().unwrap_or(0),
            out_of_order: in_topic.out_of_order + in_file.out_of_order,
            time: Duration::ZERO,
        }
    }

    fn count(&self, found: &[Option<u64>], expected: &[u64]) -> Counts {
        let mut seen = vec![false; usize::try_from(self.lines).unwrap_or(0)];
        let mut distinct = 0;
        for number in found.iter().flatten() {
            let seen = usize::try_from(*number)
                .ok()
                .and_then(|index| seen.get_mut(index));
            if let Some(seen) = seen
                && !std::mem::replace(seen, true)
            {
                distinct += 1;
            }
        }
        let mut expected = expected.iter().copied();
        let is_displaced = |number: &&Option<u64>| {
            // A number after the last line is expected only because it was found.
            let expected = expected.next().filter(|number| *number < self.lines);
            number.is_none() || **number != expected
        };
        let displaced = found.iter().filter(is_displaced).count();
        Counts {
            lost: self.lines - distinct,
            duplicates: found.iter().flatten().count() as u64 - distinct,
            out_of_order: displaced as u64,
        }
    }
}

/// Returns the number of lines that a process has put into the topic or the output and that the next
/// process sends or writes again.
fn in_flight(now: &Look, next: &Look) -> u64 {
    let sent = now.read + next.end.saturating_sub(now.end);
    let put = now.consumed + next.written.saturating_sub(now.written);
    sent.saturating_sub(next.read) + put.saturating_sub(next.consumed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ten lines, the first process has sent seven and committed five. Of these seven it has
    /// written four and committed three.
    fn proof() -> Proof {
        let second = Look {
            read: 5,
            end: 7,
            consumed: 3,
            written: 4,
        };
        Proof {
            lines: 10,
            kills: 1,
            looks: vec![Look::default(), second],
        }
    }

    const TOPIC: [u64; 12] = [0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9];
    const FILE: [u64; 13] = [0, 1, 2, 3, 3, 4, 5, 6, 5, 6, 7, 8, 9];

    fn some(numbers: &[u64]) -> Vec<Option<u64>> {
        numbers.iter().copied().map(Some).collect()
    }

    #[test]
    fn what_a_kill_explains_is_as_promised() {
        let outcome = proof().judge(&some(&TOPIC), &some(&FILE));
        assert!(outcome.is_as_promised(), "{outcome}");
        assert_eq!(
            (
                outcome.duplicates_in_topic,
                outcome.duplicates,
                outcome.bound
            ),
            (2, 3, 3)
        );
        let exactly = proof().judge_exactly_once(&some(&TOPIC), &some(&FILE));
        assert!(!exactly.is_as_promised(), "{exactly}");
        let once: Vec<_> = (0..10).collect();
        assert!(
            proof()
                .judge_exactly_once(&some(&once), &some(&once))
                .is_as_promised()
        );
    }

    #[test]
    fn what_no_kill_explains_is_seen() {
        type Change = fn(&mut Vec<Option<u64>>);
        let table: [(&str, Change); 8] = [
            ("the last line is lost", |lines| {
                lines.truncate(lines.len() - 1)
            }),
            ("a line is lost", |lines| _ = lines.remove(2)),
            ("a line is damaged", |lines| lines[2] = None),
            ("two lines are exchanged", |lines| lines.swap(1, 2)),
            ("a line is duplicated", |lines| lines.insert(2, Some(2))),
            ("a foreign line is added", |lines| lines.push(Some(10))),
            ("a damaged line is added", |lines| lines.push(None)),
            ("a line is lost and another duplicated", |lines| {
                lines[1] = Some(0)
            }),
        ];
        for (what, change) in table {
            let (mut topic, mut file) = (some(&TOPIC), some(&FILE));
            change(&mut file);
            let outcome = proof().judge(&topic, &file);
            assert!(!outcome.is_as_promised(), "in the file, {what}: {outcome}");
            change(&mut topic);
            let outcome = proof().judge(&topic, &some(&FILE));
            assert!(!outcome.is_as_promised(), "in the topic, {what}: {outcome}");
            let mut once: Vec<_> = (0..10).map(Some).collect();
            change(&mut once);
            let outcome = proof().judge_exactly_once(&some(&TOPIC[..7]), &once);
            assert!(
                !outcome.is_as_promised(),
                "with exactly-once, {what}: {outcome}"
            );
        }
    }
}
