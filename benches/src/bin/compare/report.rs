//! The table.

use std::fmt::Write;

use crate::contender::Contender;
use crate::measure::Run;

/// One line per contender: the middle of the rounds with the least and the most. Ratios are those of
/// runs of the same round.
pub(crate) fn table(contenders: &[Contender], results: &[Vec<Run>]) -> String {
    let of = |wanted: Contender| {
        let index = contenders
            .iter()
            .position(|contender| *contender == wanted)
            .unwrap();
        results.get(index).unwrap()
    };
    let (bare, java) = (of(Contender::Bare), of(Contender::Java));
    let mut text = String::from(
        "| | 1000 records/s | CPU-s per million | peak MB | s to first record | rate ÷ bare | rate ÷ Java | CPU: Java ÷ it | memory: Java ÷ it |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (contender, runs) in contenders.iter().zip(results) {
        let figure = |figure: &dyn Fn(&Run) -> f64, digits| {
            spread(runs.iter().map(figure).collect(), digits)
        };
        let ratio = |others: &[Run], ratio: &dyn Fn(&Run, &Run) -> f64| {
            let pairs = runs.iter().zip(others);
            spread(pairs.map(|(run, other)| ratio(run, other)).collect(), 2)
        };
        let cells = [
            contender.name().to_owned(),
            figure(&|run| run.rate / 1000.0, 0),
            figure(&|run| run.cpu, 2),
            figure(&|run| run.peak, 0),
            figure(&|run| run.first, 2),
            ratio(bare, &|run, bare| run.rate / bare.rate),
            ratio(java, &|run, java| run.rate / java.rate),
            ratio(java, &|run, java| java.cpu / run.cpu),
            ratio(java, &|run, java| java.peak / run.peak),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    for (contender, runs) in contenders.iter().zip(results) {
        let share = runs.iter().map(|run| run.share).fold(1.0, f64::min);
        if share < 1.0 {
            let _ = writeln!(
                text,
                "\n{} ended by itself with {:.1} % of the lines.",
                contender.name(),
                share * 100.0
            );
        }
    }
    text
}

/// The middle, and in brackets the least and the most.
fn spread(mut figures: Vec<f64>, digits: usize) -> String {
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    let (least, middle, most) = (at(0), at(figures.len() / 2), at(figures.len() - 1));
    format!("{middle:.digits$} ({least:.digits$}–{most:.digits$})")
}
