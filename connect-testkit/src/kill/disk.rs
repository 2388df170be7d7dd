//! A disk whose power fails.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// How often an image is copied before somebody is taken to write to it without an end.
const COPIES: usize = 20;

/// A file system of its own, whose disk is an image in a file.
///
/// What a process writes stays in the page cache of that file system until somebody syncs it; only
/// then it is in the image. So the image, at any moment, is what a disk would have after the power
/// failed.
///
/// Needs the right to mount.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes and mounts an empty one, with its files in a folder that exists. The image is best kept
    /// in memory.
    ///
    /// *Blocking*: it runs programs.
    ///
    /// # Errors
    /// `mkfs.ext4` or `mount` fails: not permitted, as a rule.
    pub fn mount(folder: &Path, bytes: u64) -> io::Result<Self> {
        let disk = Self {
            image: folder.join("disk.image"),
            mount: folder.join("disk"),
        };
        fs::create_dir_all(&disk.mount)?;
        fs::File::create(&disk.image)?.set_len(bytes)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&disk.image))?;
        disk.attach()?;
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power and turns it on again: only what was on the disk is there. Nobody may have
    /// anything open on it.
    ///
    /// *Blocking*: it runs programs.
    ///
    /// # Errors
    /// A program fails, or somebody has something open on the disk: then it goes on as if nothing
    /// had happened.
    pub fn cut_power(&self) -> io::Result<()> {
        let kept = self.copy_of_one_moment()?;
        run(Command::new("umount").arg(&self.mount))?;
        fs::rename(&kept, &self.image)?;
        self.attach()
    }

    /// Copies the image until nothing was written to it meanwhile. Another copy might have a part of
    /// a write and not the part before it, which no disk has after its power failed.
    fn copy_of_one_moment(&self) -> io::Result<PathBuf> {
        let kept = self.image.with_extension("kept");
        for _ in 0..COPIES {
            run(Command::new("cp")
                .arg("--sparse=always")
                .arg(&self.image)
                .arg(&kept))?;
            let same = Command::new("cmp")
                .arg("--silent")
                .args([&self.image, &kept])
                .status()?;
            if same.success() {
                return Ok(kept);
            }
        }
        Err(io::Error::other("the disk is being written to"))
    }

    fn attach(&self) -> io::Result<()> {
        // The file system itself writes nothing before it must.
        let options = "loop,commit=300";
        run(Command::new("mount")
            .args(["-o", options])
            .arg(&self.image)
            .arg(&self.mount))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: what a failed test has open must not keep it.
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount));
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "{command:?} ended with {}: {}",
        output.status,
        said.trim()
    )))
}
