//! Values that are numbers, and what two values have in common.

use bigdecimal::BigDecimal;
use bytes::Bytes;
use host_runtime::{Form, Value};

use super::super::context::{Context, kept};
use super::super::failure::{Done, Failure};
use super::super::number::{decimal, integer, integer_of, is_infinite, written};
use super::strings::change;
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn incr(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key] = words else { return arity("incr") };
    add(cx, key, 1)
}

pub(in super::super) fn decr(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key] = words else { return arity("decr") };
    add(cx, key, -1)
}

pub(in super::super) fn incrby(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key, by] = words else { return arity("incrby") };
    add(cx, key, integer_of(by)?)
}

pub(in super::super) fn decrby(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key, by] = words else { return arity("decrby") };
    let by = integer_of(by)?.checked_neg().ok_or(Failure::fixed("ERR decrement would overflow"))?;
    add(cx, key, by)
}

fn add(cx: &mut Context<'_>, name: &[u8], by: i64) -> Done {
    let mut text = itoa::Buffer::new();
    let sum = change(cx, name, |old| {
        let old = old.map_or(Some(0), integer).ok_or(Failure::NO_INTEGER)?;
        let sum = old.checked_add(by).ok_or(Failure::OVERFLOW)?;
        Ok((Some(text.format(sum).as_bytes().into()), sum))
    })?;
    cx.integer(sum)
}

pub(in super::super) fn incrbyfloat(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, by] = words else { return arity("incrbyfloat") };
    let sum = change(cx, name, |old| {
        let sum = sum(old.unwrap_or(b"0"), by)?;
        Ok((Some(Value::made(sum.clone(), Form::Summed).into()), sum))
    })?;
    cx.reply.bulk(&sum);
    Ok(())
}

/// A decimal number that something can be added to.
///
/// # Errors
/// [`Failure::NO_FLOAT`]; [`Failure::NOT_FINITE`] of what is a number, and beyond all that can be counted.
fn addend(text: &[u8]) -> Result<BigDecimal, Failure> {
    decimal(text).ok_or_else(|| if is_infinite(text) { Failure::NOT_FINITE } else { Failure::NO_FLOAT })
}

/// The sum of two decimal numbers.
pub(super) fn sum(old: &[u8], by: &[u8]) -> Result<Bytes, Failure> {
    written(&(addend(old)? + addend(by)?)).map(Bytes::from).ok_or(Failure::NOT_FINITE)
}

/// What LCS answers with.
#[derive(Default)]
struct Wanted {
    len: bool,
    places: bool,
    least: usize,
    lengths: bool,
}

pub(in super::super) fn lcs(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, one, other, options @ ..] = words else { return arity("lcs") };
    let mut wanted = Wanted::default();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match () {
            () if is(option, "len") => wanted.len = true,
            () if is(option, "idx") => wanted.places = true,
            () if is(option, "withmatchlen") => wanted.lengths = true,
            () if is(option, "minmatchlen") => {
                let least = integer_of(options.next().ok_or(Failure::SYNTAX)?)?;
                wanted.least = usize::try_from(least).unwrap_or(0);
            }
            () => return Err(Failure::SYNTAX),
        }
    }
    if wanted.len && wanted.places {
        return Err(Failure::fixed("ERR If you want both the length and indexes, please just use IDX."));
    }
    let read = |name: &[u8]| match cx.lookup().read(&cx.key(name), kept) {
        None => Ok(Bytes::new()),
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(_)) => Err(Failure::fixed("ERR The specified keys must contain string values")),
    };
    let (one, other) = (read(one)?, read(other)?);
    let table = Lengths::of(&one, &other, cx.shared.limits().bulk)?;
    let (common, runs) = table.trace(&one, &other);
    if wanted.len {
        cx.reply.count(common.len());
    } else if wanted.places {
        let runs: Vec<_> = runs.into_iter().filter(|run| run.len >= wanted.least.max(1)).collect();
        cx.reply.map(2);
        cx.reply.bulk(b"matches");
        cx.reply.array(runs.len());
        for run in runs {
            cx.reply.array(if wanted.lengths { 3 } else { 2 });
            for from in [run.one, run.other] {
                cx.reply.array(2);
                cx.reply.count(from);
                cx.reply.count(from + run.len - 1);
            }
            if wanted.lengths {
                cx.reply.count(run.len);
            }
        }
        cx.reply.bulk(b"len");
        cx.reply.count(common.len());
    } else {
        cx.reply.bulk(&common);
    }
    Ok(())
}

/// Lengths of the longest common subsequences of all beginnings of two texts.
struct Lengths {
    lengths: Vec<u32>,
    width: usize,
}

/// Bytes in a row that both texts have.
struct Run {
    one: usize,
    other: usize,
    len: usize,
}

impl Lengths {
    /// The table takes four bytes for each pair of bytes, `most` at most.
    fn of(one: &[u8], other: &[u8], most: usize) -> Result<Self, Failure> {
        let width = other.len() + 1;
        let cells = (one.len() + 1).checked_mul(width).filter(|cells| cells.saturating_mul(4) <= most);
        let cells = cells.ok_or(Failure::fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))?;
        let mut table = Self { lengths: vec![0; cells], width };
        for (row, a) in one.iter().enumerate() {
            for (column, b) in other.iter().enumerate() {
                let length = if a == b {
                    table.at(row, column) + 1
                } else {
                    table.at(row, column + 1).max(table.at(row + 1, column))
                };
                if let Some(cell) = table.lengths.get_mut((row + 1) * width + column + 1) {
                    *cell = length;
                }
            }
        }
        Ok(table)
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.lengths.get(row * self.width + column).copied().unwrap_or(0)
    }

    /// One longest common subsequence, and the runs that it is made of, the last one first.
    fn trace(&self, one: &[u8], other: &[u8]) -> (Vec<u8>, Vec<Run>) {
        let (mut row, mut column) = (one.len(), other.len());
        let (mut common, mut runs) = (Vec::new(), Vec::<Run>::new());
        while row > 0 && column > 0 {
            match (one.get(row - 1), other.get(column - 1)) {
                (Some(a), Some(b)) if a == b => {
                    (row, column) = (row - 1, column - 1);
                    common.push(*a);
                    match runs.last_mut() {
                        Some(run) if run.one == row + 1 && run.other == column + 1 => {
                            (run.one, run.other, run.len) = (row, column, run.len + 1);
                        }
                        _ => runs.push(Run { one: row, other: column, len: 1 }),
                    }
                }
                _ if self.at(row - 1, column) > self.at(row, column - 1) => row -= 1,
                _ => column -= 1,
            }
        }
        common.reverse();
        (common, runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_subsequence_is_found() {
        let (one, other) = (b"ohmytext", b"mynewtext");
        let (common, runs) = Lengths::of(one, other, 1 << 20).unwrap().trace(one, other);
        assert_eq!(common, b"mytext");
        let runs: Vec<_> = runs.iter().map(|run| (run.one, run.other, run.len)).collect();
        assert_eq!(runs, [(4, 5, 4), (2, 0, 2)]);
        assert!(Lengths::of(&[0; 1_000], &[0; 1_000], 1_000_000).is_err());
    }
}
