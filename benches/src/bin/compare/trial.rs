//! One run of one contender, with its own target.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::contender::Contender;
use crate::digest::Digest;
use crate::files::Files;
use crate::files::offsets_topic;
use crate::lab::Input;
use crate::lab::Lab;
use crate::measure::Goal;
use crate::measure::Run;
use crate::measure::watch;
use crate::rest::free_port;
use crate::topic::Observer;
use crate::topic::scan;
use crate::workload::Direction;
use crate::workload::Shape;
use crate::workload::Workload;

/// Longer than any pause between two transactions.
const STILL: Duration = Duration::from_secs(3);

/// The runs of one workload.
pub(crate) struct Trials<'a> {
    lab: &'a Lab,
    workload: &'a Workload,
    input: &'a Input,
    /// What must arrive in a topic. With JSON, what arrived first.
    expected: Option<Digest>,
}

impl<'a> Trials<'a> {
    pub(crate) fn new(lab: &'a Lab, workload: &'a Workload, input: &'a Input) -> Self {
        let expected = (workload.shape == Shape::Lines).then(|| comparable(input.digest, workload));
        Self {
            lab,
            workload,
            input,
            expected,
        }
    }

    /// Runs a contender in a round; in the first one, reads what arrived.
    pub(crate) fn run(&mut self, contender: Contender, round: usize) -> Run {
        self.run_named(contender, &round.to_string(), round == 0)
    }

    /// Lets the JVM of the broker compile its hot code before anything is measured.
    pub(crate) fn warm_up(&mut self, contender: Contender) {
        self.run_named(contender, "warm-up", false);
    }

    fn run_named(&mut self, contender: Contender, suffix: &str, read: bool) -> Run {
        let name = format!("{}-{contender:?}-{suffix}", self.workload.name);
        let folder = self.lab.folder().join(&name);
        fs::create_dir(&folder).unwrap();
        let run = match self.workload.direction {
            Direction::FileToKafka => self.fill_topic(contender, &name, &folder, read),
            Direction::KafkaToFile => self.fill_file(contender, &name, &folder, read),
        };
        fs::remove_dir_all(&folder).unwrap();
        run
    }

    fn fill_topic(&mut self, contender: Contender, name: &str, folder: &Path, read: bool) -> Run {
        let (lab, parts) = (self.lab, self.workload.parts);
        let port = free_port();
        let mut command = match contender {
            Contender::Bare | Contender::BareAgain => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["bare-produce", lab.bootstrap(), name]);
                command.args(&self.input.files);
                command
            }
            Contender::Kcat => {
                let mut command = Command::new("kcat");
                command.args(["-P", "-b", lab.bootstrap(), "-t", name, "-l"]);
                command.args(&self.input.files);
                command
            }
            _ => self.worker(contender, (name, name), folder, port),
        };
        command.stdout(File::create(folder.join("stdout")).unwrap());
        let lines = self.input.lines;
        let goal = if contender.is_transactional() {
            Goal::Still(lines, STILL)
        } else {
            Goal::At(lines)
        };
        lab.create(name, parts);
        if contender.is_transactional() {
            lab.create_offsets(&offsets_topic(name));
        }
        let observer = Observer::new(lab.bootstrap(), name, parts);
        let mut end = || observer.end();
        let rest = (contender == Contender::Java).then_some(port);
        let watched = watch(&mut command, &folder.join("log"), goal, rest, &mut end);
        // Ends of transactions take offsets, too: the records must be read to be counted.
        let mut marks = [watched.first.done, watched.last.done];
        if read || contender.is_transactional() {
            let found = scan(lab.bootstrap(), name, parts, &marks);
            if contender.is_transactional() {
                marks.copy_from_slice(&found.before);
            }
            self.check(name, found.digest);
        } else {
            assert_eq!(end(), lines, "{name}: lines came twice");
        }
        lab.delete(name);
        let [first, last] = marks;
        watched.run(last - first)
    }

    fn fill_file(&mut self, contender: Contender, name: &str, folder: &Path, read: bool) -> Run {
        let (lab, parts, topic) = (self.lab, self.workload.parts, &self.input.topic);
        let output = folder.join("out.txt");
        let port = free_port();
        let mut stdout = folder.join("stdout");
        let mut command = match contender {
            Contender::Bare | Contender::BareAgain => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["bare-consume", lab.bootstrap(), topic]);
                command.arg(&output).arg(parts.to_string());
                command.arg((self.input.lines / parts as u64).to_string());
                command
            }
            Contender::Kcat => {
                let mut command = Command::new("kcat");
                command.args(["-C", "-b", lab.bootstrap(), "-t", topic]);
                command.args(["-o", "beginning", "-e", "-q"]);
                stdout.clone_from(&output);
                command
            }
            _ => self.worker(contender, (name, topic), folder, port),
        };
        command.stdout(File::create(stdout).unwrap());
        let line = self.workload.line_bytes as u64 + 1;
        let mut size = || fs::metadata(&output).map_or(0, |file| file.len());
        let goal = Goal::At(self.input.lines * line);
        let rest = (contender == Contender::Java).then_some(port);
        let watched = watch(&mut command, &folder.join("log"), goal, rest, &mut size);
        assert_eq!(size(), self.input.lines * line, "{name}: lines came twice");
        if read {
            self.check(name, Digest::of_files([output.as_path()]));
        }
        watched.run((watched.last.done - watched.first.done) / line)
    }

    fn worker(
        &self,
        contender: Contender,
        (name, topic): (&str, &str),
        folder: &Path,
        rest_port: u16,
    ) -> Command {
        let files = Files {
            workload: self.workload,
            contender,
            name,
            bootstrap: self.lab.bootstrap(),
            topic,
            inputs: &self.input.files,
            output: &folder.join("out.txt"),
            rest_port,
        };
        let files: Vec<PathBuf> = files.write_to(folder, &self.lab.programs);
        let mut command = match contender {
            Contender::Java => self.lab.programs.java(),
            _ => self.lab.programs.connect(),
        };
        command.args(files);
        command
    }

    fn check(&mut self, name: &str, found: Digest) {
        assert_eq!(found.lines, self.input.lines, "{name}: lines are missing");
        let found = comparable(found, self.workload);
        let expected = *self.expected.get_or_insert(found);
        assert!(found == expected, "{name}: different lines arrived");
    }
}

fn comparable(digest: Digest, workload: &Workload) -> Digest {
    if workload.parts == 1 {
        digest
    } else {
        digest.in_any_order()
    }
}
