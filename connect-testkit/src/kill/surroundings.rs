//! What a run happens in: nothing special, a disk whose power fails, or a Kafka with troubles.

use std::fs;
use std::fs::File;
use std::io;

use connect_api::Result;

use crate::kill::disk::Disk;
use crate::kill::outcome::Outages;
use crate::kill::pipeline::Pipeline;
use crate::kill::plan::files;
use crate::kill::random::Random;

/// What a run happens in.
pub(crate) trait Surroundings {
    /// Called after each kill, before the next process starts.
    fn killed(&mut self, _: &Pipeline, _: &mut Random) -> Result<()> {
        Ok(())
    }

    /// Called all the time, with the number of the line that the output has come to.
    fn arrived(&mut self, _lines: u64) -> Result<()> {
        Ok(())
    }

    /// Waits for the end of what is happening.
    fn calm_down(&mut self) -> Result<()> {
        Ok(())
    }

    /// True if nothing more is to happen.
    fn are_quiet(&self) -> bool {
        true
    }

    /// What has happened, if it is counted.
    fn outages(&self) -> Option<Outages> {
        None
    }
}

/// Nothing special.
pub(crate) struct Plain;

impl Surroundings for Plain {}

impl Surroundings for &Disk {
    /// Cuts the power. Some files are synced before, as a system may do at any time and in any
    /// order.
    fn killed(&mut self, pipeline: &Pipeline, random: &mut Random) -> Result<()> {
        write_back(pipeline, random)
            .and_then(|()| self.cut_power())
            .map_err(|error| files(&error))
    }
}

fn write_back(pipeline: &Pipeline, random: &mut Random) -> io::Result<()> {
    for folder in [&pipeline.folder, &pipeline.log()] {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            if random.below(2) == 0 {
                File::open(path)?.sync_all()?;
            }
        }
    }
    Ok(())
}
