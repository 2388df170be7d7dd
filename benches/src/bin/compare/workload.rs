//! The workloads.

use std::process::Command;
use std::process::Stdio;

use crate::contender::Contender;

/// The direction of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    FileToKafka,
    KafkaToFile,
}

/// The processing of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// String converters.
    Lines,
    /// HoistField, InsertField, and the JSON converter with schemas.
    Envelope,
}

/// One task for all contenders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) direction: Direction,
    pub(crate) shape: Shape,
    /// Length of a line, without its newline.
    pub(crate) line_bytes: usize,
    /// Partitions of the topic. Sources have one connector and one file for each; a sink is one
    /// connector with a task for each.
    pub(crate) parts: usize,
    /// Compares deliveries instead of programs.
    pub(crate) compares_deliveries: bool,
    /// Number of lines, in percent of the largest workloads.
    pub(crate) percent: u64,
}

/// All of them, in the order of the report.
pub(crate) static WORKLOADS: [Workload; 8] = [
    Workload {
        name: "file-to-kafka-100",
        title: "File to Kafka, String, lines of 100 bytes",
        ..SOURCE
    },
    Workload {
        name: "file-to-kafka-1k",
        title: "File to Kafka, String, lines of 1,000 bytes",
        line_bytes: 1000,
        percent: 10,
        ..SOURCE
    },
    Workload {
        name: "file-to-kafka-json",
        title: "File to Kafka, HoistField and InsertField, JSON with schemas",
        shape: Shape::Envelope,
        percent: 40,
        ..SOURCE
    },
    Workload {
        name: "file-to-kafka-four",
        title: "File to Kafka, String, four connectors with a file each",
        parts: 4,
        percent: 60,
        ..SOURCE
    },
    Workload {
        name: "file-to-kafka-exactly-once",
        title: "File to Kafka, String, exactly-once beside at-least-once",
        compares_deliveries: true,
        percent: 30,
        ..SOURCE
    },
    Workload {
        name: "kafka-to-file-100",
        title: "Kafka to file, String, lines of 100 bytes",
        ..SINK
    },
    Workload {
        name: "kafka-to-file-1k",
        title: "Kafka to file, String, lines of 1,000 bytes",
        line_bytes: 1000,
        percent: 10,
        ..SINK
    },
    Workload {
        name: "kafka-to-file-four",
        title: "Kafka to file, String, one connector with four tasks",
        parts: 4,
        percent: 60,
        ..SINK
    },
];

const SOURCE: Workload = Workload {
    name: "",
    title: "",
    direction: Direction::FileToKafka,
    shape: Shape::Lines,
    line_bytes: 100,
    parts: 1,
    compares_deliveries: false,
    percent: 100,
};

const SINK: Workload = Workload {
    direction: Direction::KafkaToFile,
    ..SOURCE
};

impl Workload {
    /// The contenders on this machine, ours first.
    pub(crate) fn contenders(&self) -> Vec<Contender> {
        if self.compares_deliveries {
            return vec![
                Contender::Connect,
                Contender::ConnectAgain,
                Contender::PerPoll,
                Contender::PerInterval,
            ];
        }
        let mut contenders = vec![Contender::Connect];
        if self.has_bare_loop() {
            contenders.extend([Contender::Java, Contender::Bare, Contender::BareAgain]);
        } else {
            contenders.extend([Contender::ConnectAgain, Contender::Java]);
        }
        if self.has_bare_loop() && self.parts == 1 && has_kcat() {
            contenders.push(Contender::Kcat);
        }
        contenders
    }

    /// The name of a contender in the report.
    pub(crate) const fn label(&self, contender: Contender) -> &'static str {
        match (self.compares_deliveries, contender) {
            (true, Contender::Connect) => "at-least-once",
            (true, Contender::ConnectAgain) => "at-least-once, again",
            (_, contender) => contender.name(),
        }
    }

    /// The contenders that run once as a warm-up: every way in which `connect` uses the broker.
    pub(crate) fn warming(&self) -> Vec<Contender> {
        if self.compares_deliveries {
            vec![
                Contender::Connect,
                Contender::PerPoll,
                Contender::PerInterval,
            ]
        } else {
            vec![Contender::Connect]
        }
    }

    /// The contender that ran twice, and its second run.
    pub(crate) fn control(&self) -> (Contender, Contender) {
        if self.has_bare_loop() {
            (Contender::Bare, Contender::BareAgain)
        } else {
            (Contender::Connect, Contender::ConnectAgain)
        }
    }

    /// The number of lines, rounded so that each part gets the same number.
    pub(crate) fn lines(&self, largest: u64) -> u64 {
        let parts = self.parts as u64;
        let fewest = if self.compares_deliveries {
            FEWEST_IN_TRANSACTIONS
        } else {
            FEWEST_LINES
        };
        (largest * self.percent / 100).max(fewest) / parts * parts
    }

    /// A bare loop does not transform: with transforms and JSON it would be a worker.
    fn has_bare_loop(&self) -> bool {
        self.shape == Shape::Lines && !self.compares_deliveries
    }
}

/// With fewer, all arrive between two checks.
const FEWEST_LINES: u64 = 50_000;

/// With fewer, all arrive in one transaction of 100 ms.
const FEWEST_IN_TRANSACTIONS: u64 = 500_000;

fn has_kcat() -> bool {
    let kcat = Command::new("kcat")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    kcat.is_ok_and(|status| status.success())
}
