//! Input that is not lines, or not even a file.

use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use connect_api::config_map;
use rustix::process::Gid;
use rustix::process::Uid;
use rustix::process::geteuid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_res_gid;
use rustix::thread::set_thread_res_uid;

use crate::lab::Lab;
use crate::lab::append;
use crate::lab::says;
use crate::lab::sink;
use crate::lab::source;

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_place_of_a_file_is_named() {
    let mut lab = Lab::new().await;
    let folder = lab.path("folder");
    fs::create_dir(&folder).unwrap();
    lab.create("source", source(&folder, "lines")).await;
    lab.create("sink", sink(&folder, "bystander")).await;
    for name in ["source", "sink"] {
        let why = lab.failure(name).await;
        says(
            &why,
            &[
                &folder.display().to_string(),
                "is a directory; set \"file\" to",
            ],
        );
    }
    lab.bystanders_run().await;
    lab.end().await;
}

/// Root may read and write everything, so the worker runs on a thread that is not root.
#[test]
fn what_may_not_be_read_or_written_is_named() {
    let unprivileged = std::thread::spawn(|| {
        if geteuid().is_root() {
            // Changes the user of this thread and of those that it starts.
            let (uid, gid) = (Uid::from_raw(65_534), Gid::from_raw(65_534));
            set_thread_groups(&[]).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut lab = Lab::new().await;
            let (secret, sealed) = (lab.path("secret"), lab.path("sealed"));
            lab.write("secret", "a line\n");
            fs::create_dir(&sealed).unwrap();
            set_mode(&secret, 0o000);
            set_mode(&sealed, 0o500);
            lab.create("source", source(&secret, "lines")).await;
            lab.create("sink", sink(&sealed.join("out"), "lines")).await;
            let why = lab.failure("source").await;
            says(
                &why,
                &[
                    "cannot open",
                    &secret.display().to_string(),
                    "give the user",
                ],
            );
            let why = lab.failure("sink").await;
            says(
                &why,
                &[
                    "cannot write",
                    &sealed.display().to_string(),
                    "give the user",
                ],
            );
            lab.bystanders_run().await;

            set_mode(&secret, 0o600);
            set_mode(&sealed, 0o700);
            lab.restart("source").await;
            lab.restart("sink").await;
            lab.has(&sealed.join("out"), "a line\n").await;
            lab.end().await;
        });
    });
    unprivileged.join().unwrap();
}

/// The line takes no space on the disk: its file is sparse.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_200_mb_is_refused_or_left_out() {
    let mut lab = Lab::new().await;
    let (path, out) = (lab.path("long"), lab.path("out"));
    let file = File::create(&path).unwrap();
    file.write_all_at(b"before\n", 0).unwrap();
    file.write_all_at(b"\nafter\n", 200_000_000).unwrap();
    lab.create("source", source(&path, "lines")).await;
    lab.create("sink", sink(&out, "lines")).await;
    let why = lab.failure("source").await;
    says(
        &why,
        &[
            "line at byte 7",
            &path.display().to_string(),
            "max.line.bytes",
            "max.line.policy",
        ],
    );
    lab.has(&out, "before\n").await;
    lab.bystanders_run().await;

    // As the error suggests. Lines that were read are not read again.
    let mut skipping = source(&path, "lines");
    skipping.insert("max.line.policy", "skip");
    lab.connect.put_connector("source", skipping).await.unwrap();
    lab.has(&out, "before\nafter\n").await;
    lab.end().await;
}

/// A line that the connector accepts and the log refuses.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_for_the_log_is_refused() {
    let mut lab = Lab::new().await;
    let (path, out) = (lab.path("long"), lab.path("out"));
    let file = File::create(&path).unwrap();
    file.write_all_at(b"before\n", 0).unwrap();
    file.write_all_at(b"\nafter\n", 80_000_000).unwrap();
    let mut config = source(&path, "lines");
    config.extend(config_map! { "max.line.bytes" => 100_000_000 });
    lab.create("source", config).await;
    lab.create("sink", sink(&out, "lines")).await;
    let why = lab.failure("source").await;
    says(&why, &["lines", "79999993", "limit"]);
    lab.bystanders_run().await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_file_is_refused_or_comes_through_byte_for_byte() {
    let mut lab = Lab::new().await;
    // All bytes but `\r`, which ends a line as `\n` does.
    let mut binary: Vec<u8> = (0..400_000_u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .filter(|byte| *byte != b'\r')
        .collect();
    binary.push(b'\n');
    lab.write("binary", &binary);
    let (path, out) = (lab.path("binary"), lab.path("out"));
    let mut config = source(&path, "lines");
    config.insert("invalid.utf8.policy", "fail");
    lab.create("source", config.clone()).await;
    let why = lab.failure("source").await;
    says(
        &why,
        &[
            &path.display().to_string(),
            "is not valid UTF-8",
            "invalid.utf8.policy",
        ],
    );
    lab.bystanders_run().await;

    let bytes = "org.apache.kafka.connect.converters.ByteArrayConverter";
    config.extend(config_map! { "invalid.utf8.policy" => "bytes", "value.converter" => bytes });
    lab.connect.put_connector("source", config).await.unwrap();
    let mut config = sink(&out, "lines");
    config.insert("value.converter", bytes);
    lab.create("sink", config).await;
    lab.has(&out, &binary).await;
    append(&path, b"and on\n");
    binary.extend(b"and on\n");
    lab.has(&out, &binary).await;
    lab.end().await;
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
