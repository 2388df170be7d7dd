//! The plot, as SVG: rates and CPU time of all contenders, workload by workload.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::measure::Run;
use crate::outcome::Outcome;
use crate::outcome::Spread;
use crate::report::thousands;

/// Pixels.
const WIDTH: f64 = 880.0;
const TOP: f64 = 58.0;
const ROW: f64 = 17.0;
const BAR: f64 = 11.0;
const HEADING: f64 = 34.0;
const FOOT: f64 = 34.0;
/// The right end of the contenders' names.
const NAMES: f64 = 184.0;
/// The left end of the bars of each panel, and the length of the longest.
const PANELS: [f64; 2] = [194.0, 554.0];
const LONGEST: f64 = 250.0;

/// Readable on white and on black.
const TEXT: &str = "#737b85";
const ON_BAR: &str = "#1f2328";

/// One of the two panels.
struct Panel {
    left: f64,
    title: &'static str,
    figure: fn(&Run) -> f64,
    label: fn(f64) -> String,
}

const fn panels() -> [Panel; 2] {
    let [left, right] = PANELS;
    [
        Panel {
            left,
            title: "1,000 records/s — more is better",
            figure: |run| run.rate / 1000.0,
            label: whole,
        },
        Panel {
            left: right,
            title: "CPU-s per million records — less is better",
            figure: |run| run.cpu,
            label: |value| format!("{value:.2}"),
        },
    ]
}

/// Draws the plot, with the origin of the figures in its footer.
pub(crate) fn chart(outcomes: &[Outcome], foot: &str) -> String {
    let rows: usize = outcomes.iter().map(|outcome| outcome.results.len()).sum();
    let height = TOP + HEADING * float(outcomes.len()) + ROW * float(rows) + FOOT;
    let mut svg = Svg(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"11.5\" fill=\"{TEXT}\">\n\
         <title>Rates and CPU time, workload by workload</title>\n"
    ));
    for panel in panels() {
        svg.text(
            panel.left,
            24.0,
            "font-weight=\"600\" font-size=\"13\"",
            panel.title,
        );
    }
    svg.text(
        PANELS[0],
        41.0,
        "",
        "Bars are to scale within one workload.",
    );
    let mut y = TOP;
    for outcome in outcomes {
        svg.text(
            12.0,
            y + 20.0,
            "font-weight=\"600\" font-size=\"13\"",
            outcome.workload.title,
        );
        y += HEADING - 4.0;
        for panel in panels() {
            panel.draw(&mut svg, outcome, y);
        }
        for (contender, _) in &outcome.results {
            svg.text(
                NAMES,
                y + BAR - 1.5,
                "text-anchor=\"end\"",
                outcome.workload.label(*contender),
            );
            y += ROW;
        }
        y += 4.0;
    }
    svg.text(12.0, y + 24.0, "", foot);
    svg.0 + "</svg>\n"
}

impl Panel {
    fn draw(&self, svg: &mut Svg, outcome: &Outcome, top: f64) {
        let spreads = outcome.results.iter().map(|(contender, runs)| {
            let figures = runs.iter().map(self.figure).collect();
            (*contender, Spread::of(figures))
        });
        let spreads: Vec<(Contender, Option<Spread>)> = spreads.collect();
        let most = spreads
            .iter()
            .filter_map(|(_, spread)| Some(spread.as_ref()?.most));
        let scale = LONGEST / most.fold(f64::MIN_POSITIVE, f64::max);
        let mut y = top;
        for (contender, spread) in spreads {
            if let Some(spread) = spread {
                let at = |value: f64| self.left + value * scale;
                let width = spread.middle * scale;
                svg.bar(self.left, y, width, contender);
                svg.whisker(
                    at(spread.least),
                    at(spread.middle),
                    at(spread.most),
                    y + BAR / 2.0,
                );
                let label = (self.label)(spread.middle);
                let x = at(spread.most) + 6.0;
                svg.text(x, y + BAR - 1.5, "", &label);
            }
            y += ROW;
        }
    }
}

struct Svg(String);

impl Svg {
    fn text(&mut self, x: f64, y: f64, attributes: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>"
        );
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, contender: Contender) {
        let (color, opacity) = color(contender);
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"1.5\" \
             fill=\"{color}\" fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A line from the minimum to the maximum, in another color where it crosses the bar.
    fn whisker(&mut self, from: f64, bar_end: f64, to: f64, y: f64) {
        let (above, below) = (y - 3.0, y + 3.0);
        let parts = [
            (
                ON_BAR,
                format!("M{from:.1} {above:.1}V{below:.1}M{from:.1} {y:.1}H{bar_end:.1}"),
            ),
            (
                TEXT,
                format!("M{bar_end:.1} {y:.1}H{to:.1}M{to:.1} {above:.1}V{below:.1}"),
            ),
        ];
        for (color, path) in parts {
            let _ = writeln!(
                self.0,
                "<path d=\"{path}\" stroke=\"{color}\" stroke-width=\"1.2\" fill=\"none\"/>"
            );
        }
    }
}

/// A program has the same color everywhere; its second run is paler.
const fn color(contender: Contender) -> (&'static str, f64) {
    match contender {
        Contender::Connect => ("#d9622b", 1.0),
        Contender::ConnectAgain => ("#d9622b", 0.6),
        Contender::PerInterval | Contender::PerPoll => ("#c9a227", 1.0),
        Contender::Java => ("#4a86d8", 1.0),
        Contender::Bare => ("#3f9a6c", 1.0),
        Contender::BareAgain => ("#3f9a6c", 0.6),
        Contender::Kcat => ("#9270ca", 1.0),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a figure for people, never negative"
)]
fn whole(value: f64) -> String {
    thousands(value.round() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn float(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::WORKLOADS;

    #[test]
    fn every_contender_has_two_bars_with_whiskers_and_figures() {
        let run = |rate, cpu| Run {
            rate,
            cpu,
            peak: 50.0,
            first: 0.1,
            answered: None,
        };
        let mut outcomes = Vec::new();
        for workload in &WORKLOADS {
            let slow = vec![run(120e3, 8.0), run(125e3, 8.1), run(180e3, 9.0)];
            let fast = vec![run(1.0e6, 0.7), run(1.2346e6, 0.81), run(1.6e6, 1.2)];
            let results = workload.contenders().into_iter().map(|contender| {
                let runs = match contender {
                    Contender::Java => slow.clone(),
                    _ => fast.clone(),
                };
                (contender, runs)
            });
            outcomes.push(Outcome {
                workload,
                lines: 1000,
                results: results.collect(),
            });
        }
        let svg = chart(&outcomes, "a < b");
        let bars: usize = outcomes.iter().map(|outcome| outcome.results.len()).sum();
        assert_eq!(svg.matches("<rect").count(), 2 * bars);
        assert_eq!(svg.matches("<path").count(), 4 * bars);
        assert!(svg.contains(">1,235<") && svg.contains(">0.81<") && svg.contains("a &lt; b"));
    }
}
