//! Requests, and how a block holds them: in columns.

use serde::{Deserialize, Serialize};

use super::block::MOST_REQUESTS;

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The cache had it.
    #[default]
    Hit,
    /// It waited for the load of another one.
    Waited,
    /// It loaded.
    Loaded,
    /// Its load failed.
    Failed,
    /// It was no request for a key, but work.
    Work,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Hit, Self::Waited, Self::Loaded, Self::Failed, Self::Work];

    /// Its number in a block.
    fn code(self) -> u8 {
        Self::ALL
            .into_iter()
            .zip(0..)
            .find_map(|(outcome, code)| (outcome == self).then_some(code))
            .unwrap_or(0)
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether the cache was asked for a key.
    #[must_use]
    pub fn asked(self) -> bool {
        self != Self::Work
    }
}

/// A request that has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Request {
    /// When it arrived: microseconds since the run began.
    pub at_us: u64,
    /// Number of its class in [`Header::classes`](super::Header::classes).
    pub class: u8,
    /// How it ended.
    pub outcome: Outcome,
    /// The number that stands for its key; of work 0.
    pub key: u64,
    /// What the entry counts for, in the unit of the capacity; 0 where none was found.
    pub size: u32,
    /// How long the entry lives once it is stored, seconds; 0 for as long as there is room.
    pub lifetime_s: u32,
    /// From its arrival until it was served, microseconds.
    pub wait_us: u32,
    /// From then on until it had ended, microseconds.
    pub service_us: u32,
}

/// The requests of a block.
#[derive(Debug, Serialize, Deserialize)]
struct Columns {
    /// Time of the first one, and from each to the next; one may stand after another that came later.
    first_us: u64,
    after_us: Vec<i64>,
    class: Vec<u8>,
    outcome: Vec<u8>,
    key: Vec<u64>,
    size: Vec<u32>,
    lifetime_s: Vec<u32>,
    wait_us: Vec<u32>,
    service_us: Vec<u32>,
}

/// The bytes of a block of requests.
pub(super) fn encode(requests: &[Request]) -> Result<Vec<u8>, postcard::Error> {
    let times = requests.iter().map(|request| request.at_us);
    // Whatever the distance, wrapping there and back gives the same time.
    let after = times.clone().zip(times.skip(1)).map(|(from, to)| to.wrapping_sub(from).cast_signed());
    postcard::to_allocvec(&Columns {
        first_us: requests.first().map_or(0, |request| request.at_us),
        after_us: after.collect(),
        class: requests.iter().map(|request| request.class).collect(),
        outcome: requests.iter().map(|request| request.outcome.code()).collect(),
        key: requests.iter().map(|request| request.key).collect(),
        size: requests.iter().map(|request| request.size).collect(),
        lifetime_s: requests.iter().map(|request| request.lifetime_s).collect(),
        wait_us: requests.iter().map(|request| request.wait_us).collect(),
        service_us: requests.iter().map(|request| request.service_us).collect(),
    })
}

/// How many requests a block has that says that it has so many.
///
/// # Errors
/// No block has so many; in words.
pub(super) fn count(says: u32) -> Result<usize, String> {
    match usize::try_from(says) {
        Ok(count) if count <= MOST_REQUESTS => Ok(count),
        _ => Err(format!("it says that it holds {says} requests, and {MOST_REQUESTS} are the most")),
    }
}

/// The requests of a block that says that it has so many.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(raw: &[u8], says: u32) -> Result<Vec<Request>, String> {
    let count = count(says)?;
    let (columns, rest) = postcard::take_from_bytes::<Columns>(raw)
        .map_err(|error| format!("its columns cannot be read: {error}"))?;
    let Columns { first_us, after_us, class, outcome, key, size, lifetime_s, wait_us, service_us } = columns;
    let lengths = [
        class.len(),
        outcome.len(),
        key.len(),
        size.len(),
        lifetime_s.len(),
        wait_us.len(),
        service_us.len(),
    ];
    if !rest.is_empty() || lengths != [count; 7] || after_us.len() != count.saturating_sub(1) {
        return Err(format!("its columns do not hold {count} requests each"));
    }
    let mut at_us = first_us;
    let mut requests = Vec::with_capacity(count);
    let steps = std::iter::once(0).chain(after_us);
    let columns =
        steps.zip(class).zip(outcome).zip(key).zip(size).zip(lifetime_s).zip(wait_us).zip(service_us);
    for (((((((step, class), code), key), size), lifetime_s), wait_us), service_us) in columns {
        at_us = at_us.wrapping_add(step.cast_unsigned());
        let outcome =
            Outcome::of_code(code).ok_or_else(|| format!("an outcome {code}, which there is not"))?;
        requests.push(Request { at_us, class, outcome, key, size, lifetime_s, wait_us, service_us });
    }
    Ok(requests)
}
