//! What disturbs a run beside the kills: nothing, a disk whose power fails, or outages of Kafka.

use std::fs;
use std::fs::File;
use std::io;

use connect_api::Result;

use crate::kill::disk::Disk;
use crate::kill::outcome::Outages;
use crate::kill::pipeline::Pipeline;
use crate::kill::plan::files;
use crate::kill::random::Random;

/// What disturbs a run beside the kills.
pub(crate) trait Surroundings {
    /// Called after each kill, before the next process starts.
    fn killed(&mut self, _: &Pipeline, _: &mut Random) -> Result<()> {
        Ok(())
    }

    /// Called continually, with the number of lines that have arrived.
    fn arrived(&mut self, _lines: u64) -> Result<()> {
        Ok(())
    }

    /// Waits for the end of a running disturbance.
    fn calm_down(&mut self) -> Result<()> {
        Ok(())
    }

    /// True if no more disturbances will come.
    fn are_quiet(&self) -> bool {
        true
    }

    /// Returns the number of disturbances, if they are counted.
    fn outages(&self) -> Option<Outages> {
        None
    }
}

/// No disturbances.
pub(crate) struct Plain;

impl Surroundings for Plain {}

impl Surroundings for &Disk {
    /// Cuts the power. Some files are synced before, as the system may do at any time and in any order.
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
