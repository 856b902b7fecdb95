//! A head: one weight a place, by logistic regression with steps that shrink where they were often made.
//!
//! Source: Duchi, Hazan, Singer (2011), Adaptive Subgradient Methods for Online Learning (AdaGrad).

use tidegate_analysis::learn::BUCKETS;
use tidegate_analysis::norm;

use crate::random::Random;

/// Stretches of n-grams that are one example, and what it is.
#[derive(Clone, Debug)]
pub(super) struct Example<'a> {
    pub(super) parts: Vec<&'a [u32]>,
    /// Number of its words.
    pub(super) words: usize,
    pub(super) it_is: bool,
    pub(super) weight: f32,
}

/// A trained head, before it is rounded.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) weights: Vec<f32>,
    pub(super) bias: f32,
}

/// How a head is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) passes: usize,
    pub(super) step: f32,
    /// Share that a weight loses at each step that it takes part in.
    pub(super) decay: f32,
}

impl Example<'_> {
    fn norm(&self) -> f32 {
        norm(self.words) as f32
    }
}

impl Head {
    /// What the head says of an example.
    pub(super) fn margin(&self, example: &Example<'_>) -> f32 {
        let sum: f32 =
            example.parts.iter().flat_map(|part| part.iter()).map(|&at| self.weights[at as usize]).sum();
        self.bias + sum * example.norm()
    }
}

/// Trains on `examples`. Cost O(passes x n-grams).
pub(super) fn train(examples: &[Example<'_>], recipe: Recipe, seed: u64) -> Head {
    let mut head = Head { weights: vec![0.0; BUCKETS], bias: 0.0 };
    let mut steps = vec![0.05_f32; BUCKETS];
    let mut bias_steps = 1.0_f32;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random::new(seed);
    for _ in 0..recipe.passes {
        random.shuffle(&mut order);
        for &nth in &order {
            let example = &examples[nth];
            let said = 1.0 / (1.0 + libm::expf(-head.margin(example)));
            let error = (said - if example.it_is { 1.0 } else { 0.0 }) * example.weight;
            bias_steps += error * error;
            head.bias -= recipe.step * error / libm::sqrtf(bias_steps);
            let slope = error * example.norm();
            let square = slope * slope;
            for &at in example.parts.iter().flat_map(|part| part.iter()) {
                let at = at as usize;
                steps[at] += square;
                let weight = &mut head.weights[at];
                *weight -= recipe.step * slope / libm::sqrtf(steps[at]) + recipe.decay * *weight;
            }
        }
    }
    head
}

/// The head in whole numbers of one byte, and the margin of one unit. The few largest weights are cut.
pub(super) fn rounded(head: &Head) -> (Vec<i8>, f64) {
    let mut sizes: Vec<f32> =
        head.weights.iter().map(|weight| weight.abs()).filter(|size| *size > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    let largest = sizes.get(sizes.len().saturating_sub(sizes.len() / 1000 + 1)).copied().unwrap_or(1.0);
    let unit = (largest / 127.0).max(f32::MIN_POSITIVE);
    let round = |weight: &f32| libm::roundf(weight / unit).clamp(-127.0, 127.0) as i8;
    (head.weights.iter().map(round).collect(), unit.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_told_apart_is_and_the_same_seed_gives_the_same_bits() {
        let rows: Vec<Vec<u32>> = (0..60).map(|n| vec![n % 2, 7, 10 + n]).collect();
        let examples: Vec<Example<'_>> = rows
            .iter()
            .map(|row| Example { parts: vec![row], words: 3, it_is: row[0] == 0, weight: 1.0 })
            .collect();
        let recipe = Recipe { passes: 20, step: 0.2, decay: 1e-4 };
        let head = train(&examples, recipe, 5);
        assert!(examples.iter().all(|example| (head.margin(example) > 0.0) == example.it_is));
        assert_eq!(head.weights, train(&examples, recipe, 5).weights);
        let (whole, unit) = rounded(&head);
        assert!(whole[0] > 0 && whole[1] < 0 && unit > 0.0);
    }
}
