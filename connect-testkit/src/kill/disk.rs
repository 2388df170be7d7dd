//! A disk whose power fails.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

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
    /// A program fails.
    pub fn cut_power(&self) -> io::Result<()> {
        let kept = self.image.with_extension("kept");
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(&self.image)
            .arg(&kept))?;
        run(Command::new("umount").arg(&self.mount))?;
        fs::rename(&kept, &self.image)?;
        self.attach()
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
