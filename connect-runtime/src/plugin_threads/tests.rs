use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use super::*;

/// Blocks threads until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    /// Blocks the thread that calls.
    fn wait(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.0 += 1;
        self.0.1.notify_all();
        drop(self.0.1.wait_while(state, |(_, open)| !*open).unwrap());
    }

    /// Waits until so many threads are blocked.
    fn blocked(&self, count: usize) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |(n, _)| *n < count).unwrap());
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

fn pool(threads: &PluginThreads) -> &Arc<Pool> {
    threads.own().unwrap()
}

/// Waits for threads to end, which nothing tells of.
async fn threads_are(threads: &PluginThreads, count: usize) {
    while pool(threads).threads() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_blocked_thread_is_made_up_for_until_it_returns() {
    let threads = PluginThreads::start(2, 2).unwrap();
    let (gate, pulse) = (Gate::default(), Arc::default());
    let blocked: Vec<_> = (0..2)
        .map(|_| {
            let gate = gate.clone();
            threads.spawn(&pulse, async move { gate.wait() })
        })
        .collect();
    gate.blocked(2);
    let waiting = threads.spawn(&pulse, async {});
    pool(&threads).make_up_for(2).unwrap();
    waiting.await.unwrap();
    assert_eq!(pool(&threads).threads(), 4);
    pool(&threads).make_up_for(9).unwrap();
    assert_eq!(pool(&threads).threads(), 4, "the number is bounded");
    gate.open();
    for task in blocked {
        task.await.unwrap();
    }
    pool(&threads).make_up_for(0).unwrap();
    threads_are(&threads, 2).await;
    threads.spawn(&pulse, async {}).await.unwrap();
}

#[tokio::test]
async fn tokio_works_in_plugins_as_ever() {
    let threads = PluginThreads::start(1, 0).unwrap();
    let pulse = Arc::default();
    let answer = threads.ask(&pulse, async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let spawned = tokio::spawn(async { 1 }).await.unwrap();
        let blocking = tokio::task::spawn_blocking(|| 2).await.unwrap();
        Ok(spawned + blocking + tokio::task::block_in_place(|| 4))
    });
    assert_eq!(answer.await.unwrap(), 7);
}

#[tokio::test]
async fn many_tasks_that_wake_each_other_all_end() {
    let threads = PluginThreads::start(3, 0).unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let mut tasks = Vec::new();
    for number in 0..100_usize {
        let sender = sender.clone();
        tasks.push(threads.spawn(&Arc::default(), async move {
            for _ in 0..50 {
                sender.send(number).await.unwrap();
                tokio::task::yield_now().await;
            }
        }));
    }
    drop(sender);
    let pulse = Arc::default();
    let sum = threads.ask(&pulse, async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        Ok(sum)
    });
    assert_eq!(sum.await.unwrap(), 50 * (0..100).sum::<usize>());
    for task in tasks {
        task.await.unwrap();
    }
}

/// Panics when it is dropped.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("the destructor explodes");
    }
}

#[tokio::test]
async fn no_panic_leaves_its_task() {
    let own = PluginThreads::start(1, 0).unwrap();
    for threads in [own, PluginThreads::on(Handle::current())] {
        let pulse = Arc::default();
        let step = threads.spawn(&pulse, async { panic!("a step explodes") });
        let error = step.await.unwrap_err();
        assert_eq!(error.kind(), connect_api::ErrorKind::Panicked);
        assert!(error.report().contains("a step explodes"), "{error}");
        let destructor = threads.spawn(&pulse, async {
            let _explosive = Explosive;
            std::future::poll_fn(|_| Poll::Ready(())).await;
        });
        let error = destructor.await.unwrap_err();
        assert!(
            error.report().contains("the destructor explodes"),
            "{error}"
        );
        let cancelled = threads.spawn(&pulse, async {
            let _explosive = Explosive;
            std::future::pending::<()>().await;
        });
        cancelled.canceller().cancel();
        assert!(cancelled.await.is_err());
        let after = threads.ask(&pulse, async { Ok(1) });
        assert_eq!(after.await.unwrap(), 1, "the threads are still there");
    }
}

#[tokio::test]
async fn a_cancelled_future_is_dropped_where_it_waits_or_when_its_step_returns() {
    let threads = PluginThreads::start(1, 1).unwrap();
    let held = Arc::new(());
    let (clone, pulse) = (Arc::clone(&held), Arc::default());
    let waits = threads.spawn(&pulse, async move {
        std::future::pending::<()>().await;
        drop(clone);
    });
    waits.canceller().cancel();
    assert!(waits.await.is_err());
    assert_eq!(Arc::strong_count(&held), 1);

    let (clone, gate) = (Arc::clone(&held), Gate::default());
    let blocks = gate.clone();
    let blocked = threads.spawn(&pulse, async move {
        blocks.wait();
        std::future::pending::<()>().await;
        drop(clone);
    });
    gate.blocked(1);
    blocked.canceller().cancel();
    assert!(pulse.holds_thread());
    gate.open();
    assert!(blocked.await.is_err());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test]
async fn threads_end_with_the_worker_even_if_one_is_left_behind() {
    let threads = PluginThreads::start(2, 0).unwrap();
    let gate = Gate::default();
    let blocks = gate.clone();
    let blocked = threads.spawn(&Arc::default(), async move { blocks.wait() });
    gate.blocked(1);
    let pool = Arc::clone(pool(&threads));
    drop(threads);
    while pool.threads() != 1 {
        tokio::task::yield_now().await;
    }
    gate.open();
    blocked.await.unwrap();
    while pool.threads() != 0 {
        tokio::task::yield_now().await;
    }
}
