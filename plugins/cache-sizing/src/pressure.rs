//! Less memory while the machine is short of it, before the kernel kills.
//!
//! The host says how much may still be taken (`memory-room`): nothing where tasks wait for memory (PSI), or where less than some
//! share of it is free. A quarter of what is held is given up then, at once, and again as long as the shortage lasts: each time
//! some seconds later, since memory comes free with the next evictions. After a calm time a sixteenth of what was given up is
//! taken back, and so on with each calm time, but only where there is room for four times as much, so that it does not come
//! to the same again.

use crate::Settings;
use crate::observation::megabytes;

/// Given up at once: one part in so many.
const GIVEN_UP: f64 = 4.0;

/// No more than down to one part in so many of what may be held, where hardly anything is.
const AT_LEAST: f64 = 8.0;

/// Taken back at once: one part in so many of what is missing to what was there before.
const TAKEN_BACK: f64 = 16.0;

/// Seconds from giving up to giving up more.
const SETTLES: f64 = 3.0;

/// Taken back only where there is room for so many times as much.
const ROOM: f64 = 4.0;

/// What is missing counts as nothing below one part in so many.
const WHOLE: f64 = 64.0;

/// The memory from tick to tick.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// What there was before the first shortage that is not over.
    before: Option<f64>,
    /// When it was last short of memory, or took some back.
    since: f64,
}

impl Pressure {
    /// Whether something was given up that is not back yet: nobody else may grow meanwhile.
    pub(crate) fn holds(&self) -> bool {
        self.before.is_some()
    }

    /// Takes in one tick's figures; answers what all together should take from now on, and why. `held` is what may be taken now, and
    /// `used` what is.
    pub(crate) fn look(
        &mut self,
        settings: &Settings,
        seconds: f64,
        room: Option<f64>,
        (held, used): (f64, f64),
    ) -> Option<(f64, String)> {
        let calm = strategy_sdk::count(settings.calm_seconds);
        if room.is_some_and(|room| room <= 0.0) {
            // A cache that is not full gives up nothing by a lower limit that it does not reach.
            let less = (used.min(held) * (1.0 - 1.0 / GIVEN_UP)).max(held / AT_LEAST);
            if self.before.is_some() && seconds - self.since < SETTLES {
                return None;
            }
            self.before.get_or_insert(held);
            self.since = seconds;
            let why = format!(
                "memory is short: {} of {} in use are given up",
                megabytes(used - less),
                megabytes(used)
            );
            return Some((less, why));
        }
        let before = self.before?;
        if seconds - self.since < calm {
            return None;
        }
        self.since = seconds;
        let missing = before - held;
        if missing <= before / WHOLE {
            self.before = None;
            return (missing > 0.0).then(|| (before, "memory is free again".to_owned()));
        }
        let more = (missing / TAKEN_BACK).max(before / WHOLE).min(missing);
        room.is_none_or(|room| room > ROOM * more).then(|| {
            let of = megabytes(missing);
            (held + more, format!("memory was free for {calm} s: some of the {of} that were given up"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: f64 = 1e9;
    const SHORT: Option<f64> = Some(0.0);
    const PLENTY: Option<f64> = Some(5.0 * GB);

    fn settings() -> Settings {
        Settings::default()
    }

    #[test]
    fn a_quarter_is_given_up_at_once_and_more_while_it_lasts() {
        let (settings, mut pressure) = (settings(), Pressure::default());
        let mut look =
            |seconds, memory, held| pressure.look(&settings, seconds, memory, (held, held)).map(|(to, _)| to);
        assert_eq!(look(1.0, PLENTY, GB), None);
        assert_eq!(look(2.0, SHORT, GB), Some(0.75 * GB));
        assert_eq!(look(3.0, SHORT, 0.75 * GB), None, "what was given up has to come free first");
        assert_eq!(look(5.0, SHORT, 0.75 * GB), Some(0.75 * 0.75 * GB));
    }

    #[test]
    fn what_is_not_used_is_given_up_first() {
        let (settings, mut pressure) = (settings(), Pressure::default());
        let given_up = pressure.look(&settings, 1.0, SHORT, (GB, 0.4 * GB)).unwrap();
        assert!((given_up.0 - 0.3 * GB).abs() < 1.0, "{}", given_up.0);
        let (empty, _) = Pressure::default().look(&settings, 1.0, SHORT, (GB, 0.0)).unwrap();
        assert_eq!(empty, GB / AT_LEAST, "it may yet be filled");
        assert!(given_up.1.ends_with("100 MB of 400 MB in use are given up"), "{}", given_up.1);
    }

    #[test]
    fn it_comes_back_slowly_and_not_further_than_it_was() {
        let (settings, mut pressure) = (settings(), Pressure::default());
        let mut held = pressure.look(&settings, 0.0, SHORT, (GB, GB)).unwrap().0;
        let (mut seconds, mut steps) = (0.0, 0);
        assert!(pressure.holds());
        while pressure.holds() && seconds < 10_000.0 {
            seconds += 1.0;
            if let Some((to, _)) = pressure.look(&settings, seconds, PLENTY, (held, held)) {
                assert!(to > held && to <= GB && to - held <= GB / 60.0, "{to} after {held}");
                (held, steps) = (to, steps + 1);
            }
        }
        assert!((held - GB).abs() < GB / 50.0 && steps >= 15 && seconds > 150.0, "{held} {steps} {seconds}");
        assert_eq!(pressure.look(&settings, seconds + 100.0, PLENTY, (held, held)), None);
    }

    #[test]
    fn it_does_not_grow_into_the_next_shortage() {
        let (settings, mut pressure) = (settings(), Pressure::default());
        let held = pressure.look(&settings, 0.0, SHORT, (GB, GB)).unwrap().0;
        for seconds in 1..1_000 {
            let found = pressure.look(&settings, f64::from(seconds), Some(0.05 * GB), (held, held));
            assert_eq!(found, None, "there is room for 50 MB, and 16 come back at a time");
        }
    }

    #[test]
    fn a_machine_that_tells_nothing_is_short_of_nothing() {
        let (settings, mut pressure) = (settings(), Pressure::default());
        assert_eq!(pressure.look(&settings, 1.0, None, (GB, GB)), None);
    }
}
