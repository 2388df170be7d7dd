//! The file connectors keep the contracts of connectors.

#![expect(clippy::unwrap_used, reason = "a surprise fails the test")]

use std::fs;
use std::fs::OpenOptions;
use std::io::Write as _;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::SinkConnector;
use connect_api::SourceConnector;
use connect_api::config_map;
use tempfile::TempDir;

fn registry() -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);
    registry
}

mod source {
    use super::*;

    struct File {
        folder: TempDir,
        registry: PluginRegistry,
        batch_size: usize,
        lines: usize,
    }

    #[async_trait]
    impl connect_testkit::source::System for File {
        fn connector(&self) -> Box<dyn SourceConnector> {
            self.registry.new_source("FileStreamSource").unwrap()
        }

        fn config(&self) -> ConfigMap {
            let file = self.folder.path().join("log");
            config_map! {
                "file" => file.display(), "topic" => "lines", "batch.size" => self.batch_size
            }
        }

        async fn add(&mut self, count: usize) {
            let path = self.folder.path().join("log");
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .unwrap();
            for _ in 0..count {
                self.lines += 1;
                writeln!(file, "line {} für alle", self.lines).unwrap();
            }
        }
    }

    fn file(batch_size: usize) -> File {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), "").unwrap();
        File {
            folder,
            registry: registry(),
            batch_size,
            lines: 0,
        }
    }

    mod large_batches {
        async fn system() -> super::File {
            super::file(2000)
        }

        connect_testkit::source_conformance!(system);
    }

    mod batches_of_one {
        async fn system() -> super::File {
            super::file(1)
        }

        connect_testkit::source_conformance!(system);
    }
}

mod sink {
    use super::*;

    struct File {
        folder: TempDir,
        registry: PluginRegistry,
        options: ConfigMap,
    }

    #[async_trait]
    impl connect_testkit::sink::System for File {
        fn connector(&self) -> Box<dyn SinkConnector> {
            self.registry.new_sink("FileStreamSink").unwrap()
        }

        fn config(&self) -> ConfigMap {
            let file = self.folder.path().join("out");
            let mut config = config_map! { "file" => file.display(), "topics" => "conformance" };
            config.extend(self.options.clone());
            config
        }

        /// The lines of all files, the renamed ones first.
        async fn written(&self) -> Vec<String> {
            let names = fs::read_dir(self.folder.path()).unwrap();
            let mut names: Vec<_> = names
                .map(|name| name.unwrap().file_name().into_string().unwrap())
                .collect();
            names.retain(|name| name != "out" && !name.ends_with("ing") && !name.ends_with("s"));
            names.sort();
            names.push("out".into());
            let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            let content: String = names.iter().map(read).collect();
            assert!(content.is_empty() || content.ends_with('\n'), "a torn line");
            content.lines().map(str::to_owned).collect()
        }

        fn is_exactly_once(&self) -> bool {
            self.options.contains_key("exactly.once")
        }
    }

    fn file(options: ConfigMap) -> File {
        File {
            folder: tempfile::tempdir().unwrap(),
            registry: registry(),
            options,
        }
    }

    mod at_least_once {
        use super::*;

        async fn system() -> File {
            file(ConfigMap::new())
        }

        connect_testkit::sink_conformance!(system);
    }

    mod exactly_once {
        use super::*;

        async fn system() -> File {
            file(config_map! { "exactly.once" => true })
        }

        connect_testkit::sink_conformance!(system);
    }

    mod exactly_once_with_rotation {
        use super::*;

        async fn system() -> File {
            file(config_map! { "exactly.once" => true, "rotate.bytes" => 300 })
        }

        connect_testkit::sink_conformance!(system);
    }
}
