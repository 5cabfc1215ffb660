use super::*;
use crate::recorder::Recorder;

const SHARES: ByPriority<u32> = ByPriority { high: 50, normal: 30, low: 20 };

fn backlog(places: u32) -> (Backlog<u32>, ClassId) {
    (Backlog::new(places, &SHARES), Recorder::new(1).class("any"))
}

/// Queues tasks with these numbers; there must be places.
fn fill(backlog: &mut Backlog<u32>, class: ClassId, priority: Priority, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(backlog.admit(priority), Admission::Granted, "{priority} {number}");
        backlog.push(priority, class, number).unwrap();
    }
}

/// Takes the next task and ends it at once.
fn take(backlog: &mut Backlog<u32>) -> Option<u32> {
    match backlog.next(None, false)? {
        Next::Task(service, number) => {
            backlog.end(&service, Duration::from_millis(1), 1);
            Some(number)
        }
        Next::Own(_) => panic!("nothing is held"),
    }
}

#[test]
fn a_priority_alone_may_fill_every_place_and_the_others_have_their_own() {
    let (mut backlog, class) = backlog(10);
    fill(&mut backlog, class, Priority::Normal, 0..10);
    assert_eq!(backlog.admit(Priority::Normal), Admission::Full);
    fill(&mut backlog, class, Priority::Low, 10..12);
    assert_eq!(backlog.admit(Priority::Low), Admission::Full);
    fill(&mut backlog, class, Priority::High, 12..17);
    assert_eq!(backlog.admit(Priority::High), Admission::Full);
    assert_eq!(backlog.stats().normal.queued, 10);
}

#[test]
fn the_youngest_of_the_lowest_goes_first_and_nobody_loses_its_own_places() {
    let (mut backlog, class) = backlog(10);
    fill(&mut backlog, class, Priority::Low, 0..4);
    fill(&mut backlog, class, Priority::Normal, 4..10);
    fill(&mut backlog, class, Priority::High, 10..15);
    let mut gone = Vec::new();
    while let Some((priority, number)) = backlog.displace(Priority::High) {
        backlog.push(Priority::High, class, 100).unwrap();
        gone.push((priority, number));
    }
    let (low, normal) = (Priority::Low, Priority::Normal);
    // Two places are Low's own, and three are Normal's.
    assert_eq!(gone, [(low, 3), (low, 2), (normal, 9), (normal, 8), (normal, 7)]);
    assert_eq!(backlog.displace(Priority::Low), None, "nothing is below it");
    let stats = backlog.stats();
    assert_eq!((stats.low.shed, stats.normal.shed, stats.high.shed), (2, 3, 0));
    assert_eq!((stats.low.queued, stats.normal.queued, stats.high.queued), (2, 3, 10));
}

#[test]
fn who_waits_for_a_place_gets_it_in_order_and_may_give_up() {
    let (mut backlog, class) = backlog(2);
    fill(&mut backlog, class, Priority::Normal, 0..2);
    let (first, given_up, third) =
        (backlog.wait(Priority::Normal), backlog.wait(Priority::Normal), backlog.wait(Priority::Normal));
    drop(given_up);
    let (mut first, mut third) = (first, third);
    assert!(first.try_recv().is_err());
    assert_eq!(take(&mut backlog), Some(0));
    assert!(first.try_recv().is_ok() && third.try_recv().is_err());
    assert_eq!(backlog.admit(Priority::Normal), Admission::Full, "no overtaking");
    backlog.push(Priority::Normal, class, 2).unwrap();
    assert_eq!((take(&mut backlog), take(&mut backlog)), (Some(1), Some(2)));
    assert!(third.try_recv().is_ok());
    // Granted, and not used.
    backlog.give_back(Priority::Normal);
    fill(&mut backlog, class, Priority::Normal, 3..5);
}

#[test]
fn of_a_single_class_one_is_queued_or_runs() {
    let recorder = Recorder::new(1);
    let (single, other) = (recorder.class("single"), recorder.class("other"));
    let mut backlog = Backlog::new(10, &SHARES);
    backlog.limit(single, true);
    fill(&mut backlog, single, Priority::Normal, 0..3);
    fill(&mut backlog, other, Priority::Normal, 3..4);
    assert_eq!((backlog.queued(), backlog.waiting(Priority::Normal)), (2, 4));
    let Some(Next::Task(running, 0)) = backlog.next(None, false) else { panic!("the first") };
    assert!(backlog.begin(Priority::Normal, single).is_none(), "one of them runs");
    assert_eq!(take(&mut backlog), Some(3));
    assert_eq!(take(&mut backlog), None, "the others wait for the first");
    backlog.end(&running, Duration::from_millis(1), 1);
    assert_eq!((take(&mut backlog), take(&mut backlog), take(&mut backlog)), (Some(1), Some(2), None));
    let running = backlog.begin(Priority::High, single).unwrap();
    fill(&mut backlog, single, Priority::Low, 7..8);
    assert_eq!(take(&mut backlog), None);
    backlog.limit(single, false);
    assert_eq!(take(&mut backlog), Some(7), "no longer limited");
    backlog.end(&running, Duration::from_millis(1), 1);
}

#[test]
fn a_single_class_that_loses_a_task_goes_on() {
    let (mut backlog, class) = backlog(4);
    backlog.limit(class, true);
    fill(&mut backlog, class, Priority::Low, 0..4);
    fill(&mut backlog, class, Priority::High, 4..6);
    let gone: Vec<_> = std::iter::from_fn(|| {
        let (_, gone) = backlog.displace(Priority::High)?;
        backlog.push(Priority::High, class, 10).unwrap();
        Some(gone)
    })
    .collect();
    assert_eq!(gone, [3, 2, 1], "one place is Low's own");
    let order: Vec<_> = std::iter::from_fn(|| take(&mut backlog)).collect();
    assert_eq!(order, [0, 4, 5, 10, 10, 10]);
}

#[test]
fn closing_hands_everything_out() {
    let (mut backlog, class) = backlog(3);
    backlog.limit(class, true);
    fill(&mut backlog, class, Priority::Normal, 0..3);
    let mut waiting = backlog.wait(Priority::Normal);
    assert_eq!(backlog.close(), [0, 1, 2]);
    assert!(waiting.try_recv().is_err());
    assert_eq!(backlog.admit(Priority::High), Admission::Closed);
    assert_eq!(backlog.push(Priority::High, class, 9), Err(9));
    assert_eq!((take(&mut backlog), backlog.displace(Priority::High)), (None, None));
}
