//! The solver of [`crate::solver`] for few inputs that all texts have: rows of numbers in place of sets of features.
//!
//! Source: Hsieh et al. (2008), A Dual Coordinate Descent Method for Large-scale Linear SVM, algorithm 1.

use crate::random::Random;
use crate::solver::Target;

/// Weights by input, and the margin of a row of zeros.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: f32,
}

const PASSES: usize = 60;
/// Passes end early once no step was larger than this share of the largest cost.
const STEP_SHARE: f64 = 0.01;

/// Solves for `targets`, whose examples are rows of `inputs` numbers. Cost O(passes x targets x inputs).
///
/// Near the minimum where cost times the square of a row's length is about 1 or less; dearer ones end at the last pass.
pub(crate) fn solve(rows: &[f32], inputs: usize, targets: &[Target], seed: u64) -> Line {
    let row = |target: &Target| &rows[target.example as usize * inputs..][..inputs];
    let mut line = Line { weights: vec![0.0; inputs], bias: 0.0 };
    let mut alphas = vec![0.0_f64; targets.len()];
    let squares: Vec<f64> =
        targets.iter().map(|target| 1.0 + f64::from(dot(row(target), row(target)))).collect();
    let dearest = targets.iter().map(|target| target.cost).fold(0.0, f64::max);
    let mut order: Vec<usize> = (0..targets.len()).collect();
    let mut random = Random::new(seed);
    for _ in 0..PASSES {
        random.shuffle(&mut order);
        let mut largest = 0.0_f64;
        for &nth in &order {
            let target = &targets[nth];
            let sign = if target.it_is { 1.0 } else { -1.0 };
            let ridge = 0.5 / target.cost;
            let gradient = sign * f64::from(line.margin(row(target))) - 1.0 + ridge * alphas[nth];
            let next = (alphas[nth] - gradient / (squares[nth] + ridge)).max(0.0);
            let step = next - alphas[nth];
            if step != 0.0 {
                line.add(row(target), (sign * step) as f32);
                alphas[nth] = next;
                largest = largest.max(step.abs());
            }
        }
        if largest < STEP_SHARE * dearest {
            break;
        }
    }
    line
}

impl Line {
    pub(crate) fn margin(&self, row: &[f32]) -> f32 {
        self.bias + dot(&self.weights, row)
    }

    fn add(&mut self, row: &[f32], step: f32) {
        self.bias += step;
        self.weights.iter_mut().zip(row).for_each(|(weight, value)| *weight += step * value);
    }
}

/// Sixteen sums side by side, then theirs: one order on every machine, and as many numbers at once as it can.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const SIDE: usize = 16;
    let mut sums = [0.0_f32; SIDE];
    for (a, b) in a.chunks(SIDE).zip(b.chunks(SIDE)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows on a circle: those of the right half are.
    fn circle() -> (Vec<f32>, Vec<Target>) {
        let angle = |n: u32| (f64::from(n) + 0.5) * std::f64::consts::TAU / 64.0;
        let rows = (0..64).flat_map(|n| [libm::cos(angle(n)) as f32, libm::sin(angle(n)) as f32]).collect();
        let target = |n: u32| Target { example: n, it_is: libm::cos(angle(n)) > 0.0, cost: 10.0 };
        (rows, (0..64).map(target).collect())
    }

    #[test]
    fn what_can_be_told_apart_is_and_the_rest_weighs_nothing() {
        let (rows, targets) = circle();
        let line = solve(&rows, 2, &targets, 7);
        for target in &targets {
            let margin = line.margin(&rows[target.example as usize * 2..][..2]);
            assert_eq!(margin > 0.0, target.it_is, "{margin}");
        }
        assert!(line.weights[1].abs() < line.weights[0] / 20.0 && line.bias.abs() < line.weights[0] / 20.0);
    }

    /// At the minimum of `|w|^2 / 2 + C sum max(0, 1 - y m)^2` its slope is zero in every direction; its parts add up to 5.
    #[test]
    fn the_solution_is_the_minimum() {
        let (rows, mut targets) = circle();
        targets.iter_mut().for_each(|target| target.cost = 0.05);
        targets.iter_mut().step_by(5).for_each(|target| target.it_is = !target.it_is);
        let line = solve(&rows, 2, &targets, 7);
        let mut slope = [line.weights[0], line.weights[1], line.bias];
        for target in &targets {
            let row = &rows[target.example as usize * 2..][..2];
            let sign = if target.it_is { 1.0 } else { -1.0 };
            let miss = (1.0 - sign * line.margin(row)).max(0.0) * 2.0 * target.cost as f32 * sign;
            slope.iter_mut().zip([row[0], row[1], 1.0]).for_each(|(slope, value)| *slope -= miss * value);
        }
        assert!(slope.iter().all(|slope| slope.abs() < 0.02), "{slope:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let (rows, targets) = circle();
        assert_eq!(solve(&rows, 2, &targets, 3), solve(&rows, 2, &targets, 3));
    }
}
