//! The command line.

use crate::workload::WORKLOADS;
use crate::workload::Workload;

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Lines of the largest workloads; the others use a share.
    pub(crate) lines: u64,
    pub(crate) rounds: usize,
    pub(crate) workloads: Vec<&'static Workload>,
    /// True for a run of all workloads with enough rounds, whose figures are worth keeping.
    pub(crate) is_complete: bool,
}

pub(crate) const USAGE: &str =
    "usage: compare [--lines N] [--rounds R] [--only WORKLOAD]... [--quick] [--list]

--lines N   lines of the largest workloads (5,000,000)
--rounds R  rounds of each workload (5)
--only W    this workload only; may be repeated
--quick     as --lines 200000 --rounds 1
--list      lists the workloads";

impl Options {
    /// # Errors
    /// A message that names the wrong option.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let (mut lines, mut rounds, mut workloads) = (5_000_000, 5, Vec::new());
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().ok_or(format!("{word} needs a value"));
            match word {
                "--lines" => lines = number(word, value()?)?,
                "--rounds" => rounds = number(word, value()?)?,
                "--quick" => (lines, rounds) = (200_000, 1),
                "--only" => {
                    let name = value()?;
                    let mut all = WORKLOADS.iter();
                    let found = all.find(|workload| workload.name == name);
                    workloads.push(found.ok_or(format!("no workload is named {name}"))?);
                }
                _ => return Err(format!("unknown option {word}")),
            }
        }
        let is_complete = workloads.is_empty() && rounds >= ENOUGH_ROUNDS;
        if workloads.is_empty() {
            workloads.extend(&WORKLOADS);
        }
        Ok(Self {
            lines,
            rounds: usize::try_from(rounds.max(1)).map_err(|error| error.to_string())?,
            workloads,
            is_complete,
        })
    }
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{option} {text}: {error}"))
}

/// With fewer, minimum and maximum mean little.
const ENOUGH_ROUNDS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_complete_only_with_all_workloads_and_enough_rounds() {
        let complete = |words: &[&str]| Options::parse(words).unwrap().is_complete;
        assert!(complete(&[]));
        assert!(complete(&["--lines", "1000000", "--rounds", "7"]));
        assert!(!complete(&["--rounds", "4"]));
        assert!(!complete(&["--quick"]));
        assert!(!complete(&["--only", WORKLOADS[0].name]));
    }

    #[test]
    fn wrong_words_are_named() {
        let error = |words: &[&str]| Options::parse(words).unwrap_err();
        assert!(error(&["--only", "nothing"]).contains("nothing"));
        assert!(error(&["--lines", "many"]).contains("many"));
        assert!(error(&["--rounds"]).contains("--rounds"));
        assert!(error(&["--fast"]).contains("--fast"));
    }
}
