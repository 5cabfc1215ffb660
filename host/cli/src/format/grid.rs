//! The rows of a simulation as a grid: policies down, capacities across.
//!
//! A simulation that was ended early lacks rows, and two capacities in percent can be the same number of objects.
//! Tables and plots should know of neither.

use host_profile::Bytes;
use host_simulator::{Capacity, Method, Row, Simulation};

use super::{float, thousands};

/// One capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Column {
    /// As it was given.
    pub(crate) asked: Capacity,
    /// In objects, or in bytes.
    pub(crate) amount: u64,
    /// Whether in bytes.
    pub(crate) in_bytes: bool,
}

impl Column {
    /// Where it lies on an axis.
    pub(crate) fn position(&self) -> f64 {
        float(self.amount)
    }

    /// The amount as a person reads it.
    pub(crate) fn amount(&self) -> String {
        if self.in_bytes { Bytes(self.amount).to_string() } else { thousands(self.amount) }
    }

    /// As it was given, and the amount that it stands for.
    pub(crate) fn heading(&self) -> String {
        match self.asked {
            Capacity::Percent(_) => format!("{} = {}", self.asked, self.amount()),
            Capacity::Objects(_) | Capacity::Bytes(_) => self.amount(),
        }
    }
}

/// One policy.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) method: Method,
    /// A row for each column; `None` where the simulation was ended before.
    pub(crate) rows: Vec<Option<&'a Row>>,
}

impl Line<'_> {
    /// One value a column; `None` where the row or the value is missing.
    pub(crate) fn values(&self, of: impl Fn(&Row) -> Option<f64>) -> Vec<Option<f64>> {
        self.rows.iter().map(|row| row.and_then(&of)).collect()
    }
}

/// The whole simulation.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    pub(crate) simulation: &'a Simulation,
    pub(crate) columns: Vec<Column>,
    pub(crate) lines: Vec<Line<'a>>,
}

impl<'a> Grid<'a> {
    /// Sorts the rows of `simulation`, which ran these methods at these capacities.
    pub(crate) fn new(
        simulation: &'a Simulation,
        methods: &[Method],
        capacities: &[Capacity],
        sizes: bool,
    ) -> Self {
        let columns: Vec<Column> = capacities.iter().map(|asked| column(simulation, *asked, sizes)).collect();
        let mut rows = simulation.rows.iter().peekable();
        let lines = methods.iter().map(|method| {
            let name = method.to_string();
            let take =
                |column: &Column| rows.next_if(|row| row.policy == name && row.capacity == column.amount);
            Line { method: method.clone(), rows: columns.iter().map(take).collect() }
        });
        let lines = lines.collect();
        Self { simulation, columns, lines }
    }

    /// Without the columns that repeat the one before.
    pub(crate) fn without_repeats(mut self) -> Self {
        let amounts: Vec<u64> = self.columns.iter().map(|column| column.amount).collect();
        let repeats: Vec<bool> =
            (0..amounts.len()).map(|at| at > 0 && amounts.get(at) == amounts.get(at - 1)).collect();
        drop_where(&mut self.columns, &repeats);
        for line in &mut self.lines {
            drop_where(&mut line.rows, &repeats);
        }
        self
    }

    /// The share of all keys, or of all bytes, that a capacity holds; over 1 where it holds more.
    pub(crate) fn share(&self, column: &Column) -> f64 {
        let whole = whole(self.simulation, column.in_bytes);
        float(column.amount) / float(whole.max(1))
    }

    /// The rows that are left, in the order of methods and capacities.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a Row> {
        self.lines.iter().flat_map(|line| line.rows.iter().copied().flatten())
    }
}

fn column(simulation: &Simulation, asked: Capacity, sizes: bool) -> Column {
    let in_bytes = asked.in_bytes(sizes);
    Column { asked, amount: asked.resolve(whole(simulation, in_bytes)), in_bytes }
}

/// All keys, or all their bytes.
fn whole(simulation: &Simulation, in_bytes: bool) -> u64 {
    if in_bytes { simulation.footprint.unwrap_or(0) } else { simulation.distinct }
}

fn drop_where<T>(items: &mut Vec<T>, gone: &[bool]) {
    let mut gone = gone.iter();
    items.retain(|_| gone.next() != Some(&true));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(policy: &str, capacity: u64) -> Row {
        Row {
            policy: policy.to_owned(),
            capacity,
            requests: 10,
            misses: 5,
            miss_ratio: 0.5,
            byte_miss_ratio: None,
            windows: Vec::new(),
            seconds: 0.0,
        }
    }

    fn simulation(rows: Vec<Row>) -> Simulation {
        Simulation {
            trace: "trace".to_owned(),
            requests: 10,
            distinct: 200,
            distinct_estimated: false,
            footprint: Some(4_000),
            read_seconds: 0.0,
            interrupted: true,
            rows,
        }
    }

    fn grid(rows: Vec<Row>, capacities: &[&str], sizes: bool) -> (Vec<String>, Vec<Vec<bool>>) {
        let simulation = simulation(rows);
        let methods = ["lru", "lfu"].map(|name| name.parse().unwrap());
        let capacities: Vec<Capacity> = capacities.iter().map(|text| text.parse().unwrap()).collect();
        let grid = Grid::new(&simulation, &methods, &capacities, sizes).without_repeats();
        let there = |line: &Line<'_>| line.rows.iter().map(Option::is_some).collect();
        (grid.columns.iter().map(Column::heading).collect(), grid.lines.iter().map(there).collect())
    }

    #[test]
    fn rows_that_were_not_reached_leave_gaps_and_shift_nothing() {
        let rows = vec![row("lru", 20), row("lfu", 2)];
        let (columns, there) = grid(rows, &["1%", "20"], false);
        assert_eq!(columns, ["1% = 2", "20"]);
        assert_eq!(there, [[false, true], [true, false]]);
    }

    #[test]
    fn capacities_that_are_the_same_number_are_one_column() {
        let rows = ["lru", "lfu"].into_iter().flat_map(|name| [1, 1, 2].map(|amount| row(name, amount)));
        let (columns, there) = grid(rows.collect(), &["0.1%", "0.2%", "1%"], false);
        assert_eq!(columns, ["0.1% = 1", "1% = 2"]);
        assert_eq!(there, [[true, true], [true, true]]);
    }

    #[test]
    fn with_sizes_percent_are_of_the_bytes() {
        let (columns, _) = grid(Vec::new(), &["50%", "3", "1kB"], true);
        assert_eq!(columns, ["50% = 2 kB", "3", "1 kB"]);
    }
}
