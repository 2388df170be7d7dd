//! The configuration files, which are the same for both workers.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::contender::Contender;
use crate::programs::Programs;
use crate::workload::Direction;
use crate::workload::Shape;
use crate::workload::Workload;

/// The parameters of the files of one run.
pub(crate) struct Files<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) contender: Contender,
    /// The prefix of the names of connectors and of the worker's topics.
    pub(crate) name: &'a str,
    pub(crate) bootstrap: &'a str,
    /// Where the records come from or go to.
    pub(crate) topic: &'a str,
    pub(crate) inputs: &'a [PathBuf],
    pub(crate) output: &'a Path,
    pub(crate) rest_port: u16,
}

impl Files<'_> {
    /// Writes the file of the worker, then those of the connectors.
    pub(crate) fn write_to(&self, folder: &Path, programs: &Programs) -> Vec<PathBuf> {
        let mut files = vec![("worker".to_owned(), self.worker(folder, programs))];
        match self.workload.direction {
            Direction::FileToKafka => {
                for (index, input) in self.inputs.iter().enumerate() {
                    files.push((format!("source-{index}"), self.source(index, input)));
                }
            }
            Direction::KafkaToFile => files.push(("sink".to_owned(), self.sink())),
        }
        let write = |(name, text): (String, String)| {
            let path = folder.join(format!("{name}.properties"));
            fs::write(&path, text).unwrap();
            path
        };
        files.into_iter().map(write).collect()
    }

    fn worker(&self, folder: &Path, programs: &Programs) -> String {
        let converter = match self.workload.shape {
            Shape::Envelope => "org.apache.kafka.connect.json.JsonConverter",
            Shape::Lines => "org.apache.kafka.connect.storage.StringConverter",
        };
        let mut text = format!(
            "bootstrap.servers={}\nkey.converter={converter}\nvalue.converter={converter}\n\
             offset.storage.file.filename={}\nplugin.path={}\nlisteners=http://127.0.0.1:{}\n",
            self.bootstrap,
            folder.join("connect.offsets").display(),
            programs.plugins().display(),
            self.rest_port,
        );
        if self.workload.shape == Shape::Envelope {
            text += "value.converter.schemas.enable=true\n";
        }
        if self.contender.is_transactional() {
            // One topic per run: with the offsets of another run, nothing would be left to read.
            text += "exactly.once.source.support=enabled\n";
            text += &format!("offset.storage.topic={}\n", offsets_topic(self.name));
        }
        text
    }

    fn source(&self, index: usize, input: &Path) -> String {
        let mut text = format!(
            "name={}-{index}\ntasks.max=1\nconnector.class=FileStreamSource\nfile={}\ntopic={}\n",
            self.name,
            input.display(),
            self.topic
        );
        if self.workload.shape == Shape::Envelope {
            text += TRANSFORMS;
        }
        match self.contender {
            Contender::PerInterval => {
                text += "transaction.boundary=interval\ntransaction.boundary.interval.ms=100\n";
            }
            Contender::PerPoll => text += "transaction.boundary=poll\n",
            _ => {}
        }
        text
    }

    fn sink(&self) -> String {
        format!(
            "name={}\ntasks.max={}\nconnector.class=FileStreamSink\nfile={}\ntopics={}\n",
            self.name,
            self.workload.parts,
            self.output.display(),
            self.topic
        )
    }
}

/// The topic of the offsets of a run with exactly-once.
pub(crate) fn offsets_topic(name: &str) -> String {
    format!("{name}-offsets")
}

const TRANSFORMS: &str = "transforms=MakeMap,InsertSource
transforms.MakeMap.type=org.apache.kafka.connect.transforms.HoistField$Value
transforms.MakeMap.field=line
transforms.InsertSource.type=org.apache.kafka.connect.transforms.InsertField$Value
transforms.InsertSource.static.field=data_source
transforms.InsertSource.static.value=test-file-source
";
