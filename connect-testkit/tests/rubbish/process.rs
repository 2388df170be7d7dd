//! A process that is stopped (SIGSTOP) and continued.

use std::fs;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

/// Waits for what another process does.
fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn send(signal: Signal, child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// True if no thread of a process runs or is inside a system call.
fn has_stopped(child: &Child) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    threads.into_iter().all(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
        // The name of the thread, in parentheses, may contain anything.
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    })
}

#[test]
fn a_process_that_is_stopped_and_continued_goes_on() {
    for exactly_once in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let all: String = (0..60_000)
            .map(|n| format!("{n:08} {}\n", "x".repeat(90)))
            .collect();
        fs::write(folder.path().join("in.txt"), &all).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_connect-kill"));
        command
            .arg("run")
            .arg("--folder")
            .arg(folder.path())
            .args(["--batch=100", "--flush-ms=5"]);
        if exactly_once {
            command.arg("--exactly-once");
        }
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = folder.path().join("out.txt");
        let size = || fs::metadata(&out).map_or(0, |metadata| metadata.len());
        for part in 1..=3 {
            eventually("the output grows", || size() > part * 1_000_000);
            send(Signal::STOP, &child);
            // A write in progress may still complete.
            eventually("all threads have stopped", || has_stopped(&child));
            let stopped_at = size();
            std::thread::park_timeout(Duration::from_millis(200));
            assert_eq!(size(), stopped_at, "it does not stand still");
            send(Signal::CONT, &child);
        }
        assert!(child.wait().unwrap().success());
        assert!(
            fs::read_to_string(&out).unwrap() == all,
            "other lines arrived"
        );
    }
}
