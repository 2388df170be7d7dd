//! Runs the program as a user does.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

mod lab;

use lab::Lab;
use lab::STRINGS;
use lab::assert_ends;
use lab::outcome;

fn eventually(mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_true() {
        assert!(Instant::now() < deadline, "it did not come true");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn the_lab_files_give_what_kafka_connect_gives() {
    let lab = Lab::new();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let original = repository.join("examples/lab");
    for name in ["worker.properties", "source.properties", "sink.properties"] {
        let text = fs::read_to_string(original.join(name)).unwrap();
        let log = original.join("access_log.txt").display().to_string();
        let text = text
            .replace("target/lab", &lab.text(""))
            .replace("examples/lab/access_log.txt", &log);
        lab.write(name, &text);
    }
    assert_ends(
        lab.run_to_end(),
        0,
        &[
            "option \"plugin.path\" is ignored",
            "option \"type\" is ignored",
            "done: 200 records read, 200 written",
        ],
    );
    let expected = fs::read_to_string(original.join("expected_sink.txt")).unwrap();
    assert_eq!(lab.read("my_sink.txt"), expected);
}

#[test]
fn a_second_run_continues_where_the_first_ended() {
    let lab = Lab::new();
    lab.write("in.txt", "one\nzwei\n");
    assert_ends(lab.run_to_end(), 0, &["done: 2 records read, 2 written"]);
    lab.write("in.txt", "one\nzwei\n三\n");
    assert_ends(lab.run_to_end(), 0, &["done: 1 records read, 1 written"]);
    assert_ends(lab.run_to_end(), 0, &["done: 0 records read, 0 written"]);
    assert_eq!(lab.read("out.txt"), "one\nzwei\n三\n");
}

#[test]
fn a_last_line_without_an_end_is_reported() {
    let lab = Lab::new();
    lab.write("in.txt", "one\ntwo");
    assert_ends(
        lab.run_to_end(),
        0,
        &["left: ", "in.txt", "done: 1 records read, 1 written"],
    );
    assert_eq!(lab.read("out.txt"), "one\n");
}

#[test]
fn sigterm_and_interrupt_drain_and_stop() {
    for signal in ["-TERM", "-INT"] {
        let lab = Lab::new();
        let lines: String = (0..10_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        lab.write("in.txt", &lines);
        let files = [
            "standalone",
            "worker.properties",
            "source.properties",
            "sink.properties",
        ];
        let child = lab.start(&files);
        eventually(|| !lab.read("out.txt").is_empty());
        send(signal, &child);
        assert_ends(
            outcome(&child.wait_with_output().unwrap()),
            0,
            &["stopping; press Ctrl-C again to stop immediately"],
        );
        // The next run delivers the rest, and nothing twice.
        assert_ends(lab.run_to_end(), 0, &[]);
        assert_eq!(lab.read("out.txt"), lines);
    }
}

#[test]
fn wrong_usage_ends_with_1() {
    let lab = Lab::new();
    for arguments in [
        &[][..],
        &["standalone"],
        &["nothing"],
        &["standalone", "--fast", "w"],
    ] {
        assert_ends(lab.run(arguments), 1, &["Usage: connect"]);
    }
    assert_ends(lab.run(&["--help"]), 0, &["Exit codes:"]);
}

#[test]
fn a_worker_that_cannot_start_ends_with_2() {
    let lab = Lab::new();
    lab.write("in.txt", "");
    let cases: [(&str, &[&str]); 5] = [
        (
            "",
            &[
                "\"key.converter\"",
                "\"value.converter\"",
                "worker.properties",
            ],
        ),
        (
            "key.converter=String\nvalue.converter=Strin\n",
            &["value.converter", "Strin"],
        ),
        (
            &format!("{STRINGS}offset.flush.interval.ms=soon\n"),
            &["offset.flush.interval.ms", "soon"],
        ),
        (&format!("{STRINGS}data.dir=in.txt\n"), &["in.txt"]),
        ("a=\\u00g0\n", &["worker.properties", "line 1"]),
    ];
    for (text, said) in cases {
        lab.write("worker.properties", text);
        assert_ends(lab.run_to_end(), 2, said);
    }
    assert_ends(
        lab.run(&["standalone", "nowhere"]),
        2,
        &["cannot read nowhere"],
    );
    assert_ends(lab.run(&["--log", "what=now", "plugins"]), 2, &["what=now"]);
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_build_without_kafka_says_so() {
    let lab = Lab::new();
    let text = format!("{STRINGS}bootstrap.servers=localhost:9092\n");
    lab.write("worker.properties", &text);
    assert_ends(lab.run_to_end(), 2, &["localhost:9092", "--features kafka"]);
}

#[test]
fn two_workers_on_one_folder_are_refused() {
    let lab = Lab::new();
    let mut first = lab.start(&["standalone", "worker.properties"]);
    let locked = lab.path("data/log.redb");
    eventually(|| locked.exists());
    assert_ends(
        lab.run_to_end(),
        2,
        &["in use by another worker", &lab.text("data"), "data.dir"],
    );
    send("-TERM", &first);
    assert!(first.wait().unwrap().success());
}

#[test]
fn connectors_that_cannot_be_created_end_with_3_and_are_all_named() {
    let lab = Lab::new();
    lab.write("in.txt", "");
    lab.write(
        "source.properties",
        "name=source\nconnector.class=FileStreamSorce\n",
    );
    lab.write(
        "sink.properties",
        "name=sink\nconnector.class=FileStreamSink\ntasks.max=many\n",
    );
    assert_ends(
        lab.run_to_end(),
        3,
        &[
            "did you mean org.apache.kafka.connect.file.FileStreamSourceConnector?",
            "Invalid value many for configuration tasks.max",
            "Must configure one of topics or topics.regex",
        ],
    );
    lab.write("source.properties", "connector.class=FileStreamSource\n");
    lab.write(
        "sink.properties",
        "{\"name\": \"sink\", \"config\": {\"name\": \"other\"}}",
    );
    assert_ends(
        lab.run_to_end(),
        3,
        &["missing the mandatory 'name'", "doesn't match"],
    );
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let lab = Lab::new();
    fs::create_dir(lab.path("in.txt")).unwrap();
    let (code, said) = lab.run_to_end();
    assert!(code == 3 || code == 4, "{said}");
    assert!(
        said.contains("in.txt") && said.contains("directory"),
        "{said}"
    );
}

#[test]
fn a_task_that_fails_ends_with_4() {
    let lab = Lab::new();
    lab.write("in.txt", "this is not JSON\n");
    let json = "value.converter=org.apache.kafka.connect.json.JsonConverter\n";
    lab.write("sink.properties", &(lab.sink() + json));
    assert_ends(lab.run_to_end(), 4, &["connect: ", "sink-0"]);
    assert_eq!(lab.read("out.txt"), "");
}

#[test]
fn validate_lists_errors_and_notices_and_runs_nothing() {
    let lab = Lab::new();
    let files = [
        "validate",
        "worker.properties",
        "source.properties",
        "sink.properties",
    ];
    assert_ends(
        lab.run(&files),
        0,
        &["source.properties: no errors", "sink.properties: no errors"],
    );
    lab.write(
        "source.properties",
        &(lab.source() + "topic=\ntask.max=3\nbatch.size=x\n"),
    );
    assert_ends(
        lab.run(&files),
        3,
        &[
            "option \"task.max\" is unknown and ignored; did you mean \"tasks.max\"?",
            "batch.size",
            "sink.properties: no errors",
        ],
    );
    assert!(!lab.path("data").exists());
}

#[test]
fn plugins_are_listed_with_their_java_names() {
    let lab = Lab::new();
    assert_ends(
        lab.run(&["plugins"]),
        0,
        &[
            "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "org.apache.kafka.connect.json.JsonConverter",
            "org.apache.kafka.connect.transforms.HoistField$Value",
        ],
    );
}

#[test]
fn a_connector_without_its_file_is_removed_and_its_offsets_stay() {
    let lab = Lab::new();
    lab.write("in.txt", "one\n");
    assert_ends(lab.run_to_end(), 0, &["done: 1 records read, 1 written"]);
    lab.write("in.txt", "one\ntwo\n");
    let sink_only = [
        "standalone",
        "--until-end",
        "worker.properties",
        "sink.properties",
    ];
    assert_ends(lab.run(&sink_only), 0, &["removed", "done: 0 records read"]);
    assert_ends(lab.run_to_end(), 0, &["done: 1 records read, 1 written"]);
    assert_eq!(lab.read("out.txt"), "one\ntwo\n");
}

#[test]
fn a_file_that_cannot_be_read_removes_no_connector() {
    let lab = Lab::new();
    lab.write("in.txt", "one\n");
    assert_ends(lab.run_to_end(), 0, &["done: 1 records read, 1 written"]);
    lab.write("source.properties", "topic=lines\n");
    assert_ends(lab.run_to_end(), 3, &["missing the mandatory 'name'"]);
    lab.write("source.properties", &lab.source());
    // It was there all the time.
    let (code, said) = lab.run_to_end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("declared again").count(), 2, "{said}");
}

/// The lines that are read after a change go to the new file alone.
#[test]
fn a_changed_file_counts_from_the_first_record_on() {
    let lab = Lab::new();
    lab.write("in.txt", "one\n");
    assert_ends(lab.run_to_end(), 0, &["done: 1 records read, 1 written"]);
    lab.write("in.txt", "one\ntwo\nthree\n");
    let other = lab.sink().replace("out.txt", "other.txt");
    lab.write("sink.properties", &other);
    assert_ends(lab.run_to_end(), 0, &["done: 2 records read, 2 written"]);
    assert_eq!(lab.read("out.txt"), "one\n");
    assert_eq!(lab.read("other.txt"), "two\nthree\n");
}
