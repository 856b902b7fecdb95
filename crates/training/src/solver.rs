//! The solver: a linear support vector machine with squared hinge loss, by dual coordinate descent.
//!
//! Minimises `|w|^2 / 2 + sum_i C_i max(0, 1 - y_i (w x_i + b))^2`. The order of steps is drawn from a seed and all sums
//! run in a fixed order, so the same examples give the same weights, bit for bit.
//!
//! Source: Hsieh et al. (2008), A Dual Coordinate Descent Method for Large-scale Linear SVM, algorithm 1.

use tidegate_screening::Block;

use crate::random::Random;

/// One text as the solver sees it.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// Numbers of its features, by block.
    pub(crate) features: [Vec<u32>; Block::COUNT],
    /// What every feature of the block is multiplied with.
    pub(crate) norms: [f64; Block::COUNT],
}

/// What is learnt from one example: `it_is` for `cost` above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) example: u32,
    pub(crate) it_is: bool,
    /// How much a mistake costs: C of the formula.
    pub(crate) cost: f64,
}

/// Weights by number of feature, and what a text without features gets.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: f64,
}

const PASSES: usize = 30;
/// Passes end early once no step was larger than this.
const STEP_MIN: f64 = 0.02;

/// Solves for `targets`.
///
/// - `scales`: by feature, the square of what its value is multiplied with besides the norms.
/// - The weights are those of unscaled features: scale is folded in.
/// - Cost O(passes x features of the examples).
pub(crate) fn solve(examples: &[Example], targets: &[Target], scales: &[f32], seed: u64) -> Weights {
    let mut weights = Weights { weights: vec![0.0; scales.len()], bias: 0.0 };
    let mut order: Vec<usize> = (0..targets.len()).collect();
    let mut alphas = vec![0.0_f64; targets.len()];
    let squares: Vec<f64> = targets.iter().map(|t| examples[t.example as usize].square(scales)).collect();
    let mut random = Random::new(seed);
    for _ in 0..PASSES {
        random.shuffle(&mut order);
        let mut largest = 0.0_f64;
        for &nth in &order {
            let target = &targets[nth];
            let example = &examples[target.example as usize];
            let sign = if target.it_is { 1.0 } else { -1.0 };
            let ridge = 0.5 / target.cost;
            let gradient = sign * weights.margin(example) - 1.0 + ridge * alphas[nth];
            let next = (alphas[nth] - gradient / (squares[nth] + ridge)).max(0.0);
            let step = next - alphas[nth];
            if step != 0.0 {
                weights.add(example, scales, sign * step);
                alphas[nth] = next;
                largest = largest.max(step.abs());
            }
        }
        if largest < STEP_MIN {
            break;
        }
    }
    weights
}

impl Example {
    /// The square of its length, the constant feature of the bias included.
    fn square(&self, scales: &[f32]) -> f64 {
        let of = |block: usize| -> f64 {
            self.features[block].iter().map(|&f| f64::from(scales[f as usize])).sum()
        };
        1.0 + (0..Block::COUNT).map(|block| self.norms[block] * self.norms[block] * of(block)).sum::<f64>()
    }
}

impl Weights {
    pub(crate) fn margin(&self, example: &Example) -> f64 {
        let of = |block: usize| -> f64 {
            example.features[block].iter().map(|&f| f64::from(self.weights[f as usize])).sum()
        };
        self.bias + (0..Block::COUNT).map(|block| example.norms[block] * of(block)).sum::<f64>()
    }

    fn add(&mut self, example: &Example, scales: &[f32], step: f64) {
        self.bias += step;
        for block in 0..Block::COUNT {
            let step = (step * example.norms[block]) as f32;
            for &feature in &example.features[block] {
                self.weights[feature as usize] += step * scales[feature as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples with one feature each besides a common one: even numbers are, odd ones are not.
    fn separable() -> (Vec<Example>, Vec<Target>) {
        let example = |n: u32| Example {
            features: [vec![n % 2, 2], vec![], vec![], vec![]],
            norms: [0.7, 1.0, 1.0, 1.0],
        };
        let target = |n: u32| Target { example: n, it_is: n.is_multiple_of(2), cost: 1.0 };
        ((0..40).map(example).collect(), (0..40).map(target).collect())
    }

    #[test]
    fn what_can_be_told_apart_is() {
        let (examples, targets) = separable();
        let weights = solve(&examples, &targets, &[1.0; 3], 7);
        for target in &targets {
            let margin = weights.margin(&examples[target.example as usize]);
            assert_eq!(margin > 0.5, target.it_is, "{margin}");
            assert_eq!(margin < -0.5, !target.it_is, "{margin}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let (examples, targets) = separable();
        let bits = |seed| -> Vec<u32> {
            solve(&examples, &targets, &[1.0; 3], seed)
                .weights
                .iter()
                .map(|weight| weight.to_bits())
                .collect()
        };
        assert_eq!(bits(3), bits(3));
    }

    #[test]
    fn features_without_scale_learn_nothing() {
        let (examples, targets) = separable();
        let weights = solve(&examples, &targets, &[0.0, 1.0, 1.0], 7);
        assert_eq!(weights.weights[0], 0.0);
        assert!(weights.weights[1] < 0.0);
    }
}
