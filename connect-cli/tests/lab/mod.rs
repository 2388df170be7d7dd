//! A folder in which the program runs as a user runs it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use tempfile::TempDir;

pub(crate) const STRINGS: &str = "key.converter=org.apache.kafka.connect.storage.StringConverter\n\
                       value.converter=org.apache.kafka.connect.storage.StringConverter\n";

/// A folder with the files of a worker.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        lab.write(
            "worker.properties",
            &format!("data.dir={}\n{STRINGS}", lab.text("data")),
        );
        lab.write("source.properties", &lab.source());
        lab.write("sink.properties", &lab.sink());
        lab
    }

    pub(crate) fn source(&self) -> String {
        let file = self.text("in.txt");
        format!("name=source\nconnector.class=FileStreamSource\ntopic=lines\nfile={file}\n")
    }

    pub(crate) fn sink(&self) -> String {
        let file = self.text("out.txt");
        format!("name=sink\nconnector.class=FileStreamSink\ntopics=lines\nfile={file}\n")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn connect(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_connect"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("CONNECT_LOG");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        outcome(&self.connect(arguments).output().unwrap())
    }

    pub(crate) fn run_to_end(&self) -> (i32, String) {
        self.run(&[
            "standalone",
            "--until-end",
            "worker.properties",
            "source.properties",
            "sink.properties",
        ])
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.connect(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The exit code and everything that was said.
pub(crate) fn outcome(output: &Output) -> (i32, String) {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        said(&output.stdout) + &said(&output.stderr),
    )
}

#[track_caller]
pub(crate) fn assert_ends(actual: (i32, String), code: i32, texts: &[&str]) {
    let (actual, said) = actual;
    assert_eq!(actual, code, "{said}");
    for text in texts {
        assert!(said.contains(text), "\"{text}\" was not said, but: {said}");
    }
}
