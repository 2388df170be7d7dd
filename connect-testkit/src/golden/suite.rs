//! Running a vector file.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

use super::Answer;
use super::Case;
use super::Expectation;
use super::Json;
use super::case::UNREPRESENTABLE;
use super::compare::same_json_text;
use super::compare::same_output;
use super::deviation::Deviation;

/// A vector file and how to judge answers to its cases.
#[derive(Debug)]
pub struct Suite {
    file: String,
    crate_folder: PathBuf,
    is_own: bool,
    cases: Vec<Case>,
    deviations: Vec<Deviation>,
    judges: BTreeMap<&'static str, fn(&Case) -> Option<Answer>>,
    same: fn(&Case, &Json, &Json) -> bool,
    exact_messages: bool,
}

/// The outcomes of the cases.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    skipped: usize,
    deviations: BTreeMap<String, usize>,
    failures: Vec<String>,
    messages: Vec<String>,
}

enum Verdict {
    Passed,
    /// Passed, but with a different message.
    OtherMessage(String),
    Failed(String),
}

impl Suite {
    /// Reads a vector file: from the folder that `CONNECT_VECTORS` names, else from `tests/vectors`
    /// of the crate whose folder is given. `CARGO_MANIFEST_DIR` is that folder in a test.
    ///
    /// # Panics
    /// The file of the crate is missing, or a line is malformed.
    #[must_use]
    pub fn open(crate_folder: impl AsRef<Path>, file: &str) -> Self {
        let crate_folder = crate_folder.as_ref().to_owned();
        let other = std::env::var_os("CONNECT_VECTORS").map(PathBuf::from);
        let is_own = other.is_none();
        let path = other
            .unwrap_or_else(|| crate_folder.join("tests/vectors"))
            .join(file);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if !is_own && error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("{} cannot be read: {error}", path.display()),
        };
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty());
        let cases = lines.map(|(index, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), index + 1))
        });
        Self {
            file: file.to_owned(),
            crate_folder,
            is_own,
            cases: cases.collect(),
            deviations: Vec::new(),
            judges: BTreeMap::new(),
            same: |_, expected, actual| same_output(expected, actual),
            exact_messages: false,
        }
    }

    /// Adds the rules of a file of deviations, by its path in the crate.
    ///
    /// # Panics
    /// The file cannot be read.
    #[must_use]
    pub fn deviations(mut self, path: &str) -> Self {
        self.deviations = Deviation::read(&self.crate_folder.join(path), &self.file);
        self
    }

    /// Adds a function that rules of deviations refer to by name: it returns the right answer to a
    /// case, if the rule applies to it. An answer in the rule itself takes precedence.
    #[must_use]
    pub fn judge(mut self, name: &'static str, judge: fn(&Case) -> Option<Answer>) -> Self {
        self.judges.insert(name, judge);
        self
    }

    /// Compares outputs that are bytes as JSON.
    #[must_use]
    pub fn bytes_are_json(self) -> Self {
        self.compare(|_, expected, actual| {
            let text = |json| super::bytes_from_json(json).ok().flatten();
            let texts = text(expected).zip(text(actual));
            let same = texts.map(|(a, b)| {
                let str = |bytes| std::str::from_utf8(bytes).unwrap_or_default().to_owned();
                same_json_text(&str(&a), &str(&b))
            });
            same.unwrap_or_else(|| same_output(expected, actual))
        })
    }

    /// Compares outputs by a function; it gets the case, what Java returned and the answer.
    #[must_use]
    pub fn compare(mut self, same: fn(&Case, &Json, &Json) -> bool) -> Self {
        self.same = same;
        self
    }

    /// Fails cases whose error message differs from Java's. For messages that clients compare.
    #[must_use]
    pub const fn exact_messages(mut self) -> Self {
        self.exact_messages = true;
        self
    }

    /// The cases.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Lets a closure answer each case, prints the summary and judges.
    ///
    /// # Panics
    /// A case failed, or a rule of the deviations applies to no case.
    pub fn run(self, mut answer: impl FnMut(&Case) -> Answer) {
        let mut tally = Tally::default();
        for case in &self.cases {
            let answer = catch_unwind(AssertUnwindSafe(|| answer(case)));
            self.judge_case(case, answer.ok(), &mut tally);
        }
        let unused = self.unused(&tally);
        // Bypasses the test harness, which captures the output of passing tests.
        let _ = writeln!(std::io::stdout().lock(), "{}", self.summary(&tally));
        if !tally.messages.is_empty() {
            println!("{}: {} messages differ", self.file, tally.messages.len());
            for message in &tally.messages {
                println!("  {message}");
            }
        }
        for (name, count) in &tally.deviations {
            println!("{}: deviation {name}: {count}", self.file);
        }
        let mut report = String::new();
        for failure in &tally.failures {
            let _ = write!(report, "\n{failure}");
        }
        for name in unused {
            let _ = write!(report, "\ndeviation {name} applies to no case");
        }
        assert!(report.is_empty(), "{}:{report}", self.summary(&tally));
    }

    fn summary(&self, tally: &Tally) -> String {
        format!(
            "{}: {} passed, {} failed, {} skipped, {} deviations",
            self.file,
            tally.passed,
            tally.failures.len(),
            tally.skipped,
            tally.deviations.values().sum::<usize>(),
        )
    }

    /// Rules that apply to none of the cases of this crate.
    fn unused(&self, tally: &Tally) -> BTreeSet<&str> {
        let rules = self.deviations.iter().filter(|rule| !rule.may_be_unused);
        let names = rules.map(|rule| rule.name.as_str());
        names
            .filter(|name| self.is_own && !tally.deviations.contains_key(*name))
            .collect()
    }

    fn judge_case(&self, case: &Case, answer: Option<Answer>, tally: &mut Tally) {
        let Some(answer) = answer else {
            tally
                .failures
                .push(format!("{} {}: panicked", case.id, case.op));
            return;
        };
        if matches!(answer, Answer::Skipped) {
            tally.skipped += 1;
            return;
        }
        match self.verdict(case, &case.expect, &answer) {
            Verdict::Passed => tally.passed += 1,
            Verdict::OtherMessage(message) => {
                tally.passed += 1;
                tally.messages.push(format!("{} {message}", case.id));
            }
            Verdict::Failed(reason) => match self.deviation(case) {
                Some((rule, expected)) => match self.verdict(case, &expected, &answer) {
                    Verdict::Failed(reason) => tally.failures.push(format!(
                        "{} {} ({}), deviation {rule}: {reason}",
                        case.id, case.op, case.note
                    )),
                    _ => *tally.deviations.entry(rule.to_owned()).or_default() += 1,
                },
                None => tally
                    .failures
                    .push(format!("{} {} ({}): {reason}", case.id, case.op, case.note)),
            },
        }
    }

    /// The rule for a case, and its answer.
    fn deviation(&self, case: &Case) -> Option<(&str, Expectation)> {
        self.deviations.iter().find_map(|rule| {
            let answer = rule.answer(case, |case| {
                let name = rule.judge.as_deref().unwrap_or_default();
                let judge = self.judges.get(name);
                judge.unwrap_or_else(|| panic!("there is no judge {name}"))(case)
            })?;
            let expected = match answer {
                Answer::Error(error) => Expectation::Error {
                    class: error.java_class().to_owned(),
                    message: None,
                },
                Answer::Output(output) => Expectation::Output(output),
                Answer::Skipped => return None,
            };
            Some((rule.name.as_str(), expected))
        })
    }

    fn verdict(&self, case: &Case, expected: &Expectation, answer: &Answer) -> Verdict {
        match (expected, answer) {
            (Expectation::Output(expected), Answer::Output(actual)) => {
                if (self.same)(case, expected, actual) {
                    Verdict::Passed
                } else {
                    Verdict::Failed(format!("expected {expected}, got {actual}"))
                }
            }
            (Expectation::Output(expected), Answer::Error(error)) => {
                Verdict::Failed(format!("expected {expected}, got {:?}", error.report()))
            }
            (Expectation::Error { class, message }, Answer::Output(actual)) => {
                Verdict::Failed(format!(
                    "expected {class} {:?}, got {actual}",
                    message.as_deref().unwrap_or("")
                ))
            }
            (Expectation::Error { class, message }, Answer::Error(error)) => {
                let is_kafka = class.starts_with("org.apache.kafka.");
                if !is_kafka || error.java_class() == UNREPRESENTABLE {
                    return Verdict::Passed;
                }
                if !is_a(error.java_class(), class) {
                    return Verdict::Failed(format!(
                        "expected {class}, got {} {:?}",
                        error.java_class(),
                        error.report()
                    ));
                }
                match message {
                    Some(message) if error.message() != message => {
                        let difference = format!("{message:?}, ours {:?}", error.message());
                        if self.exact_messages {
                            Verdict::Failed(format!("expected the message {difference}"))
                        } else {
                            Verdict::OtherMessage(difference)
                        }
                    }
                    _ => Verdict::Passed,
                }
            }
            (_, Answer::Skipped) => Verdict::Passed,
        }
    }
}

/// True if a class of exceptions equals or extends another.
fn is_a(class: &str, other: &str) -> bool {
    const DATA: [&str; 2] = ["SchemaBuilderException", "SchemaProjectorException"];

    class == other
        || other == "org.apache.kafka.connect.errors.DataException"
            && DATA.iter().any(|name| class.ends_with(name))
}
