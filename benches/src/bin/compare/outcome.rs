//! The outcome of the runs of a workload.

use crate::contender::Contender;
use crate::measure::Run;
use crate::workload::Workload;

/// All runs of one workload.
pub(crate) struct Outcome {
    pub(crate) workload: &'static Workload,
    pub(crate) lines: u64,
    /// The runs of each contender, round by round.
    pub(crate) results: Vec<(Contender, Vec<Run>)>,
}

/// The minimum, median and maximum of some rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) middle: f64,
    pub(crate) most: f64,
}

impl Outcome {
    /// The runs of a contender, if it took part.
    pub(crate) fn of(&self, contender: Contender) -> Option<&[Run]> {
        let mut results = self.results.iter();
        let (_, runs) = results.find(|(other, _)| *other == contender)?;
        Some(runs)
    }

    /// A figure of a contender.
    pub(crate) fn figure(
        &self,
        contender: Contender,
        figure: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.of(contender)?.iter().map(figure).collect())
    }

    /// A ratio of two contenders, between runs of the same round.
    pub(crate) fn ratio(
        &self,
        (above, below): (Contender, Contender),
        figure: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let pairs = self.of(above)?.iter().zip(self.of(below)?);
        Spread::of(
            pairs
                .map(|(above, below)| figure(above) / figure(below))
                .collect(),
        )
    }
}

impl Spread {
    pub(crate) fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        Some(Self {
            least: *figures.first()?,
            middle: *figures.get(figures.len() / 2)?,
            most: *figures.last()?,
        })
    }

    /// The median, and in brackets the minimum and the maximum.
    pub(crate) fn text(self, digits: usize) -> String {
        format!(
            "{:.digits$} ({:.digits$}–{:.digits$})",
            self.middle, self.least, self.most
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_of_the_rounds() {
        let spread = Spread::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]).unwrap();
        assert_eq!(spread.text(1), "3.0 (1.0–5.0)");
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
