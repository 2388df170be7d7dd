//! Single decisions.

use std::time::Duration;

use connect_api::Error;
use connect_api::config_map;
use connect_core::ConnectorName;
use connect_core::Failure;
use connect_core::cluster::TargetState;
use connect_core::cluster::log::ConfigRecord;
use connect_core::herder::Assignment;
use connect_core::herder::HerderError;
use connect_core::herder::HerderOptions;
use connect_core::herder::Input;
use connect_core::herder::OffsetChange;
use connect_core::herder::Operation;
use connect_core::herder::Outcome;
use connect_core::herder::PutMode;
use connect_core::herder::Report;
use connect_core::herder::Response;
use connect_core::status::State;

use crate::world::End;
use crate::world::Pending;
use crate::world::World;
use crate::world::config;
use crate::world::connector;
use crate::world::put;
use crate::world::target;
use crate::world::task;

const SECOND: Duration = Duration::from_secs(1);

fn running(tasks: usize) -> World {
    let mut world = World::alone();
    world.ask(0, put("c", config(tasks, 1)));
    finish_all(&mut world);
    world
}

/// Finishes what is in progress, without letting time pass.
fn finish_all(world: &mut World) {
    while !world.workers[0].pending.is_empty() {
        world.finish(0, 0, End::Well);
        world.check();
    }
}

fn restart(include_tasks: bool, only_failed: bool) -> Operation {
    Operation::Restart {
        name: ConnectorName::new("c"),
        include_tasks,
        only_failed,
    }
}

#[test]
fn a_put_is_answered_when_the_connector_runs_and_its_tasks_are_known() {
    let mut world = World::alone();
    let request = world.ask(0, put("c", config(2, 1)));
    for _ in 0..5 {
        assert_eq!(world.answer(request), None);
        world.finish(0, 0, End::Well); // validate, write, start, task_configs, write
    }
    let Some(Ok(Response::Connector(info, given_up))) = world.answer(request) else {
        panic!("{:?}", world.answer(request))
    };
    assert_eq!((info.tasks, info.created), (2, true));
    assert!(given_up.is_empty());
    finish_all(&mut world);
    world.check_settled();
}

#[test]
fn nothing_starts_before_the_log_was_read_and_an_assignment_has_come() {
    let mut world = World::new(1, &HerderOptions::default());
    let name = ConnectorName::new("c");
    world.records = vec![
        ConfigRecord::Connector {
            name: name.clone(),
            config: Some(config(1, 1)),
        },
        ConfigRecord::Task {
            id: connect_core::TaskId::new("c", 0),
            config: config_map! { "index" => "0" },
        },
        ConfigRecord::Commit { name, tasks: 1 },
    ];
    let request = world.ask(0, put("d", config(1, 1)));
    world.read(0, 10);
    world.step(0, Input::Assigned(Assignment::alone()));
    assert!(world.workers[0].lives.is_empty() && world.workers[0].pending.is_empty());
    world.step(0, Input::CaughtUp);
    assert_eq!(world.workers[0].lives.len(), 2, "connector and task start");
    finish_all(&mut world);
    assert!(world.answer(request).unwrap().is_ok());
}

#[test]
fn a_request_that_waits_for_the_start_is_answered_by_its_deadline() {
    let mut world = World::new(1, &HerderOptions::default());
    let request = world.ask(0, put("c", config(1, 1)));
    world.advance(100 * SECOND);
    let answer = world.answer(request).unwrap();
    assert!(
        matches!(answer, Err(HerderError::TimedOut { .. })),
        "{answer:?}"
    );
}

#[test]
fn an_equal_configuration_writes_nothing_and_restarts_only_what_has_failed() {
    let mut world = running(2);
    let before = (world.records.len(), world.life(&task("c", 1)));
    let failed = world.life(&task("c", 0)).unwrap();
    let request = world.ask(0, put("c", config(2, 1)));
    assert!(world.answer(request).unwrap().is_ok(), "answered at once");
    assert_eq!(world.life(&task("c", 0)), Some(failed));

    let permanent = Failure::from(&Error::data("bad"));
    let report = Input::Report(task("c", 0), failed, Report::Failed(permanent));
    world.step(0, report);
    assert_eq!(world.state(&task("c", 0)), Some(State::Failed));
    world.ask(0, put("c", config(2, 1)));
    assert_eq!(world.state(&task("c", 0)), Some(State::Restarting));
    finish_all(&mut world);
    assert_ne!(world.life(&task("c", 0)), Some(failed));
    assert_eq!((world.records.len(), world.life(&task("c", 1))), before);
}

#[test]
fn failed_then_stopped_then_resumed_runs_again() {
    let mut world = World::alone();
    world.ask(0, put("c", config(1, 1)));
    world.finish(0, 0, End::Well); // validate
    world.finish(0, 0, End::Well); // write
    world.finish(0, 0, End::Badly); // start
    finish_all(&mut world);
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    world.ask(0, target("c", TargetState::Stopped));
    finish_all(&mut world);
    assert_eq!(world.state(&connector("c")), Some(State::Stopped));
    let resume = world.ask(0, target("c", TargetState::Started));
    finish_all(&mut world);
    assert!(world.answer(resume).unwrap().is_ok());
    world.check_settled();
}

#[test]
fn a_stop_while_tasks_are_asked_for_leaves_no_tasks() {
    let mut world = World::alone();
    world.ask(0, put("c", config(2, 1)));
    for _ in 0..3 {
        world.finish(0, 0, End::Well); // validate, write, start
    }
    let stop = world.ask(0, target("c", TargetState::Stopped));
    finish_all(&mut world);
    assert_eq!(world.answer(stop), Some(&Ok(Response::Done(Vec::new()))));
    let entry = world.workers[0].core.desired().connector("c").unwrap();
    assert_eq!(entry.task_set().unwrap().configs(), []);
    assert_eq!(world.state(&connector("c")), Some(State::Stopped));
    let change = OffsetChange::Reset;
    let name = ConnectorName::new("c");
    let reset = world.ask(0, Operation::AlterOffsets { name, change });
    finish_all(&mut world);
    assert!(
        world.answer(reset).unwrap().is_ok(),
        "offsets can be altered"
    );
}

#[test]
fn a_stop_writes_the_empty_set_before_the_target_state() {
    let mut world = running(2);
    world.ask(0, target("c", TargetState::Stopped));
    let Some(Pending::Write(_, records)) = world.workers[0].pending.first() else {
        panic!()
    };
    assert!(matches!(records[0], ConfigRecord::Commit { tasks: 0, .. }));
    assert!(matches!(records[1], ConfigRecord::TargetState { .. }));
}

#[test]
fn a_new_configuration_that_fails_at_start_leaves_the_tasks_as_they_are() {
    let mut world = running(2);
    let before = [0, 1].map(|index| world.life(&task("c", index)));
    world.ask(0, put("c", config(2, 2)));
    world.finish(0, 0, End::Well); // validate
    world.finish(0, 0, End::Well); // write
    world.finish(0, 0, End::Well); // stop
    world.finish(0, 0, End::Badly); // start
    finish_all(&mut world);
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    assert_eq!([0, 1].map(|index| world.life(&task("c", index))), before);
    assert_eq!(world.state(&task("c", 0)), Some(State::Running));
}

#[test]
fn task_configs_are_asked_for_again_after_an_error_and_after_a_failed_write() {
    let mut world = World::alone();
    world.ask(0, put("c", config(1, 1)));
    for _ in 0..3 {
        world.finish(0, 0, End::Well); // validate, write, start
    }
    world.finish(0, 0, End::Badly); // task_configs
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    let status = world.workers[0]
        .core
        .board()
        .status(&connector("c"))
        .unwrap();
    assert!(status.next_attempt.is_some());
    world.advance(SECOND);
    world.finish(0, 0, End::Well); // task_configs
    world.finish(0, 0, End::Badly); // write
    assert_eq!(world.workers[0].pending.len(), 0);
    world.advance(SECOND);
    finish_all(&mut world);
    assert_eq!(world.state(&connector("c")), Some(State::Running));
    world.check_settled();
}

#[test]
fn a_smaller_set_removes_tasks_and_nobody_sees_their_status() {
    let mut world = running(3);
    world.ask(0, put("c", config(1, 1)));
    finish_all(&mut world);
    world.check_settled();
    assert_eq!(world.state(&task("c", 1)), None);
    assert_eq!(world.state(&task("c", 2)), None);
}

#[test]
fn a_transient_failure_is_restarted_and_others_are_not() {
    let mut world = running(2);
    let [first, second] = [0, 1].map(|index| world.life(&task("c", index)).unwrap());
    world.fail(0, first);
    let permanent = Failure::from(&Error::external("gone").into_permanent());
    world.step(
        0,
        Input::Report(task("c", 1), second, Report::Failed(permanent)),
    );
    finish_all(&mut world);
    let board = world.workers[0].core.board();
    let next = |index| board.status(&task("c", index)).unwrap().next_attempt;
    assert!(next(0).is_some() && next(1).is_none());
    assert_eq!(
        world.state(&task("c", 0)),
        Some(State::Failed),
        "until the attempt"
    );
    world.advance(10 * SECOND);
    assert_eq!(world.state(&task("c", 0)), Some(State::Restarting));
    finish_all(&mut world);
    assert_eq!(world.state(&task("c", 0)), Some(State::Running));
    assert_eq!(world.state(&task("c", 1)), Some(State::Failed));
    let board = world.workers[0].core.board();
    assert_eq!(board.status(&task("c", 0)).unwrap().restarts, 1);
}

#[test]
fn a_manual_restart_replaces_the_pause_after_a_failure() {
    let mut world = running(1);
    let failed = world.life(&task("c", 0)).unwrap();
    world.fail(0, failed);
    finish_all(&mut world);
    let request = world.ask(0, restart(true, true));
    finish_all(&mut world);
    let Some(Ok(Response::Restarting(plan, _))) = world.answer(request) else {
        panic!("{:?}", world.answer(request))
    };
    assert_eq!(*plan, [task("c", 0)]);
    assert_eq!(world.state(&task("c", 0)), Some(State::Running));
    let restarted = world.life(&task("c", 0));
    world.advance(3600 * SECOND);
    finish_all(&mut world);
    assert_eq!(world.life(&task("c", 0)), restarted, "it is restarted once");
}

#[test]
fn the_plan_of_a_restart_follows_its_flags() {
    for (include_tasks, only_failed, expected) in [
        (false, false, vec![connector("c")]),
        (
            true,
            false,
            vec![connector("c"), task("c", 0), task("c", 1)],
        ),
        (true, true, vec![task("c", 1)]),
        (false, true, vec![]),
    ] {
        let mut world = running(2);
        let failed = world.life(&task("c", 1)).unwrap();
        world.fail(0, failed);
        let request = world.ask(0, restart(include_tasks, only_failed));
        finish_all(&mut world);
        let Some(Ok(Response::Restarting(plan, _))) = world.answer(request) else {
            panic!("{:?}", world.answer(request))
        };
        assert_eq!(*plan, expected, "{include_tasks} {only_failed}");
    }
}

#[test]
fn what_does_not_stop_is_given_up_on_and_named() {
    let mut world = running(2);
    let stuck = world.life(&task("c", 1)).unwrap();
    world.workers[0].lives.get_mut(&stuck).unwrap().hangs = true;
    let name = ConnectorName::new("c");
    let request = world.ask(0, Operation::Delete { name });
    finish_all(&mut world);
    assert_eq!(world.answer(request), None);
    world.advance(6 * SECOND);
    let answer = world.answer(request);
    assert_eq!(answer, Some(&Ok(Response::Done(vec![task("c", 1)]))));
    assert!(world.workers[0].lives[&stuck].is_cut_off);
}

#[test]
fn a_start_that_never_returns_is_failed_and_a_delete_gives_up_on_it() {
    let mut world = World::alone();
    let request = world.ask(0, put("c", config(1, 1)));
    world.finish(0, 0, End::Well); // validate
    world.finish(0, 0, End::Well); // write
    world.finish(0, 0, End::Never); // start
    world.advance(61 * SECOND);
    let answer = world.answer(request).unwrap();
    assert!(
        matches!(answer, Err(HerderError::ConnectorFailed { .. })),
        "{answer:?}"
    );
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    let other = world.ask(0, put("d", config(1, 1)));
    finish_all(&mut world);
    assert!(world.answer(other).unwrap().is_ok(), "others continue");
    let name = ConnectorName::new("c");
    let delete = world.ask(0, Operation::Delete { name });
    finish_all(&mut world);
    world.advance(6 * SECOND);
    let answer = world.answer(delete);
    assert_eq!(answer, Some(&Ok(Response::Done(vec![connector("c")]))));
}

#[test]
fn a_start_that_returns_late_makes_it_run() {
    let mut world = World::alone();
    world.ask(0, put("c", config(1, 1)));
    world.finish(0, 0, End::Well); // validate
    world.finish(0, 0, End::Well); // write
    world.advance(61 * SECOND);
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    finish_all(&mut world);
    assert_eq!(world.state(&connector("c")), Some(State::Running));
    world.check_settled();
}

#[test]
fn a_validation_that_never_returns_is_an_error_of_its_request() {
    let mut world = World::alone();
    let request = world.ask(0, put("c", config(1, 1)));
    world.finish(0, 0, End::Never);
    world.advance(61 * SECOND);
    let answer = world.answer(request).unwrap();
    assert!(
        matches!(answer, Err(HerderError::NotValidated { .. })),
        "{answer:?}"
    );
    let again = world.ask(0, put("c", config(1, 1)));
    finish_all(&mut world);
    assert!(world.answer(again).unwrap().is_ok());
}

#[test]
fn creation_in_a_state_is_atomic() {
    let mut world = World::alone();
    let operation = Operation::Put {
        name: ConnectorName::new("c"),
        config: config(2, 1),
        mode: PutMode::Create,
        initial: Some(TargetState::Stopped),
    };
    let request = world.ask(0, operation.clone());
    world.finish(0, 0, End::Well); // validate
    world.finish(0, 0, End::Well); // write
    assert!(world.answer(request).unwrap().is_ok());
    assert!(world.workers[0].lives.is_empty(), "it never started");
    assert_eq!(world.state(&connector("c")), Some(State::Stopped));
    let again = world.ask(0, operation);
    let exists = HerderError::AlreadyExists(ConnectorName::new("c"));
    assert_eq!(world.answer(again), Some(&Err(exists)));
}

#[test]
fn offsets_are_altered_only_while_stopped() {
    let mut world = running(1);
    let operation = || Operation::AlterOffsets {
        name: ConnectorName::new("c"),
        change: OffsetChange::Reset,
    };
    let request = world.ask(0, operation());
    let answer = world.answer(request).unwrap();
    assert!(
        matches!(answer, Err(HerderError::OffsetsInUse(_))),
        "{answer:?}"
    );
    world.ask(0, target("c", TargetState::Stopped));
    finish_all(&mut world);
    let request = world.ask(0, operation());
    let resume = world.ask(0, target("c", TargetState::Started));
    assert!(
        world.workers[0].lives.is_empty(),
        "a resume waits for the change"
    );
    finish_all(&mut world);
    let altered = Response::OffsetsAltered {
        known_to_connector: true,
    };
    assert_eq!(world.answer(request), Some(&Ok(altered)));
    assert!(world.answer(resume).unwrap().is_ok());
}

#[test]
fn a_patch_is_applied_to_the_configuration_that_it_meets() {
    let mut world = running(1);
    let patch = |key: &str, value: &str| Operation::Patch {
        name: ConnectorName::new("c"),
        patch: config_map! { key => value },
    };
    let first = world.ask(0, patch("a", "1"));
    let second = world.ask(0, patch("b", "2"));
    finish_all(&mut world);
    assert!(world.answer(first).unwrap().is_ok() && world.answer(second).unwrap().is_ok());
    let desired = world.workers[0].core.desired();
    let config = desired.connector("c").unwrap().config();
    assert_eq!((config.get("a"), config.get("b")), (Some("1"), Some("2")));
}

#[test]
fn fewer_tasks_start_only_after_all_older_ones_are_fenced() {
    let mut options = HerderOptions::default();
    options.exactly_once = true;
    let mut world = World::alone_with(&options);
    world.ask(0, put("c", config(3, 1)));
    finish_all(&mut world);
    world.ask(0, put("c", config(1, 2)));
    let mut fenced = None;
    while !world.workers[0].pending.is_empty() {
        if let Some(Pending::Fence(_, tasks)) = world.workers[0].pending.first() {
            fenced = Some(*tasks);
            assert_eq!(world.life(&task("c", 0)), None, "not before");
        }
        world.finish(0, 0, End::Well);
    }
    assert_eq!(fenced, Some(3));
    world.check_settled();
}

#[test]
fn a_stall_is_beside_the_state() {
    let mut world = running(1);
    let life = world.life(&task("c", 0)).unwrap();
    let since = world.now;
    let stalled = Report::Stalled { call: "put", since };
    world.step(0, Input::Report(task("c", 0), life, stalled));
    let status = |world: &World| {
        let board = world.workers[0].core.board();
        board.status(&task("c", 0)).unwrap().clone()
    };
    assert_eq!(status(&world).state, State::Running);
    assert_eq!(status(&world).stalled.unwrap().call, "put");
    world.step(0, Input::Report(task("c", 0), life, Report::Moving));
    assert_eq!(status(&world).stalled, None);
}

#[test]
fn tasks_run_without_their_connector() {
    let mut world = running(2);
    let life = world.life(&connector("c")).unwrap();
    let failure = Failure::from(&Error::config("the folder is gone"));
    world.step(
        0,
        Input::Report(connector("c"), life, Report::Failed(failure)),
    );
    assert_eq!(world.state(&connector("c")), Some(State::Failed));
    let restart = world.ask(
        0,
        Operation::RestartTask {
            id: connect_core::TaskId::new("c", 0),
        },
    );
    finish_all(&mut world);
    assert!(world.answer(restart).unwrap().is_ok());
    assert_eq!(world.state(&task("c", 0)), Some(State::Running));
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut world = World::alone();
    world.ask(0, put("c", config(1, 1)));
    let Some(Pending::Validate(id)) = world.workers[0].pending.pop() else {
        panic!()
    };
    world.advance(100 * SECOND);
    world.step(0, Input::Done(id, Outcome::Validated(Ok(()))));
    assert!(world.workers[0].pending.is_empty() && world.records.is_empty());
}

#[test]
fn a_shutdown_stops_tasks_before_connectors_and_refuses_requests() {
    let mut world = running(1);
    let shutdown = world.ask(0, Operation::Shutdown);
    let refused = world.ask(0, put("d", config(1, 1)));
    assert_eq!(world.answer(refused), Some(&Err(HerderError::ShuttingDown)));
    let life = world.life(&connector("c")).unwrap();
    assert!(!world.workers[0].lives[&life].is_stopping);
    finish_all(&mut world);
    assert!(world.answer(shutdown).unwrap().is_ok());
    assert!(world.workers[0].core.is_shut_down());
}
