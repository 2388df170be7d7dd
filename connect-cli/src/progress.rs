//! Progress of a run to the end.

use std::io;
use std::io::IsTerminal;
use std::time::Duration;
use std::time::Instant;

use connect_runtime::Connect;
use connect_runtime::TaskProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::logging::SCREEN;

/// Time between two lines, without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two updates of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Sums over all tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    /// Records that sources returned.
    read: u64,
    /// Records that sinks wrote.
    written: u64,
    /// Bytes, or another unit that the sources count.
    done: u64,
    /// The total in the same unit, if every source knows it.
    total: Option<u64>,
}

impl Totals {
    fn of(tasks: &[TaskProgress]) -> Self {
        let mut totals = Self {
            total: Some(0),
            ..Self::default()
        };
        for task in tasks {
            if !task.is_source {
                totals.written += task.records;
                continue;
            }
            totals.read += task.records;
            totals.done += task.bytes_done;
            totals.total = totals
                .total
                .zip(task.bytes_total)
                .map(|(sum, task)| sum + task);
        }
        totals
    }

    /// Records written by sinks, or read if there is no sink.
    const fn records(&self) -> u64 {
        if self.written > 0 {
            self.written
        } else {
            self.read
        }
    }
}

/// Shows progress until the future is dropped: a bar on a terminal, otherwise a line every few seconds.
pub(crate) async fn show(connect: &Connect) {
    if io::stderr().is_terminal() {
        draw(connect).await
    } else {
        print(connect).await
    }
}

async fn draw(connect: &Connect) {
    let bar = Bar(SCREEN.add(ProgressBar::no_length()));
    let mut rate = Rate::new();
    loop {
        let totals = Totals::of(&connect.progress());
        match totals.total.filter(|total| *total > 0) {
            Some(total) => {
                bar.0
                    .set_style(style("{bar:24} {bytes}/{total_bytes}  {msg}  {eta} left"));
                bar.0.set_length(total.max(totals.done));
            }
            None => bar.0.set_style(style("{bytes}  {msg}")),
        }
        bar.0.set_position(totals.done);
        let per_second = rate.per_second(totals.records());
        bar.0
            .set_message(format!("{} records/s", thousands(per_second)));
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A progress bar that is cleared when dropped.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn print(connect: &Connect) {
    let mut rate = Rate::new();
    let start = Instant::now();
    let before = Totals::of(&connect.progress()).done;
    loop {
        tokio::time::sleep(LINE_EVERY).await;
        let totals = Totals::of(&connect.progress());
        let per_second = rate.per_second(totals.records());
        let left = left(start.elapsed(), before, totals);
        eprintln!("{}", line(totals, per_second, left));
    }
}

fn line(totals: Totals, per_second: u64, left: Option<Duration>) -> String {
    let records = thousands(totals.records());
    let rate = thousands(per_second);
    let bytes = match totals.total {
        Some(total) if total > 0 => format!("{} of {}", bytes(totals.done), bytes(total)),
        _ => bytes(totals.done),
    };
    let left = left.map_or_else(String::new, |left| format!(", {} s left", left.as_secs()));
    format!("{records} records, {rate} records/s, {bytes}{left}")
}

/// The remaining time at the average rate so far.
fn left(elapsed: Duration, before: u64, totals: Totals) -> Option<Duration> {
    let done = totals.done.checked_sub(before).filter(|done| *done > 0)?;
    let rest = totals.total?.saturating_sub(totals.done);
    Some(elapsed.mul_f64(rest as f64 / done as f64))
}

/// Records per second between two calls.
struct Rate {
    at: Instant,
    records: u64,
}

impl Rate {
    fn new() -> Self {
        Self {
            at: Instant::now(),
            records: 0,
        }
    }

    fn per_second(&mut self, records: u64) -> u64 {
        let new = records.saturating_sub(self.records);
        let rate = per_second(new, self.at.elapsed());
        *self = Self {
            at: Instant::now(),
            records,
        };
        rate
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people: floats saturate, and neither number is negative"
)]
pub(crate) fn per_second(records: u64, time: Duration) -> u64 {
    (records as f64 / time.as_secs_f64().max(1e-6)) as u64
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn a_line_says_records_rate_bytes_and_time() {
        let totals = Totals {
            read: 3000,
            written: 2000,
            done: 1024,
            total: Some(4096),
        };
        let left = left(Duration::from_secs(2), 0, totals);
        assert_eq!(left, Some(Duration::from_secs(6)));
        let text = line(totals, 1500, left);
        assert_eq!(
            text,
            "2,000 records, 1,500 records/s, 1.00 KiB of 4.00 KiB, 6 s left"
        );
        let endless = Totals {
            read: 1,
            written: 0,
            done: 10,
            total: None,
        };
        assert_eq!(line(endless, 0, None), "1 records, 0 records/s, 10 B");
    }
}
