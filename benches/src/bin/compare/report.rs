//! The report in Markdown.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::contender::Contender::Bare;
use crate::contender::Contender::Connect;
use crate::contender::Contender::Java;
use crate::measure::Run;
use crate::outcome::Outcome;
use crate::outcome::Spread;

const BEGIN: &str = "<!-- What stands between these two lines is written by `compare`. -->";
const END: &str = "<!-- End of what `compare` writes. -->";

/// The whole report: environment, the plot, one line per workload, and all tables.
pub(crate) fn report(circumstances: &str, rounds: usize, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{circumstances} Rounds: {rounds}.\n\n![Rates and CPU time of all contenders](comparison.svg)\n\n\
         ## At a glance\n\n{}",
        glance(outcomes)
    );
    for outcome in outcomes {
        text += "\n";
        text += &section(outcome);
    }
    text
}

/// A document with its generated part replaced, or added if there is none.
pub(crate) fn replace(document: &str, report: &str) -> String {
    let parts = document
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.unwrap_or((document, ""));
    format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", report.trim_end())
}

/// One workload.
pub(crate) fn section(outcome: &Outcome) -> String {
    let mut text = format!(
        "## {}\n\n`--only {}`, {} lines.\n\n{}",
        outcome.workload.title,
        outcome.workload.name,
        thousands(outcome.lines),
        table(outcome)
    );
    let (first, again) = outcome.workload.control();
    let control = |figure: fn(&Run) -> f64| cell(outcome.ratio((again, first), figure), 2);
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "\nControl, {} ÷ the first run of the same: rate {}, CPU time {}, memory {}.",
        outcome.workload.label(again),
        control(|run| run.rate),
        control(|run| run.cpu),
        control(|run| run.peak)
    );
    let answered = outcome.figure(Java, |run| run.answered.unwrap_or(f64::NAN));
    if let Some(answered) = answered {
        let _ = writeln!(
            text,
            "The REST interface of Kafka Connect answered after {} s.",
            answered.text(2)
        );
    }
    text
}

type Column<'a> = (
    &'a str,
    Box<dyn Fn(Contender) -> Option<Spread> + 'a>,
    usize,
);

/// A line for each contender.
fn table(outcome: &Outcome) -> String {
    fn figure(
        outcome: &Outcome,
        figure: fn(&Run) -> f64,
    ) -> Box<dyn Fn(Contender) -> Option<Spread> + '_> {
        Box::new(move |contender| outcome.figure(contender, figure))
    }
    /// A ratio above 1 means better than the other.
    fn ratio(
        outcome: &Outcome,
        other: Contender,
        more_is_better: bool,
        figure: fn(&Run) -> f64,
    ) -> Box<dyn Fn(Contender) -> Option<Spread> + '_> {
        Box::new(move |contender| {
            let pair = if more_is_better {
                (contender, other)
            } else {
                (other, contender)
            };
            (contender != other).then(|| outcome.ratio(pair, figure))?
        })
    }
    let mut columns: Vec<Column<'_>> = vec![
        (
            "1,000 records/s",
            figure(outcome, |run| run.rate / 1000.0),
            0,
        ),
        ("CPU-s per million", figure(outcome, |run| run.cpu), 2),
        ("peak MB", figure(outcome, |run| run.peak), 0),
        ("s to first record", figure(outcome, |run| run.first), 2),
    ];
    if outcome.of(Bare).is_some() {
        columns.push(("rate ÷ bare", ratio(outcome, Bare, true, |run| run.rate), 2));
    }
    if outcome.workload.compares_deliveries {
        columns.push((
            "rate ÷ at-least-once",
            ratio(outcome, Connect, true, |run| run.rate),
            2,
        ));
        columns.push((
            "CPU: at-least-once ÷ it",
            ratio(outcome, Connect, false, |run| run.cpu),
            2,
        ));
    }
    if outcome.of(Java).is_some() {
        columns.push(("rate ÷ Java", ratio(outcome, Java, true, |run| run.rate), 2));
        columns.push((
            "CPU: Java ÷ it",
            ratio(outcome, Java, false, |run| run.cpu),
            2,
        ));
        columns.push((
            "memory: Java ÷ it",
            ratio(outcome, Java, false, |run| run.peak),
            2,
        ));
    }
    let names: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
    let mut text = format!(
        "| | {} |\n|{}\n",
        names.join(" | "),
        " --- |".repeat(names.len() + 1)
    );
    for (contender, _) in &outcome.results {
        let cells = columns
            .iter()
            .map(|(_, value, digits)| cell(value(*contender), *digits));
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(
            text,
            "| {} | {} |",
            outcome.workload.label(*contender),
            cells.join(" | ")
        );
    }
    text
}

/// The summary, a line for each workload.
fn glance(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "`connect standalone`: its own figures, and beside the bare loop and Kafka Connect.\n\n\
         | | 1,000 records/s | s to first record | rate ÷ bare | rate ÷ Java | CPU: Java ÷ it | memory: Java ÷ it |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for outcome in outcomes
        .iter()
        .filter(|outcome| !outcome.workload.compares_deliveries)
    {
        let cells = [
            cell(outcome.figure(Connect, |run| run.rate / 1000.0), 0),
            cell(outcome.figure(Connect, |run| run.first), 2),
            cell(outcome.ratio((Connect, Bare), |run| run.rate), 2),
            cell(outcome.ratio((Connect, Java), |run| run.rate), 2),
            cell(outcome.ratio((Java, Connect), |run| run.cpu), 2),
            cell(outcome.ratio((Java, Connect), |run| run.peak), 2),
        ];
        let _ = writeln!(
            text,
            "| {} | {} |",
            outcome.workload.title,
            cells.join(" | ")
        );
    }
    for outcome in outcomes
        .iter()
        .filter(|outcome| outcome.workload.compares_deliveries)
    {
        let ratio = |contender| cell(outcome.ratio((contender, Connect), |run| run.rate), 2);
        let _ = writeln!(
            text,
            "\nExactly-once reaches {} of the rate of at-least-once with a transaction every 100 ms, {} with one \
             for every poll.",
            ratio(Contender::PerInterval),
            ratio(Contender::PerPoll)
        );
    }
    text
}

fn cell(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| spread.text(digits))
}

/// A number with commas.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_part_is_replaced_and_the_rest_stays() {
        let first = replace("by hand\n", "one");
        assert!(first.starts_with("by hand\n<!--"));
        let second = replace(&format!("{first}\nmore by hand"), "two\n");
        assert!(second.starts_with("by hand\n<!--") && second.ends_with("-->\nmore by hand"));
        assert!(second.contains("-->\n\ntwo\n\n<!--") && !second.contains("one"));
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
