//! How the time of service grows with the tasks at once, fitted to what was seen: the Universal Scalability Law.
//!
//! N. J. Gunther, "A General Theory of Computational Scalability Based on Rational Functions" (2008): n at once serve
//! C(n) = n / (1 + sigma (n - 1) + kappa n (n - 1)) times what one serves. So a task takes
//! s (1 + sigma (n - 1) + kappa n (n - 1)), which is linear in the three unknown numbers: weighted least squares over the
//! counts that were seen, none below 0. With kappa = 0 it is Amdahl's law. Until more is known, Amdahl with a parallel share of
//! 0.95 stands.

/// Serial share until more is known: Amdahl with p = 0.95.
const SERIAL: f64 = 0.05;
/// Counts that are kept; the one seen longest ago is forgotten first.
const KEPT: usize = 24;
/// Weight of what was seen, from sample to sample.
const FADES: f64 = 0.97;
/// Counts within this share of each other are one.
const SAME: f64 = 0.04;
/// Weight of a new prediction's error in their mean.
const LEARNS: f64 = 0.25;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at_once: f64,
    service_us: f64,
    weight: f64,
}

/// What was seen under this load, and how good predictions from it were.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Curve {
    points: Vec<Point>,
    /// Mean distance of predicted gains from those that came, as logarithms; none before the first.
    error: Option<f64>,
}

/// The law's numbers, with how far they are from what was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Time of a task that runs alone, microseconds; what each other one adds; what each pair adds.
    terms: [f64; 3],
    /// Standard deviation of what was seen from the fit, relative.
    pub(crate) deviation: f64,
    /// Counts that it was fitted to.
    pub(crate) counts: usize,
}

impl Curve {
    /// So many tasks at once took so long.
    pub(crate) fn saw(&mut self, at_once: f64, service_us: f64) {
        if !(at_once >= 0.5 && service_us > 0.0) {
            return;
        }
        for point in &mut self.points {
            point.weight *= FADES;
        }
        let same = |point: &&mut Point| (point.at_once / at_once - 1.0).abs() < SAME;
        if let Some(point) = self.points.iter_mut().find(same) {
            let weight = point.weight + 1.0;
            point.service_us += (service_us - point.service_us) / weight;
            point.at_once += (at_once - point.at_once) / weight;
            point.weight = weight;
            return;
        }
        if self.points.len() >= KEPT {
            self.points.remove(0);
        }
        self.points.push(Point { at_once, service_us, weight: 1.0 });
    }

    /// The load is another one. How good predictions were stays known.
    pub(crate) fn forget(&mut self) {
        self.points.clear();
    }

    /// A gain was predicted, and another one came; both as logarithms.
    pub(crate) fn came(&mut self, predicted: f64, gain: f64) {
        let off = (predicted - gain).abs();
        let error = self.error.get_or_insert(off);
        *error += LEARNS * (off - *error);
    }

    /// Mean distance of predictions from what came, relative.
    pub(crate) fn error(&self) -> Option<f64> {
        self.error.map(|error| error.exp() - 1.0)
    }

    /// The fit; none where nothing was seen.
    pub(crate) fn fit(&self) -> Option<Fit> {
        let counts = self.points.len();
        let first = self.points.first()?;
        if counts < 3 {
            // Two counts give a line, one Amdahl's.
            let mean = |of: fn(&Point) -> f64| self.points.iter().map(of).sum::<f64>() / float(counts);
            let (at_once, service) = (mean(|p| p.at_once), mean(|p| p.service_us));
            let alone = service / (1.0 + SERIAL * (at_once - 1.0).max(0.0));
            let mut terms = [alone, SERIAL * alone, 0.0];
            if let Some(last) = self.points.get(1) {
                let slope = (last.service_us - first.service_us) / (last.at_once - first.at_once);
                let slope = slope.max(0.0);
                terms = [(service - slope * (at_once - 1.0)).max(0.0), slope, 0.0];
            }
            return Some(Fit { terms, deviation: 0.0, counts });
        }
        // Whichever of the sums without a negative term is nearest: with three terms all seven can be tried.
        let subsets: [&[usize]; 7] = [&[0, 1, 2], &[0, 1], &[0, 2], &[1, 2], &[0], &[1], &[2]];
        let fits = subsets.iter().filter_map(|terms| self.least_squares(terms));
        let best = fits.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Fit { terms: best.0, deviation: best.1.sqrt(), counts })
    }

    /// The terms that are nearest to what was seen, relative to it, and their mean squared distance. None where one of them
    /// would be below 0, or where they do not follow from what was seen.
    fn least_squares(&self, used: &[usize]) -> Option<([f64; 3], f64)> {
        let mut normal = [[0.0; 4]; 3];
        for point in &self.points {
            let basis = basis(point.at_once);
            let weight = point.weight / (point.service_us * point.service_us);
            for (row, &i) in normal.iter_mut().zip(used) {
                for (cell, &j) in row.iter_mut().zip(used) {
                    *cell += weight * basis.get(i)? * basis.get(j)?;
                }
                *row.get_mut(3)? += weight * basis.get(i)? * point.service_us;
            }
        }
        let solved = solve(&mut normal, used.len())?;
        let mut terms = [0.0; 3];
        for (&at, value) in used.iter().zip(solved) {
            if value < 0.0 {
                return None;
            }
            *terms.get_mut(at)? = value;
        }
        let fit = Fit { terms, deviation: 0.0, counts: 0 };
        let (mut sum, mut weights) = (0.0, 0.0);
        for point in &self.points {
            let off = fit.service_us(point.at_once) / point.service_us - 1.0;
            sum += point.weight * off * off;
            weights += point.weight;
        }
        Some((terms, sum / weights))
    }
}

impl Fit {
    /// Time that a task takes among so many, microseconds.
    fn service_us(&self, at_once: f64) -> f64 {
        self.terms.iter().zip(basis(at_once)).map(|(term, basis)| term * basis).sum()
    }

    /// What `to` at once serve as a multiple of what `from` serve.
    pub(crate) fn speed_up(&self, from: f64, to: f64) -> f64 {
        let serves = |at_once: f64| at_once / self.service_us(at_once).max(1e-9);
        serves(to) / serves(from)
    }
}

fn basis(at_once: f64) -> [f64; 3] {
    let others = (at_once - 1.0).max(0.0);
    [1.0, others, at_once * others]
}

/// Gauss's elimination with pivots, over the first `size` rows and columns and the last column. None where the rows do not
/// determine the solution.
fn solve(rows: &mut [[f64; 4]; 3], size: usize) -> Option<Vec<f64>> {
    for column in 0..size {
        let pivot = (column..size).max_by(|&a, &b| {
            let at =
                |row: usize| rows.get(row).and_then(|row| row.get(column)).map_or(0.0, |cell| cell.abs());
            at(a).total_cmp(&at(b))
        })?;
        rows.swap(column, pivot);
        let pivot = *rows.get(column)?;
        let head = *pivot.get(column)?;
        if head.abs() < 1e-12 {
            return None;
        }
        for (at, row) in rows.iter_mut().enumerate().take(size) {
            if at == column {
                continue;
            }
            let factor = *row.get(column)? / head;
            for (cell, other) in row.iter_mut().zip(pivot) {
                *cell -= factor * other;
            }
        }
    }
    (0..size).map(|at| Some(rows.get(at)?.get(3)? / rows.get(at)?.get(at)?)).collect()
}

#[expect(clippy::as_conversions, reason = "a count of points, far below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usl(at_once: f64, sigma: f64, kappa: f64) -> f64 {
        10_000.0 * (1.0 + sigma * (at_once - 1.0) + kappa * at_once * (at_once - 1.0))
    }

    fn seen(counts: &[f64], sigma: f64, kappa: f64) -> Curve {
        let mut curve = Curve::default();
        for &count in counts {
            curve.saw(count, usl(count, sigma, kappa));
        }
        curve
    }

    #[test]
    fn the_law_is_found_again_in_what_follows_it() {
        for (sigma, kappa) in [(0.02, 0.0004), (0.3, 0.01), (0.0, 0.001), (0.1, 0.0), (0.0, 0.0)] {
            let fit = seen(&[1.0, 2.0, 8.0, 32.0, 64.0], sigma, kappa).fit().unwrap();
            assert!(fit.deviation < 1e-6, "{sigma} {kappa}: {fit:?}");
            let expected = 24.0 / usl(24.0, sigma, kappa) / (8.0 / usl(8.0, sigma, kappa));
            assert!((fit.speed_up(8.0, 24.0) / expected - 1.0).abs() < 1e-6, "{sigma} {kappa}: {fit:?}");
        }
    }

    #[test]
    fn one_count_says_what_amdahl_says() {
        let fit = seen(&[8.0], 0.0, 0.0).fit().unwrap();
        let amdahl = |n: f64| n / (1.0 + 0.05 * (n - 1.0));
        assert!((fit.speed_up(8.0, 16.0) - amdahl(16.0) / amdahl(8.0)).abs() < 1e-9);
        assert_eq!(Curve::default().fit(), None);
    }

    #[test]
    fn two_counts_of_equal_time_promise_all() {
        let fit = seen(&[4.0, 8.0], 0.0, 0.0).fit().unwrap();
        assert!((fit.speed_up(8.0, 16.0) - 2.0).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn what_does_not_follow_the_law_shows_in_the_deviation_and_never_as_a_negative_term() {
        let mut curve = seen(&[1.0, 2.0, 4.0, 8.0, 16.0], 0.0, 0.0);
        curve.saw(64.0, 80_000.0);
        let fit = curve.fit().unwrap();
        assert!(fit.deviation > 0.02 && fit.terms.iter().all(|term| *term >= 0.0), "{fit:?}");
    }

    #[test]
    fn the_error_of_predictions_follows_what_came() {
        let mut curve = Curve::default();
        assert_eq!(curve.error(), None);
        for _ in 0..20 {
            curve.came(0.5, 0.4);
        }
        assert!((curve.error().unwrap() - 0.105).abs() < 0.001, "{:?}", curve.error());
        curve.forget();
        assert!(curve.error().is_some());
    }

    #[test]
    fn nonsense_is_not_kept() {
        let mut curve = Curve::default();
        for (at_once, service) in [(0.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0), (1.0, f64::NAN)] {
            curve.saw(at_once, service);
        }
        assert_eq!(curve.fit(), None);
        for count in 1..200_u32 {
            curve.saw(f64::from(count), 1000.0);
        }
        assert!(curve.points.len() <= KEPT);
    }
}
