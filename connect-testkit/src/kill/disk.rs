//! A disk whose power fails.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// How often to copy an image until no write happens during the copy.
const COPIES: usize = 20;

/// A mounted file system whose disk is an image in a file.
///
/// Writes stay in the page cache of that file system until they are synced; only then they are in the
/// image. So at any moment the image is what a disk would contain after a power failure.
///
/// Needs the permission to mount.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Creates and mounts an empty disk, with its files in an existing folder. A folder in memory is
    /// fastest.
    ///
    /// *Blocking*: it runs programs.
    ///
    /// # Errors
    /// `mkfs.ext4` or `mount` fails, usually for want of permission.
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

    /// Returns the mount point.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power and turns it on again: only synced writes are left. No file on it may be open.
    ///
    /// *Blocking*: it runs programs.
    ///
    /// # Errors
    /// A program fails, or a file on the disk is open. The disk is then unchanged.
    pub fn cut_power(&self) -> io::Result<()> {
        let kept = self.copy_of_one_moment()?;
        run(Command::new("umount").arg(&self.mount))?;
        fs::rename(&kept, &self.image)?;
        self.attach()
    }

    /// Copies the image until nothing was written during the copy. Such a copy could have a later write
    /// without an earlier one, which no disk has after a power failure.
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
        Err(io::Error::other(
            "the disk is written to all the time; stop the processes that use it",
        ))
    }

    fn attach(&self) -> io::Result<()> {
        // The file system writes as late as possible.
        let options = "loop,commit=300";
        run(Command::new("mount")
            .args(["-o", options])
            .arg(&self.image)
            .arg(&self.mount))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: files that a failed test has open must not keep the mount.
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount));
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "{} failed ({}): {}",
        command.get_program().display(),
        output.status,
        problem.trim()
    )))
}
