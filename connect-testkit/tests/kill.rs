//! A pipeline is killed at every step, and at random: nothing is lost or out of order, and only lines
//! in flight are duplicated.
//!
//! `connect-kill` runs the same with more lines and kills; `docs/kill-tests.md` has its results.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use connect_testkit::kill::Change;
use connect_testkit::kill::Changed;
use connect_testkit::kill::Outcome;
use connect_testkit::kill::Pipeline;
use connect_testkit::kill::Plan;
use connect_testkit::kill::Step;

/// SIGKILL has the same effect in memory as on a disk, where each run waits for syncs.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(folder) => folder,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

fn run(step: Step, exactly_once: bool, kills: u64) -> Outcome {
    let folder = scratch();
    let mut pipeline = Pipeline::new(folder.path().to_owned(), exactly_once);
    pipeline.batch = 100;
    pipeline.flush_interval = Duration::from_millis(5);
    let mut plan = Plan::new(
        PathBuf::from(env!("CARGO_BIN_EXE_connect-kill")),
        pipeline,
        step,
    );
    (plan.lines, plan.kills, plan.seed) = (20_000, kills, 4711);
    let outcome = plan.run().unwrap();
    println!("{}\n{outcome}", Outcome::HEAD);
    assert_eq!(outcome.kills, kills);
    outcome
}

#[test]
fn at_least_once_loses_nothing_at_any_step() {
    for step in Step::ALL.into_iter().filter(|step| step.exists(false)) {
        let outcome = run(step, false, if step == Step::Random { 8 } else { 3 });
        assert_eq!((outcome.lost, outcome.out_of_order), (0, 0), "{outcome}");
        assert!(outcome.duplicates <= outcome.bound, "{outcome}");
    }
}

#[test]
fn exactly_once_neither_loses_nor_duplicates_at_any_step() {
    for step in Step::ALL {
        let kills = match step {
            Step::Random => 8,
            Step::SinkWrite => 20,
            _ => 3,
        };
        let mut tries = 0;
        loop {
            let outcome = run(step, true, kills);
            let counts = (
                outcome.lost,
                outcome.duplicates,
                outcome.duplicates_in_topic,
            );
            assert_eq!((counts, outcome.out_of_order), ((0, 0, 0), 0), "{outcome}");
            if step != Step::SinkWrite || outcome.tears > 0 {
                break;
            }
            // Often it is the log that hits the limit of the file size.
            tries += 1;
            assert!(tries < 20, "no write of the sink was cut off: {outcome}");
        }
    }
}

#[test]
fn without_kills_each_line_is_there_once() {
    let outcome = run(Step::Random, false, 0);
    assert_eq!(
        (outcome.lost, outcome.duplicates, outcome.bound),
        (0, 0, 0),
        "{outcome}"
    );
    assert_eq!(outcome.out_of_order, 0, "{outcome}");
}

/// After each kill the connector is as before the change or as after it, with its tasks.
#[test]
fn a_change_of_a_connector_happens_or_does_not() {
    let program = Path::new(env!("CARGO_BIN_EXE_connect-kill"));
    for change in Change::ALL {
        let folder = scratch();
        let changed = change.run(program, folder.path()).unwrap();
        println!("{}\n{changed}", Changed::HEAD);
        assert!(changed.before > 0 && changed.after > 0, "{changed}");
        assert!(changed.answered < changed.after, "{changed}");
    }
}
