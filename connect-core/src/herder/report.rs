//! Reports of incarnations, missing reports, and the statuses that follow.

use std::hash::Hash;
use std::hash::Hasher;
use std::time::Duration;

use crate::Failure;
use crate::LogicalTime;
use crate::herder::Action;
use crate::herder::HerderCore;
use crate::herder::Incarnation;
use crate::herder::Report;
use crate::herder::RestartPolicy;
use crate::herder::Stall;
use crate::herder::Status;
use crate::herder::core::Timer;
use crate::herder::running::Phase;
use crate::herder::running::Split;
use crate::status::State;
use crate::status::Subject;

impl HerderCore {
    /// Handles a report. That of an incarnation that is gone changes nothing (invariant S1).
    pub(super) fn report(&mut self, subject: &Subject, incarnation: Incarnation, report: Report) {
        if self.running.incarnation(subject) != Some(incarnation) {
            return;
        }
        self.touched.insert(subject.connector().clone());
        match report {
            Report::Ended => self.ended(subject),
            Report::Failed(failure) => self.failed(subject, failure),
            Report::Moving => self.publish(subject, |status| status.stalled = None),
            Report::Paused => self.came_up(subject, State::Paused),
            Report::Reconfigure => self.wants_split(subject),
            Report::Running => self.came_up(subject, State::Running),
            Report::Stalled { call, since } => self.publish(subject, |status| {
                status.stalled = Some(Stall { call, since });
            }),
        }
    }

    fn came_up(&mut self, subject: &Subject, state: State) {
        let now = self.now;
        let Some(run) = self.running.run(subject) else {
            return;
        };
        match *run.phase {
            Phase::Stopping => return,
            // A start that returned after its deadline counts.
            Phase::Starting | Phase::Failed => {
                *run.phase = Phase::Up;
                *run.up_since = Some(now);
            }
            Phase::Up => {}
        }
        self.running.recover(subject);
        self.timers.clear(&Timer::Start(subject.clone()));
        self.timers.clear(&Timer::Restart(subject.clone()));
        self.publish_state(subject, state);
        if let Subject::Connector(_) = subject {
            self.wants_split(subject);
        }
    }

    fn wants_split(&mut self, subject: &Subject) {
        if let Subject::Connector(name) = subject
            && let Some(connector) = self.running.connectors.get_mut(name)
        {
            connector.split = Split::Wanted;
        }
    }

    /// It has failed: published immediately, and restarted later if the policy says so.
    pub(super) fn failed(&mut self, subject: &Subject, failure: Failure) {
        let (now, seed) = (self.now, self.seed(subject));
        let policy = self.policy(subject);
        let Some(run) = self.running.run(subject) else {
            return;
        };
        if *run.phase == Phase::Stopping {
            return;
        }
        let ran_for = run
            .up_since
            .map_or(Duration::ZERO, |since| now.since(since));
        let next = run.restarts.next(&policy, &failure, now, ran_for, seed);
        let count = run.restarts.count;
        self.running.halt(subject);
        self.timers.clear(&Timer::Start(subject.clone()));
        match next {
            Some(at) => self.timers.set(Timer::Restart(subject.clone()), at),
            None => self.timers.clear(&Timer::Restart(subject.clone())),
        }
        self.publish_failure(subject, failure, |status| {
            status.next_attempt = next;
            status.restarts = count;
        });
    }

    fn ended(&mut self, subject: &Subject) {
        let phase = self.running.run(subject).map(|run| *run.phase);
        if matches!(phase, Some(Phase::Starting | Phase::Up)) {
            let text = "it ended by itself, which only a stop may make it do";
            self.failed(
                subject,
                Failure::new(connect_api::ErrorKind::IllegalState, text),
            );
        }
        self.timers.clear(&Timer::Start(subject.clone()));
        self.timers.clear(&Timer::Stop(subject.clone()));
        self.running.gone(subject);
    }

    /// An incarnation has not started in time. It is abandoned only after a stop.
    pub(super) fn not_started(&mut self, subject: &Subject) {
        self.touched.insert(subject.connector().clone());
        let limit = self.options.limits.start;
        let failure = Failure::overdue(&format!("start has not returned within {limit:?}"));
        self.failed(subject, failure);
    }

    /// Stops the incarnation of a connector or task unless it is already stopping.
    pub(super) fn stop(&mut self, subject: &Subject) {
        let mut grace = self.options.limits.stop;
        if let Some(shutdown) = &self.shutdown {
            grace = grace.min(shutdown.deadline.since(self.now));
        }
        let Some(run) = self.running.run(subject) else {
            return;
        };
        if *run.phase == Phase::Stopping {
            return;
        }
        *run.phase = Phase::Stopping;
        let (incarnation, is_restart) = (run.incarnation, run.restart);
        self.timers.clear(&Timer::Start(subject.clone()));
        self.timers.clear(&Timer::Restart(subject.clone()));
        self.timers
            .set(Timer::Stop(subject.clone()), self.now + grace);
        self.act(Action::Stop {
            subject: subject.clone(),
            incarnation,
            grace,
        });
        if is_restart {
            self.publish_state(subject, State::Restarting);
        }
    }

    /// An incarnation has not ended in time and is abandoned.
    pub(super) fn not_ended(&mut self, subject: &Subject) {
        let Some(incarnation) = self.running.incarnation(subject) else {
            return;
        };
        self.touched.insert(subject.connector().clone());
        self.act(Action::Abandon(subject.clone(), incarnation));
        self.running.gone(subject);
        self.requests.given_up(subject);
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.given_up.push(subject.clone());
        }
        // It may have been abandoned before it had a status.
        let is_wanted = match subject {
            Subject::Connector(name) => self.desired.connector(name).is_some(),
            Subject::Task(id) => self.desired.task_config(id).is_some(),
        };
        if is_wanted || self.board.status(subject).is_some() {
            self.publish(subject, |status| {
                status.given_up += 1;
                status.stalled = None;
            });
        }
    }

    /// The pause after a failure is over.
    pub(super) fn restart_failed(&mut self, subject: &Subject) {
        self.touched.insert(subject.connector().clone());
        if self.running.restart(subject) {
            self.publish_state(subject, State::Restarting);
        }
    }

    /// Restarts it immediately, whatever the policy says.
    pub(super) fn restart_now(&mut self, subject: &Subject) {
        self.touched.insert(subject.connector().clone());
        self.timers.clear(&Timer::Restart(subject.clone()));
        if self.running.restart(subject) {
            self.running.forgive(subject);
            self.publish_state(subject, State::Restarting);
        }
    }

    /// What has failed is about to run again, for any reason.
    pub(super) fn publish_begins_again(&mut self, subject: &Subject) {
        let status = self.board.status(subject);
        if status.is_some_and(|status| status.state == State::Failed) {
            self.publish_state(subject, State::Restarting);
        }
    }

    fn policy(&self, subject: &Subject) -> RestartPolicy {
        let worker = self.options.restart;
        let config = self.config_of(subject.connector());
        config.map_or(worker, |config| RestartPolicy::of(config, worker))
    }

    /// Spreads restarts; equal inputs give equal jitter.
    fn seed(&self, subject: &Subject) -> u64 {
        let mut hasher = Fnv::default();
        (self.options.seed, self.now, subject).hash(&mut hasher);
        hasher.finish()
    }

    /// Publishes a state. Clears what explains the previous one.
    pub(super) fn publish_state(&mut self, subject: &Subject, state: State) {
        self.publish(subject, |status| {
            status.state = state;
            status.trace = None;
            status.failure = None;
            status.next_attempt = None;
            status.stalled = None;
        });
    }

    pub(super) fn publish_failure(
        &mut self,
        subject: &Subject,
        failure: Failure,
        more: impl FnOnce(&mut Status),
    ) {
        self.publish(subject, |status| {
            status.state = State::Failed;
            status.trace = Some(failure.to_string());
            status.failure = Some(failure);
            status.stalled = None;
            status.next_attempt = None;
            more(status);
        });
    }

    /// Publishes the time of the next restart.
    pub(super) fn publish_next_attempt(&mut self, subject: &Subject, at: LogicalTime) {
        self.publish(subject, |status| {
            if status.state == State::Failed {
                status.next_attempt = Some(at);
            }
        });
    }

    fn publish(&mut self, subject: &Subject, change: impl FnOnce(&mut Status)) {
        let known = self.board.status(subject);
        let mut status = known.cloned().unwrap_or_else(|| Status {
            state: State::Unassigned,
            trace: None,
            worker_id: String::new(),
            generation: 0,
            failure: None,
            since: self.now,
            changes: 0,
            stalled: None,
            next_attempt: None,
            restarts: 0,
            given_up: 0,
        });
        let before = known.map(|known| known.state);
        change(&mut status);
        status.worker_id.clone_from(&self.options.worker_id);
        status.generation = self.assignment.as_ref().map_or(0, |own| own.generation);
        if before != Some(status.state) {
            status.since = self.now;
            status.changes += 1;
        }
        if self.board.set(subject, status.clone()) {
            self.act(Action::Publish(subject.clone(), Some(status)));
        }
    }

    /// Nothing of that name is left: removes its status.
    pub(super) fn publish_gone(&mut self, subject: &Subject) {
        if self.board.remove(subject) {
            self.act(Action::Publish(subject.clone(), None));
        }
    }
}

/// FNV-1a: the same everywhere, unlike the hashers of the standard library.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
