use super::*;

fn follow(key: u64, target: u64) -> Found {
    Found { pattern: Pattern::Follow { key, targets: vec![target] }, support: 5 }
}

fn replays() -> Found {
    Found { pattern: Pattern::Replays { depth: 8 }, support: u32::MAX }
}

fn take_all(book: &mut Book, tick: u64, orders: Vec<Order>) -> Vec<String> {
    orders
        .into_iter()
        .map(|order| {
            let reason = order.reason();
            book.done(tick, order);
            reason
        })
        .collect()
}

fn metrics(id: u32, issued: u64, wasted: u64) -> RuleMetrics {
    RuleMetrics { id, issued, timely: issued - wasted, late: 0, wasted }
}

#[test]
fn what_is_installed_is_not_installed_again() {
    let mut book = Book::default();
    let orders = book.update(1, vec![replays(), follow(100, 200)], 64);
    let said = take_all(&mut book, 1, orders);
    assert_eq!(
        said,
        [
            "rule 0: prefetch up to 8 keys that followed the last time",
            "rule 1: prefetch 1 key after key 100, seen 5 times"
        ]
    );
    assert_eq!(book.update(2, vec![replays(), follow(100, 200)], 62), []);
}

#[test]
fn other_targets_replace_the_rule_under_its_id() {
    let mut book = Book::default();
    let orders = book.update(1, vec![follow(100, 200)], 64);
    take_all(&mut book, 1, orders);
    let pattern = follow(100, 300).pattern;
    assert_eq!(book.update(2, vec![follow(100, 300)], 0), [Order::Install { id: 0, pattern, support: 5 }]);
}

#[test]
fn no_more_rules_than_there_is_room_and_the_best_first() {
    let mut book = Book::default();
    let orders = book.update(1, vec![replays(), follow(100, 200), follow(300, 400)], 2);
    assert_eq!(orders.len(), 2);
    take_all(&mut book, 1, orders);
    // Both are still seen: nothing makes room.
    assert_eq!(book.update(2, vec![replays(), follow(100, 200), follow(300, 400)], 0), []);
    // One is not: it does.
    let orders = book.update(3, vec![replays(), follow(300, 400)], 0);
    assert_eq!(
        take_all(&mut book, 3, orders),
        ["rule 1 withdrawn: its pattern no longer occurs, and another pattern needs its place"]
    );
    let orders = book.update(4, vec![replays(), follow(300, 400)], 1);
    assert_eq!(take_all(&mut book, 4, orders), ["rule 2: prefetch 1 key after key 300, seen 5 times"]);
}

#[test]
fn a_rule_that_wastes_is_withdrawn_and_barred_for_longer_each_time() {
    let mut book = Book::default();
    let settings = Settings::default();
    let orders = book.update(1, vec![follow(100, 200)], 64);
    take_all(&mut book, 1, orders);
    assert_eq!(book.wasteful(2, &settings, &[metrics(0, 31, 31)]), [], "too early to tell");
    let orders = book.wasteful(3, &settings, &[metrics(0, 40, 21)]);
    assert_eq!(take_all(&mut book, 3, orders), ["rule 0 withdrawn: 21 of 40 loads were wasted"]);
    assert_eq!(book.update(34, vec![follow(100, 200)], 64), []);
    let orders = book.update(35, vec![follow(100, 200)], 64);
    assert_eq!(take_all(&mut book, 35, orders).len(), 1, "the bar is over");
    let orders = book.wasteful(40, &settings, &[metrics(1, 40, 40)]);
    take_all(&mut book, 40, orders);
    assert_eq!(book.update(103, vec![follow(100, 200)], 64), [], "twice as long");
    assert_eq!(book.update(104, vec![follow(100, 200)], 64).len(), 1);
}

#[test]
fn a_rule_is_judged_by_what_it_did_lately() {
    let mut book = Book::default();
    let settings = Settings::default();
    let orders = book.update(1, vec![follow(100, 200)], 64);
    take_all(&mut book, 1, orders);
    assert_eq!(book.wasteful(2, &settings, &[metrics(0, 10_000, 100)]), []);
    assert_eq!(book.wasteful(3, &settings, &[metrics(0, 10_040, 135)]).len(), 1);
}

#[test]
fn an_order_that_was_not_taken_leaves_no_trace() {
    let mut book = Book::default();
    let first = book.update(1, vec![follow(100, 200)], 64);
    assert_eq!(book.update(2, vec![follow(100, 200)], 64), first);
}

#[test]
fn what_the_host_finds_is_left_to_its_own_measure() {
    let mut book = Book::default();
    let orders = book.update(1, crate::pattern::native(true, 8), 64);
    assert_eq!(take_all(&mut book, 1, orders).len(), 3);
    let wasted: Vec<_> = (0..3).map(|id| metrics(id, 100, 100)).collect();
    assert_eq!(book.wasteful(2, &Settings::default(), &wasted), []);
    let found = crate::pattern::native(false, 8);
    assert!(found.len() == 2 && found.contains(&replays()), "distances mean nothing: {found:?}");
}
