use proptest::prelude::*;

use super::*;

fn evidence(pairs: &[f64]) -> Evidence {
    Evidence { pairs: pairs.to_vec(), ticks: 2.0, requests: 1e9, blocks: 1.0, ..Evidence::default() }
}

#[test]
fn a_factor_is_seen_from_one_pair_and_a_few_percent_from_many() {
    assert_eq!(evidence(&[-0.7]).conclusion(), Some(Conclusion::Worse));
    assert_eq!(evidence(&[0.7]).conclusion(), Some(Conclusion::Better));
    assert_eq!(evidence(&[0.05]).conclusion(), None);
    let noisy: Vec<f64> = (0..10).map(|at| 0.05 + if at % 2 == 0 { 0.03 } else { -0.03 }).collect();
    assert_eq!(evidence(&noisy[..2]).conclusion(), None);
    assert_eq!(evidence(&noisy).conclusion(), Some(Conclusion::Better));
}

#[test]
fn what_is_the_same_is_called_so_once_there_is_enough_of_it() {
    let equal = [0.01, -0.01, 0.008, -0.012, 0.011, -0.009];
    assert_eq!(evidence(&equal[..3]).conclusion(), None);
    assert_eq!(evidence(&equal).conclusion(), Some(Conclusion::Same));
}

#[test]
fn a_reference_that_differs_from_itself_takes_the_certainty_away() {
    let mut moved = evidence(&[-0.7]);
    moved.same(0.9);
    assert_eq!(moved.conclusion(), None);
}

/// Standard normal numbers, from the generator that the control loop uses.
fn normal(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        let mut uniform = || {
            state = host_contract::split_mix::mix(state);
            (host_contract::number::to_f64(state >> 11) + 0.5) / host_contract::number::to_f64(1 << 53)
        };
        (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
    }
}

#[test]
fn looking_after_every_pair_keeps_the_level() {
    let wrong = (0..2_000)
        .filter(|seed| {
            let mut draw = normal(*seed);
            let mut evidence = evidence(&[]);
            (0..20).any(|_| {
                evidence.pair(draw() * 0.04);
                matches!(evidence.conclusion(), Some(Conclusion::Better | Conclusion::Worse))
            })
        })
        .count();
    // 3 % of 2,000, and three standard errors. What is drawn has twice the floor's deviation: the test has to learn it.
    assert!(wrong <= 60 + 23, "{wrong} of 2000");
}

proptest! {
    #[test]
    fn the_sign_is_that_of_the_mean_and_the_figures_are_sound(pairs in prop::collection::vec(-3.0..3.0_f64, 1..40)) {
        let found = evidence(&pairs).finding().unwrap();
        prop_assert!(found.statistic.is_finite() && found.statistic > 0.0 && found.error > 0.0);
        prop_assert!((0.0..=1.0).contains(&found.confidence()));
        let turned: Vec<f64> = pairs.iter().map(|d| -d).collect();
        let mirrored = evidence(&turned).finding().unwrap();
        prop_assert!((mirrored.difference + found.difference).abs() < 1e-9);
        prop_assert!((mirrored.statistic / found.statistic - 1.0).abs() < 1e-6);
    }
}
