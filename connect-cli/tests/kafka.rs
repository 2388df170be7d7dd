//! The lab files on a real Kafka.

use std::fs;
use std::path::Path;
use std::process::Command;

use connect_testkit::kafka::KafkaCluster;

#[test]
fn the_lab_files_run_on_kafka() {
    // Kafka's own default; without it a source needs options `topic.creation.default.…`, as in Java.
    let kafka = KafkaCluster::builder()
        .with("auto.create.topics.enable", "true")
        .start();
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
            text += &format!("bootstrap.servers={}\n", kafka.bootstrap());
        }
        fs::write(folder.path().join(name), text).unwrap();
    }
    let expected = fs::read_to_string(lab.join("expected_sink.txt")).unwrap();
    // The second run finds the offsets of the first: nothing comes twice.
    for _ in 0..2 {
        let output = Command::new(env!("CARGO_BIN_EXE_connect"))
            .args(["standalone", "--until-end"])
            .args(["worker.properties", "source.properties", "sink.properties"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            fs::read_to_string(folder.path().join("my_sink.txt")).unwrap(),
            expected
        );
    }
    assert!(
        folder.path().join("connect.offsets").exists(),
        "offsets are in the file, as in Java"
    );
}
