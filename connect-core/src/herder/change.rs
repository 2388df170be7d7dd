//! Changes of connectors, one at a time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use connect_api::ConfigMap;

use crate::ConnectorName;
use crate::Failure;
use crate::cluster::TargetState;
use crate::cluster::log::ConfigRecord;
use crate::cluster::log::RestartRequest;
use crate::herder::Action;
use crate::herder::HerderCore;
use crate::herder::HerderError;
use crate::herder::Incarnation;
use crate::herder::OffsetChange;
use crate::herder::PutMode;
use crate::herder::RequestId;
use crate::herder::Response;
use crate::herder::Stage;
use crate::herder::core::Question;
use crate::herder::request::Patch;
use crate::status::State;
use crate::status::Subject;

/// The changes of each connector, at most one of them in progress.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<ConnectorName, Queue>);

#[derive(Debug, Default)]
struct Queue {
    under_way: Option<Change>,
    waiting: VecDeque<Change>,
}

/// A change of one connector.
#[derive(Debug)]
pub(super) struct Change {
    /// The request behind it; `None` if the core makes it by itself.
    pub(super) request: Option<RequestId>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Declare(BTreeSet<ConnectorName>),
    Delete,
    Offsets(OffsetChange),
    Put {
        config: ConfigMap,
        mode: PutMode,
        initial: Option<TargetState>,
        patch: Option<Patch>,
    },
    Restart(RestartRequest),
    Target(TargetState),
    /// Older tasks were fenced for a set of this size.
    TaskCount(usize),
    /// The task configurations that a connector returned.
    Tasks {
        /// The incarnation of the connector; `None` if it runs on another worker.
        incarnation: Option<Incarnation>,
        /// The offset of the configuration that they were generated from, if known.
        made_from: Option<i64>,
        configs: Vec<ConfigMap>,
    },
}

/// What becomes of a change when its turn comes.
enum Plan {
    Ask(Question, OffsetChange),
    Done,
    Refuse(HerderError),
    /// The configuration that a patch was applied to is not the current one.
    PatchAgain(Patch),
    Write(Vec<ConfigRecord>),
}

impl Changes {
    /// True if a change is in progress or waits.
    pub(super) fn has_any(&self, name: &ConnectorName) -> bool {
        self.0.contains_key(name)
    }

    /// Drops the change of a request, unless the change has begun.
    pub(super) fn withdraw(&mut self, name: &ConnectorName, request: RequestId) {
        if let Some(queue) = self.0.get_mut(name) {
            queue
                .waiting
                .retain(|change| change.request != Some(request));
            if queue.waiting.is_empty() && queue.under_way.is_none() {
                self.0.remove(name);
            }
        }
    }

    /// The next change, if none is in progress.
    fn next(&mut self, name: &ConnectorName) -> Option<Change> {
        let queue = self.0.get_mut(name)?;
        if queue.under_way.is_some() {
            return None;
        }
        let next = queue.waiting.pop_front();
        if next.is_none() {
            self.0.remove(name);
        }
        next
    }

    fn begin(&mut self, name: &ConnectorName, change: Change) {
        self.0.entry(name.clone()).or_default().under_way = Some(change);
    }

    fn end(&mut self, name: &ConnectorName) -> Option<Change> {
        self.0.get_mut(name)?.under_way.take()
    }
}

impl HerderCore {
    /// Makes a change when its turn comes.
    pub(super) fn change(&mut self, name: &ConnectorName, request: Option<RequestId>, kind: Kind) {
        if let Some(request) = request {
            self.requests.stage(request, Stage::Queued, self.now);
        }
        let queue = self.changes.0.entry(name.clone()).or_default();
        queue.waiting.push_back(Change { request, kind });
        self.make_changes(name);
    }

    /// Begins the next change of a connector, if none is in progress.
    fn make_changes(&mut self, name: &ConnectorName) {
        while let Some(change) = self.changes.next(name) {
            match self.plan(name, &change) {
                Plan::Done => {
                    if matches!(change.kind, Kind::Put { .. }) {
                        // An equal configuration restarts only what has failed. For a different
                        // one, new tasks are generated and start anyway.
                        self.restart_failed_of(name);
                    }
                    self.made(name, &change);
                }
                Plan::Refuse(error) => self.not_made(name, &change, error),
                Plan::PatchAgain(patch) => {
                    if let Some(request) = change.request {
                        self.check_patch(request, name.clone(), patch);
                    }
                }
                Plan::Ask(question, offsets) => {
                    self.stage(change.request, Stage::AlteringOffsets);
                    self.changes.begin(name, change);
                    let (limit, name) = (self.options.limits.alter_offsets, name.clone());
                    let config = self.config_of(&name).cloned().unwrap_or_default();
                    self.ask(limit, question, |id| Action::AlterOffsets {
                        id,
                        name,
                        config,
                        change: offsets,
                    });
                }
                Plan::Write(records) => {
                    self.stage(change.request, Stage::Writing);
                    self.changes.begin(name, change);
                    let (limit, question) =
                        (self.options.limits.write, Question::Write(name.clone()));
                    self.ask(limit, question, |id| Action::Write { id, records });
                }
            }
        }
        self.touched.insert(name.clone());
    }

    fn stage(&mut self, request: Option<RequestId>, stage: Stage) {
        if let Some(request) = request {
            self.requests.stage(request, stage, self.now);
        }
    }

    /// A change was refused or could not be written.
    fn not_made(&mut self, name: &ConnectorName, change: &Change, error: HerderError) {
        match change.kind {
            Kind::Tasks {
                incarnation: Some(incarnation),
                ..
            } => self.tasks_written(name, incarnation, false),
            Kind::TaskCount(_) => self.fencing_failed(name),
            _ => {}
        }
        if let Some(request) = change.request {
            self.respond(request, Err(error));
        }
    }

    fn plan(&self, name: &ConnectorName, change: &Change) -> Plan {
        if !self.is_leader() {
            return Plan::Refuse(HerderError::NotLeader);
        }
        let connector = self.desired.connector(name);
        if let Kind::Put {
            config,
            mode,
            initial,
            patch,
        } = &change.kind
        {
            let present = connector.map(|connector| &**connector.config());
            return match (present, patch) {
                (Some(_), _) if *mode == PutMode::Create => {
                    Plan::Refuse(HerderError::AlreadyExists(name.clone()))
                }
                (None, Some(_)) => Plan::Refuse(HerderError::NoConnector(name.clone())),
                (Some(present), Some(patch)) if *present != patch.base => {
                    Plan::PatchAgain(patch.clone())
                }
                (Some(present), _) if present == config => Plan::Done,
                (present, _) => Plan::Write(put_records(name, config, *initial, present.is_none())),
            };
        }
        if let Kind::Declare(names) = &change.kind {
            let records = vec![ConfigRecord::Declared {
                names: names.clone(),
            }];
            let is_news = names != self.desired.declared();
            return Plan::of(records.into_iter().filter(|_| is_news).collect());
        }
        let Some(connector) = connector else {
            return match &change.kind {
                Kind::Tasks { .. } | Kind::TaskCount(_) => Plan::Done,
                _ => Plan::Refuse(HerderError::NoConnector(name.clone())),
            };
        };
        let target = connector.target_state();
        let tasks = connector.task_set().map(|set| set.configs().len());
        match &change.kind {
            Kind::Delete => Plan::Write(vec![
                ConfigRecord::Connector {
                    name: name.clone(),
                    config: None,
                },
                ConfigRecord::TargetState {
                    name: name.clone(),
                    state: None,
                },
            ]),
            Kind::Offsets(offsets) => {
                let is_stopped = target == TargetState::Stopped && tasks.unwrap_or_default() == 0;
                match change.request {
                    Some(request) if is_stopped && !self.running.has_any(name) => Plan::Ask(
                        Question::AlterOffsets(name.clone(), request),
                        offsets.clone(),
                    ),
                    _ => Plan::Refuse(HerderError::OffsetsInUse(name.clone())),
                }
            }
            Kind::Declare(_) | Kind::Put { .. } => Plan::Done,
            Kind::Restart(request) => Plan::Write(vec![ConfigRecord::RestartRequest {
                name: name.clone(),
                request: *request,
            }]),
            Kind::Target(state) => Plan::of(target_records(name, *state, target, tasks)),
            Kind::TaskCount(count) => Plan::Write(vec![ConfigRecord::TaskCount {
                name: name.clone(),
                tasks: *count,
            }]),
            Kind::Tasks {
                incarnation,
                made_from,
                configs,
            } => {
                let subject = Subject::Connector(name.clone());
                // The connector may have been stopped, restarted or changed meanwhile: then it is
                // asked again, or has no tasks.
                let is_current = target == TargetState::Started
                    && made_from.is_none_or(|offset| offset == connector.config_offset())
                    && (incarnation.is_none()
                        || self.running.incarnation(&subject) == *incarnation);
                if is_current {
                    Plan::Write(task_records(name, configs))
                } else {
                    Plan::Done
                }
            }
        }
    }

    /// A change was written, or there was nothing to write.
    fn made(&mut self, name: &ConnectorName, change: &Change) {
        if let Kind::Tasks {
            incarnation: Some(incarnation),
            ..
        } = change.kind
        {
            self.tasks_written(name, incarnation, true);
        }
        if let Some(request) = change.request {
            self.settle(request);
        }
    }

    /// A write has finished.
    pub(super) fn written(&mut self, name: &ConnectorName, result: Result<(), Failure>) {
        let Some(change) = self.changes.end(name) else {
            return;
        };
        match result {
            Ok(()) => self.made(name, &change),
            Err(failure) => {
                let error = HerderError::Store {
                    name: name.clone(),
                    failure,
                };
                self.not_made(name, &change, error);
            }
        }
        self.make_changes(name);
    }

    /// A change of offsets has finished.
    pub(super) fn offsets_altered(
        &mut self,
        name: &ConnectorName,
        request: RequestId,
        result: Result<bool, Failure>,
    ) {
        self.changes.end(name);
        let response = match result {
            Ok(known_to_connector) => Ok(Response::OffsetsAltered { known_to_connector }),
            Err(failure) => Err(HerderError::OffsetsRefused {
                name: name.clone(),
                failure,
            }),
        };
        self.respond(request, response);
        self.make_changes(name);
    }

    fn restart_failed_of(&mut self, name: &ConnectorName) {
        let mut failed = Vec::new();
        let connector = Subject::Connector(name.clone());
        let subjects = std::iter::once(connector).chain(
            self.running
                .tasks_of(name)
                .map(|(id, _)| Subject::Task(id.clone())),
        );
        for subject in subjects {
            let status = self.board.status(&subject);
            if status.is_some_and(|status| status.state == State::Failed) {
                failed.push(subject);
            }
        }
        for subject in failed {
            self.restart_now(&subject);
        }
    }
}

impl Plan {
    fn of(records: Vec<ConfigRecord>) -> Self {
        if records.is_empty() {
            Self::Done
        } else {
            Self::Write(records)
        }
    }
}

fn put_records(
    name: &ConnectorName,
    config: &ConfigMap,
    initial: Option<TargetState>,
    is_new: bool,
) -> Vec<ConfigRecord> {
    let target = initial
        .filter(|_| is_new)
        .map(|state| ConfigRecord::TargetState {
            name: name.clone(),
            state: Some(state),
        });
    // The target state comes first, so that a connector never starts before its state is known.
    target
        .into_iter()
        .chain([ConfigRecord::Connector {
            name: name.clone(),
            config: Some(config.clone()),
        }])
        .collect()
}

/// A stop writes the empty set of tasks before the target state: a crash in between leaves a
/// connector that is started and asked for its tasks.
fn target_records(
    name: &ConnectorName,
    state: TargetState,
    present: TargetState,
    tasks: Option<usize>,
) -> Vec<ConfigRecord> {
    let mut records = Vec::new();
    if state == TargetState::Stopped && tasks != Some(0) {
        records.extend(task_records(name, &[]));
    }
    if state != present {
        records.push(ConfigRecord::TargetState {
            name: name.clone(),
            state: Some(state),
        });
    }
    records
}

fn task_records(name: &ConnectorName, configs: &[ConfigMap]) -> Vec<ConfigRecord> {
    let tasks = configs
        .iter()
        .enumerate()
        .map(|(index, config)| ConfigRecord::Task {
            id: crate::TaskId::new(name.clone(), index),
            config: config.clone(),
        });
    tasks
        .chain([ConfigRecord::Commit {
            name: name.clone(),
            tasks: configs.len(),
        }])
        .collect()
}
