//! Work in stages: each item goes through all of them in order, and different items are in different stages at the same time.
//!
//! Each stage has a number of items that it works on at once, and a bounded buffer in front of it. A stage that is slower
//! than the one before it fills its buffer, and then holds that one up; so what is under way stays bounded however much there is
//! to do. An item that fails in a stage (it panics, or is shed) skips the others and comes out as that error. The others go on.
//!
//! ```
//! use std::sync::Arc;
//! use host_executor::{Config, Executor, Stage, Stages};
//!
//! let executor = Arc::new(Executor::new(Config::for_cores(2))?);
//! let (read, count) = (executor.class("read"), executor.class("count"));
//! let stages = Stages::new(&executor)
//!     .io(read, Stage { at_once: 4, buffer: 8 }, |name: &'static str| async move { name.to_owned() })
//!     .cpu(count, Stage { at_once: 1, buffer: 8 }, |text: String| text.len());
//! let lengths = executor.block_on(stages.run(vec!["one", "three"]));
//! assert_eq!(lengths, [Ok(3), Ok(5)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::error::TaskError;
use crate::executor::Executor;
use crate::pending::Pending;
use crate::priority::Submission;

/// Bounds of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Items that it works on at once; 0 is taken as 1. The workers of the pool bound it too.
    pub at_once: usize,
    /// Items that wait in front of it; 0 is taken as 1.
    pub buffer: usize,
}

/// An item by its number, or what it failed with.
type Item<T> = (usize, Result<T, TaskError>);

/// Joins stages to a source of items. The number is the buffer in front of what comes after them.
type Connect<I, O> = Box<dyn FnOnce(Receiver<Item<I>>, usize) -> Receiver<Item<O>> + Send>;

/// A submission under way.
type Submitting<T> = Pin<Box<dyn Future<Output = Result<Pending<T>, TaskError>> + Send>>;

/// Submits the work on an item.
type Submit<O, T> = Box<dyn Fn(Arc<Executor>, O) -> Submitting<T> + Send>;

/// A chain of stages from `I` to `O`, not begun yet.
#[must_use = "nothing is done before it runs"]
pub struct Stages<I, O> {
    executor: Arc<Executor>,
    connect: Connect<I, O>,
    /// In front of the first stage; none where there is no stage.
    first: Option<usize>,
}

impl<I: Send + 'static> Stages<I, I> {
    /// No stage yet.
    pub fn new(executor: &Arc<Executor>) -> Self {
        Self { executor: Arc::clone(executor), connect: Box::new(|items, _| items), first: None }
    }
}

impl<I: Send + 'static, O: Send + 'static> Stages<I, O> {
    /// Adds a stage of async tasks.
    pub fn io<F, T>(
        self,
        class: impl Into<Submission>,
        stage: Stage,
        work: impl Fn(O) -> F + Send + 'static,
    ) -> Stages<I, T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let class = class.into();
        self.then(
            stage,
            Box::new(move |executor, item| {
                let task = work(item);
                Box::pin(async move { executor.submit_io(class, task).await })
            }),
        )
    }

    /// Adds a stage of CPU work.
    pub fn cpu<T: Send + 'static>(
        self,
        class: impl Into<Submission>,
        stage: Stage,
        work: impl Fn(O) -> T + Send + Sync + 'static,
    ) -> Stages<I, T> {
        let (class, work) = (class.into(), Arc::new(work));
        self.then(
            stage,
            Box::new(move |executor, item| {
                let work = Arc::clone(&work);
                Box::pin(async move { executor.submit_cpu(class, move || work(item)).await })
            }),
        )
    }

    fn then<T: Send + 'static>(self, stage: Stage, submit: Submit<O, T>) -> Stages<I, T> {
        let Self { executor, connect, first } = self;
        let own = Arc::clone(&executor);
        let (at_once, buffer) = (stage.at_once.clamp(1, Semaphore::MAX_PERMITS), capacity(stage.buffer));
        let connect = move |items, after| {
            let input = connect(items, buffer);
            let (output, results) = mpsc::channel(after);
            own.handle().spawn(work(Arc::clone(&own), at_once, submit, input, output));
            results
        };
        Stages { executor, connect: Box::new(connect), first: first.or(Some(buffer)) }
    }

    /// Sends items through all stages, and answers with what each came to, in their order. What is under way when the future is
    /// dropped ends with the stage that it is in.
    pub async fn run(self, items: Vec<I>) -> Vec<Result<O, TaskError>> {
        let Self { executor, connect, first } = self;
        let (input, source) = mpsc::channel(first.unwrap_or(1));
        let mut output = connect(source, 1);
        // What never comes out, because the executor stops, was not done.
        let mut results: Vec<_> = items.iter().map(|_| Err(TaskError::Stopped)).collect();
        executor.handle().spawn(async move {
            for item in items.into_iter().map(Ok).enumerate() {
                if input.send(item).await.is_err() {
                    return;
                }
            }
        });
        while let Some((number, result)) = output.recv().await {
            if let Some(slot) = results.get_mut(number) {
                *slot = result;
            }
        }
        results
    }
}

fn capacity(buffer: usize) -> usize {
    buffer.clamp(1, Semaphore::MAX_PERMITS)
}

/// A stage, from its first item to its last.
async fn work<O: Send + 'static, T: Send + 'static>(
    executor: Arc<Executor>,
    at_once: usize,
    submit: Submit<O, T>,
    mut input: Receiver<Item<O>>,
    output: Sender<Item<T>>,
) {
    let room = Arc::new(Semaphore::new(at_once));
    loop {
        // First, so that no more items wait than the buffer holds. The semaphore is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Some((number, item)) = input.recv().await else { return };
        let pending = match item {
            Ok(item) => submit(Arc::clone(&executor), item).await,
            Err(error) => Err(error),
        };
        let output = output.clone();
        executor.handle().spawn(async move {
            let result = match pending {
                Ok(pending) => pending.await,
                Err(error) => Err(error),
            };
            // While there is no room for it behind, it is still in this stage.
            let _ = output.send((number, result)).await;
            drop(permit);
        });
    }
}

impl<I, O> std::fmt::Debug for Stages<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stages").field("first", &self.first).finish_non_exhaustive()
    }
}
