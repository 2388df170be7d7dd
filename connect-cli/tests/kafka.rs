//! The lab files on a real Kafka.

#![expect(clippy::unwrap_used, reason = "a lab that cannot be set up has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use connect_testkit::kafka::KafkaCluster;
use tempfile::TempDir;

/// With Kafka's default. Without it a source needs the options `topic.creation.default.…`, as in Java.
static KAFKA: LazyLock<KafkaCluster> = LazyLock::new(|| {
    KafkaCluster::builder()
        .with("auto.create.topics.enable", "true")
        .start()
});

/// The lab: its files in a folder of their own, on Kafka.
struct Lab {
    folder: TempDir,
    expected: String,
}

impl Lab {
    /// Sets the lab up; `adapt` gets the name and text of each file and returns the text to use.
    fn new(adapt: impl Fn(&str, String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let lab = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .join("examples/lab");
        for name in ["worker.properties", "source.properties", "sink.properties"] {
            let mut text = fs::read_to_string(lab.join(name)).unwrap();
            text = text.replace("target/lab", &home);
            text = text.replace("examples/lab", &lab.display().to_string());
            if name == "worker.properties" {
                text += &format!("bootstrap.servers={}\n", KAFKA.bootstrap());
            }
            fs::write(folder.path().join(name), adapt(name, text)).unwrap();
        }
        let expected = fs::read_to_string(lab.join("expected_sink.txt")).unwrap();
        Self { folder, expected }
    }

    /// Runs the program to the end, checks how many lines it moves, and returns what the sink has
    /// written.
    fn run(&self, lines: usize) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_connect"))
            .args(["standalone", "--until-end"])
            .args(["worker.properties", "source.properties", "sink.properties"])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let count = format!("{lines} records read, {lines} written");
        assert!(said.contains(&count), "{said}");
        fs::read_to_string(self.folder.path().join("my_sink.txt")).unwrap()
    }
}

#[test]
fn the_lab_files_run_on_kafka() {
    let lab = Lab::new(|_, text| text);
    // The second run finds the offsets of the first: nothing is delivered twice.
    for lines in [200, 0] {
        assert_eq!(lab.run(lines), lab.expected);
    }
    assert!(
        lab.folder.path().join("connect.offsets").exists(),
        "offsets are in the file, as in Java"
    );
}

#[test]
fn four_tasks_write_the_lab_from_four_partitions() {
    let lab = Lab::new(|name, text| {
        let text = text
            .replace("filedata", "filedata4")
            .replace("local-file", "four");
        text + match name {
            "sink.properties" => "\ntasks.max=4\n",
            "source.properties" => {
                "\ntopic.creation.default.partitions=4\n\
                 topic.creation.default.replication.factor=1\n\
                 # Without keys, one batch would go into one partition.\n\
                 producer.override.partitioner.ignore.keys=true\n\
                 producer.override.librdkafka.sticky.partitioning.linger.ms=0\n"
            }
            _ => "\noffset.flush.interval.ms=100\n",
        }
    });
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for lines in [200, 0] {
        assert_eq!(sorted(&lab.run(lines)), sorted(&lab.expected));
    }
    let ends = KAFKA.tool(
        "org.apache.kafka.tools.GetOffsetShell",
        &[
            "--bootstrap-server",
            KAFKA.bootstrap(),
            "--topic",
            "filedata4",
        ],
    );
    let counts: Vec<u32> = ends
        .lines()
        .map(|line| line.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(counts.iter().sum::<u32>(), 200);
    assert!(
        counts.len() == 4 && counts.iter().all(|count| *count > 0),
        "{ends}"
    );
}
