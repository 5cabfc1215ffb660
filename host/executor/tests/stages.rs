//! Work in stages, as a caller sees it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use host_executor::{Config, Executor, Stage, Stages, TaskError};

fn executor() -> Arc<Executor> {
    let config = Config { cpu_workers: 4, io_workers: 8, ..Config::for_cores(4) };
    Arc::new(Executor::new(config).unwrap())
}

/// Counts who is inside, and the most there ever were.
#[derive(Default)]
struct Gauge {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn enter(&self) {
        self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[test]
fn each_stage_begins_for_an_item_when_the_one_before_is_done_and_keeps_its_bounds() {
    let executor = executor();
    let (read, index) = (executor.class("read"), executor.class("index"));
    let [reading, indexing, between] = [(); 3].map(|()| Arc::new(Gauge::default()));
    let (on_io, on_cpu) = (Arc::clone(&reading), Arc::clone(&indexing));
    let (into, out_of) = (Arc::clone(&between), Arc::clone(&between));
    let stages = Stages::new(&executor)
        .io(read, Stage { at_once: 3, buffer: 2 }, move |number: u64| {
            let (reading, into) = (Arc::clone(&on_io), Arc::clone(&into));
            async move {
                reading.enter();
                tokio::time::sleep(Duration::from_millis(1)).await;
                reading.leave();
                into.enter();
                (number, number * 2)
            }
        })
        .cpu(index, Stage { at_once: 2, buffer: 5 }, move |(number, doubled)| {
            out_of.leave();
            on_cpu.enter();
            thread::sleep(Duration::from_millis(3));
            on_cpu.leave();
            assert_eq!(doubled, number * 2);
            doubled + 1
        });
    let results = executor.block_on(stages.run((0..100).collect()));
    assert_eq!(results, (0..100).map(|number| Ok(number * 2 + 1)).collect::<Vec<_>>());
    assert_eq!((reading.most(), indexing.most()), (3, 2));
    // Those in the buffer, those read for which there is no room in it, and those taken that have not begun.
    assert!((5..=5 + 3 + 2).contains(&between.most()), "{}", between.most());
    let classes: Vec<_> =
        executor.window().classes.into_iter().map(|class| (class.name, class.completed)).collect();
    assert_eq!(classes, [("index".to_owned(), 100), ("read".to_owned(), 100)]);
}

#[test]
fn an_item_that_fails_skips_the_stages_behind_and_holds_nobody_up() {
    let executor = executor();
    let class = executor.class("any");
    let behind = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&behind);
    let one = Stage { at_once: 0, buffer: 0 };
    let stages = Stages::new(&executor)
        .cpu(class, one, |number: u32| {
            assert!(!number.is_multiple_of(3), "{number}");
            number
        })
        .io(class, one, move |number| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { if number == 4 { Err("four") } else { Ok(number) } }
        });
    let results = executor.block_on(stages.run((0..6).collect()));
    let panicked = |number: u32| Err(TaskError::Panicked(number.to_string()));
    assert_eq!(results, [panicked(0), Ok(Ok(1)), Ok(Ok(2)), panicked(3), Ok(Err("four")), Ok(Ok(5))]);
    assert_eq!(behind.load(Ordering::SeqCst), 4);
    // No stage, and nothing to do.
    assert_eq!(executor.block_on(Stages::new(&executor).run(vec![7, 8])), [Ok(7), Ok(8)]);
    let nothing = Stages::new(&executor).cpu(class, one, |(): ()| ());
    assert_eq!(executor.block_on(nothing.run(Vec::new())), []);
}
