//! A task under way, and the way its result comes back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cpu::Job;
use crate::error::TaskError;
use crate::recorder::Outcome;

/// A task under way: a future of its result. Dropping it leaves the task running.
#[derive(Debug)]
pub struct Pending<T>(Way<T>);

/// The way a result comes back.
#[derive(Debug)]
enum Way<T> {
    Cpu(oneshot::Receiver<Result<T, TaskError>>),
    Io(JoinHandle<Result<T, TaskError>>),
}

impl<T> Pending<T> {
    pub(crate) fn spawned(task: JoinHandle<Result<T, TaskError>>) -> Self {
        Self(Way::Io(task))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Way::Cpu(result) => {
                Pin::new(result).poll(context).map(|got| got.unwrap_or(Err(TaskError::Stopped)))
            }
            Way::Io(result) => Pin::new(result).poll(context).map(|got| match got {
                Ok(outcome) => outcome,
                Err(error) if error.is_panic() => Err(TaskError::panicked(&*error.into_panic())),
                Err(_cancelled) => Err(TaskError::Stopped),
            }),
        }
    }
}

struct Closure<F, T> {
    task: Option<F>,
    failed: fn(&T) -> bool,
    result: Result<T, TaskError>,
    waiting: oneshot::Sender<Result<T, TaskError>>,
}

/// A closure as a job of the CPU pool. `failed` says of the result whether the task failed.
pub(crate) fn closure<F, T>(task: F, failed: fn(&T) -> bool) -> (Box<dyn Job>, Pending<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (waiting, result) = oneshot::channel();
    (
        Box::new(Closure { task: Some(task), failed, result: Err(TaskError::Stopped), waiting }),
        Pending(Way::Cpu(result)),
    )
}

impl<F, T> Job for Closure<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&mut self) -> Outcome {
        if let Some(task) = self.task.take() {
            // The closure is consumed, so nobody sees what a panic left half done in it.
            self.result =
                catch_unwind(AssertUnwindSafe(task)).map_err(|payload| TaskError::panicked(&*payload));
        }
        Outcome::of(&self.result, self.failed)
    }

    fn deliver(self: Box<Self>) {
        // Who waited may have gone; then the result is of no use to anybody.
        let _ = self.waiting.send(self.result);
    }

    fn refuse(self: Box<Self>, why: TaskError) {
        let _ = self.waiting.send(Err(why));
    }
}
