//! Connectors that come and go.

use std::fs;
use std::time::Duration;

use crate::lab::Lab;
use crate::lab::eventually;
use crate::lab::sink;
use crate::lab::source;

/// `CONNECT_RUBBISH_CONNECTORS` sets how many; 1,000 by default.
#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is asked for from outside"
)]
fn count() -> usize {
    std::env::var("CONNECT_RUBBISH_CONNECTORS").map_or(1_000, |count| count.parse().unwrap())
}

/// The number of files that the process has open.
fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// In waves: each reads its tiny file and is deleted; nothing of it is left.
#[tokio::test(flavor = "multi_thread")]
async fn connectors_that_come_and_go_leave_nothing_behind() {
    let mut lab = Lab::new().await;
    let out = lab.path("out");
    lab.create("sink", sink(&out, "lines")).await;
    lab.bystanders_run().await;
    let before = open_files();
    let count = count();
    let mut expected: Vec<String> = Vec::new();
    for wave in (0..count).step_by(WAVE) {
        let names: Vec<_> = (wave..count.min(wave + WAVE))
            .map(|n| format!("tiny-{n}"))
            .collect();
        for name in &names {
            lab.write(name, format!("{name} 1\n{name} 2\n"));
            lab.create(name, source(&lab.path(name), "lines")).await;
            expected.extend([format!("{name} 1"), format!("{name} 2")]);
        }
        eventually("the lines of a wave arrive", async || {
            let found = fs::read_to_string(&out).unwrap_or_default();
            (found.lines().count() >= expected.len()).then_some(())
        })
        .await;
        for name in &names {
            lab.connect.delete_connector(&**name).await.unwrap();
            fs::remove_file(lab.path(name)).unwrap();
        }
    }
    let mut found: Vec<_> = fs::read_to_string(&out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert!(found == expected, "lines are missing or duplicated");
    assert_eq!(lab.connect.connectors().await.unwrap().len(), 3);
    assert_eq!(
        lab.connect.progress().len(),
        3,
        "tasks of deleted connectors"
    );
    lab.bystanders_run().await;
    eventually("files are closed", async || {
        // Concurrent tests open some, too.
        (open_files() <= before + 200).then_some(())
    })
    .await;
    tokio::time::timeout(Duration::from_secs(30), lab.end())
        .await
        .unwrap();
}

/// How many exist at the same time.
const WAVE: usize = 100;
