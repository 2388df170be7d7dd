//! The herder core against a simulated worker: random requests, actions that end in random order
//! and sometimes fail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use connect_api::ConfigMap;
use connect_api::config_map;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::Action;
use connect_core::herder::ActionId;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::Input;
use connect_core::herder::Outcome;
use connect_core::herder::PutMode;
use connect_core::herder::Request;
use connect_core::herder::RequestId;
use connect_core::herder::Response;
use connect_core::status::State;
use connect_core::status::Subject;
use proptest::prelude::*;

/// A worker that does what it is told, when the test lets it.
#[derive(Default)]
struct World {
    core: HerderCore,
    /// Actions under way.
    pending: Vec<(ActionId, Action)>,
    connectors: BTreeMap<ConnectorName, ConfigMap>,
    tasks: BTreeMap<TaskId, (ActionId, ConfigMap)>,
    answers: BTreeMap<RequestId, Result<Response, HerderError>>,
    asked: u64,
    log: Vec<String>,
}

impl World {
    fn ask(&mut self, request: Request) -> RequestId {
        self.asked += 1;
        let id = RequestId(self.asked);
        self.step(Input::Request(id, request));
        id
    }

    fn step(&mut self, input: Input) {
        self.core.step(input);
        while let Some((id, action)) = self.core.next_action() {
            self.log.push(format!("{id:?} {action:?}"));
            match action {
                Action::Respond(request, response) => {
                    let twice = self.answers.insert(request, response);
                    assert!(twice.is_none(), "a request is answered once");
                }
                Action::WriteConfig(records) => {
                    for record in records {
                        self.core.step(Input::Config(record));
                    }
                    self.core.step(Input::Done(id, Outcome::Written(Ok(()))));
                }
                Action::PublishStatus(..) | Action::SetTaskState { .. } => {}
                Action::StartTask {
                    id: task, config, ..
                } => {
                    assert!(
                        self.tasks.insert(task.clone(), (id, config)).is_none(),
                        "A1/A4: {task} was started while it still ran\n{}",
                        self.log.join("\n")
                    );
                    let (subject, state) = (Subject::Task(task), State::Running);
                    self.core.step(Input::Report {
                        subject,
                        epoch: id,
                        state,
                        trace: None,
                    });
                }
                other => self.pending.push((id, other)),
            }
        }
    }

    /// Ends one of the actions under way.
    fn finish(&mut self, which: usize, fails: bool) {
        if self.pending.is_empty() {
            return;
        }
        let (id, action) = self.pending.swap_remove(which % self.pending.len());
        const FAILURE: &str = "it does not work";
        let outcome = match action {
            Action::Validate { .. } => {
                Outcome::Validated(if fails { Err(FAILURE.into()) } else { Ok(()) })
            }
            Action::StartConnector { name, config, .. } => {
                assert!(self.connectors.insert(name, config).is_none(), "A1");
                Outcome::Connector(if fails { Err(FAILURE.into()) } else { Ok(()) })
            }
            Action::SetConnectorState { .. } => {
                Outcome::Connector(if fails { Err(FAILURE.into()) } else { Ok(()) })
            }
            Action::StopConnector { name } => {
                assert!(self.connectors.remove(&name).is_some());
                Outcome::Stopped
            }
            Action::GenerateTaskConfigs { name } => Outcome::TaskConfigs(if fails {
                Err(FAILURE.into())
            } else {
                Ok(split(&self.connectors[&name]))
            }),
            Action::StopTask { id } => {
                assert!(self.tasks.remove(&id).is_some());
                Outcome::Stopped
            }
            other => panic!("the simulated worker does not know {other:?}"),
        };
        self.step(Input::Done(id, outcome));
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.pending.is_empty() {
                return;
            }
            self.finish(0, false);
        }
        panic!("it never settles");
    }

    /// What should run, ran as it should.
    fn check(&self) {
        let state = self.core.state();
        for (name, entry) in state.connectors() {
            let running = self.connectors.get(name);
            assert_eq!(
                running,
                Some(&entry.config),
                "{name} runs with its configuration"
            );
            let tasks: Vec<_> = self
                .tasks
                .iter()
                .filter(|(id, _)| id.connector == *name)
                .collect();
            if entry.target == TargetState::Stopped {
                assert!(tasks.is_empty(), "a stopped connector has no tasks");
                continue;
            }
            let configs: Vec<_> = tasks
                .iter()
                .map(|(_, (_, config))| config.clone())
                .collect();
            assert_eq!(
                configs,
                entry.tasks,
                "the tasks of {name}\n{}",
                self.log.join("\n")
            );
        }
        let known: BTreeSet<_> = state.connectors().keys().collect();
        assert!(self.connectors.keys().all(|name| known.contains(name)));
        assert!(self.tasks.keys().all(|id| known.contains(&id.connector)));
    }
}

fn config(tasks: usize, version: usize) -> ConfigMap {
    config_map! { "tasks" => tasks, "version" => version }
}

fn split(config: &ConfigMap) -> Vec<ConfigMap> {
    let tasks: usize = config.get("tasks").unwrap().parse().unwrap();
    (0..tasks)
        .map(|index| config_map! { "index" => index })
        .collect()
}

fn put(name: &str, config: ConfigMap) -> Request {
    let name = ConnectorName::new(name);
    Request::Put {
        name,
        config,
        mode: PutMode::CreateOrUpdate,
        initial: None,
    }
}

#[test]
fn a_put_is_answered_when_the_connector_runs_and_its_tasks_are_known() {
    let mut world = World::default();
    let request = world.ask(put("c", config(2, 1)));
    for _ in 0..3 {
        assert!(!world.answers.contains_key(&request));
        world.finish(0, false); // validate, start, generate
    }
    let Some(Ok(Response::Connector(info))) = world.answers.get(&request) else {
        panic!()
    };
    assert_eq!((info.tasks, info.created), (2, true));
    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn a_changed_configuration_restarts_connector_and_tasks_in_order() {
    let mut world = World::default();
    world.ask(put("c", config(2, 1)));
    world.settle();
    let old: Vec<_> = world.tasks.values().map(|(epoch, _)| *epoch).collect();
    world.ask(put("c", config(2, 2)));
    world.settle();
    world.check();
    assert!(
        world.tasks.values().all(|(epoch, _)| !old.contains(epoch)),
        "all tasks are new"
    );
}

#[test]
fn a_report_of_an_old_incarnation_is_ignored() {
    let mut world = World::default();
    world.ask(put("c", config(1, 1)));
    world.settle();
    let id = TaskId::new("c", 0);
    let (old, _) = world.tasks[&id];
    world.ask(Request::RestartTask { id: id.clone() });
    world.settle();
    let subject = Subject::Task(id.clone());
    world.step(Input::Report {
        subject,
        epoch: old,
        state: State::Failed,
        trace: None,
    });
    assert_eq!(
        world.core.statuses().task(&id).unwrap().state,
        State::Running,
        "S1"
    );
}

#[test]
fn equal_inputs_give_equal_actions() {
    let run = || {
        let mut world = World::default();
        world.ask(put("b", config(3, 1)));
        world.ask(put("a", config(1, 1)));
        for which in [1, 0, 3, 2, 1, 0, 0, 1] {
            world.finish(which, which == 3);
        }
        world.settle();
        world.log
    };
    assert_eq!(run(), run());
}

#[derive(Debug, Clone)]
enum Move {
    Delete(usize),
    Fail(usize),
    Finish(usize),
    Put(usize, usize, usize),
    Reconfigure(usize),
    Restart(usize, bool, bool),
    Target(usize, TargetState),
}

fn moves() -> impl Strategy<Value = Move> {
    let name = 0usize..3;
    let target = prop_oneof![
        Just(TargetState::Started),
        Just(TargetState::Paused),
        Just(TargetState::Stopped)
    ];
    prop_oneof![
        1 => name.clone().prop_map(Move::Delete),
        1 => any::<usize>().prop_map(Move::Fail),
        8 => any::<usize>().prop_map(Move::Finish),
        3 => (name.clone(), 0usize..4, 0usize..3).prop_map(|(n, t, v)| Move::Put(n, t, v)),
        1 => name.clone().prop_map(Move::Reconfigure),
        1 => (name.clone(), any::<bool>(), any::<bool>()).prop_map(|(n, t, f)| Move::Restart(n, t, f)),
        2 => (name, target).prop_map(|(n, t)| Move::Target(n, t)),
    ]
}

proptest! {
    /// Whatever happens in whatever order: nothing runs twice, every request is answered once, and
    /// in the end what runs is what should.
    #[test]
    fn what_runs_becomes_what_should(moves in prop::collection::vec(moves(), 1..120)) {
        let name = |n: usize| ConnectorName::new(["a", "b", "c"][n]);
        let mut world = World::default();
        for step in moves {
            match step {
                Move::Delete(n) => _ = world.ask(Request::Delete { name: name(n) }),
                Move::Fail(which) => world.finish(which, true),
                Move::Finish(which) => world.finish(which, false),
                Move::Put(n, tasks, version) => {
                    world.ask(put(&name(n), config(tasks, version)));
                }
                Move::Reconfigure(n) => world.step(Input::Reconfigure(name(n))),
                Move::Restart(n, include_tasks, only_failed) => {
                    let name = name(n);
                    world.ask(Request::Restart { name, include_tasks, only_failed });
                }
                Move::Target(n, state) => {
                    world.ask(Request::SetTargetState { name: name(n), state });
                }
            }
        }
        world.settle();
        // What has failed waits for a restart; so restart everything, then all must be well.
        for n in 0..3 {
            world.ask(Request::SetTargetState { name: name(n), state: TargetState::Started });
            world.settle();
            world.ask(Request::Restart { name: name(n), include_tasks: true, only_failed: false });
            world.settle();
        }
        world.check();
        prop_assert_eq!(world.answers.len() as u64, world.asked, "every request is answered");
        world.ask(Request::Shutdown);
        world.settle();
        prop_assert!(world.core.is_shut_down());
        prop_assert!(world.connectors.is_empty() && world.tasks.is_empty(), "L1");
    }
}
