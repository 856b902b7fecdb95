//! Every kernel of this CPU against plain sums in f64.

use proptest::prelude::*;

use super::choice::{Kernel, KernelChoice, KernelError};
use super::{Activations, AttentionScratch, BLOCK_ROWS, Heads, Interleaved, Norm};

/// The kernels that this machine has; those it lacks are said.
fn kernels() -> Vec<Kernel> {
    let named = KernelChoice::ALL.into_iter().skip(1);
    let kernels: Vec<Kernel> = named
        .filter_map(|choice| Kernel::choose(choice).map_err(|lacking| println!("not tested: {lacking}")).ok())
        .collect();
    assert!(kernels.iter().any(|kernel| kernel.name() == "portable"));
    kernels
}

/// Relative error allowed to a kernel's products: its unit of rounding, with room for sums.
fn tolerance(kernel: Kernel) -> f64 {
    match kernel.arithmetic() {
        "int8" => 1.5e-2,
        "bf16" => 8e-3,
        _ => 2e-6,
    }
}

fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-3.0_f32..3.0, len)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn norm(a: &[f32]) -> f64 {
    dot(a, a).sqrt()
}

/// Rows, inputs, outputs, and operands of that shape.
fn products() -> impl Strategy<Value = (usize, usize, usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
    (1_usize..70, 1_usize..5, 1_usize..4).prop_flat_map(|(rows, inputs, outputs)| {
        let (inputs, outputs) = (32 * inputs, 32 * outputs);
        (
            Just(rows),
            Just(inputs),
            Just(outputs),
            floats(rows * inputs),
            floats(outputs * inputs),
            floats(outputs),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn product_is_that_of_plain_sums((rows, inputs, outputs, x, weights, bias) in products()) {
        for kernel in kernels() {
            let layer = kernel.pack(inputs, &weights, bias.clone());
            let mut y = vec![f32::NAN; rows * outputs];
            kernel.linear(&layer, &x, &mut y, &mut Activations::default());
            for (at, &y) in y.iter().enumerate() {
                let (x, w) = (&x[at / outputs * inputs..][..inputs], &weights[at % outputs * inputs..][..inputs]);
                let expected = dot(x, w) + f64::from(bias[at % outputs]);
                let room = tolerance(kernel) * (norm(x) * norm(w) + 1.0);
                prop_assert!((f64::from(y) - expected).abs() < room, "{}: {y} for {expected}", kernel.name());
            }
        }
    }

    #[test]
    fn kernels_of_one_arithmetic_give_the_same_bits((rows, inputs, outputs, x, weights, bias) in products()) {
        let product = |kernel: &Kernel| {
            let layer = kernel.pack(inputs, &weights, bias.clone());
            let mut y = vec![f32::NAN; rows * outputs];
            kernel.linear(&layer, &x, &mut y, &mut Activations::default());
            y.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        for pair in kernels().windows(2).filter(|pair| pair[0].arithmetic() == pair[1].arithmetic()) {
            prop_assert_eq!(product(&pair[0]), product(&pair[1]), "{} {}", pair[0].name(), pair[1].name());
        }
    }

    #[test]
    fn gelu_is_that_of_the_error_function(mut values in floats(64)) {
        values[0] = -20.0;
        values[1] = 20.0;
        for kernel in kernels() {
            let mut found = values.clone();
            kernel.gelu(&mut found);
            for (&x, found) in values.iter().zip(found) {
                let expected = f64::from(x) * phi(f64::from(x));
                prop_assert!((f64::from(found) - expected).abs() < 2e-6, "{}: gelu({x}) = {found}", kernel.name());
            }
        }
    }

    #[test]
    fn norm_is_that_of_plain_sums(x in floats(96), added in floats(96), gain in floats(32), bias in floats(32)) {
        let weights = Norm { gain: gain.clone(), bias: bias.clone(), epsilon: 1e-12 };
        for kernel in kernels() {
            let mut found = x.clone();
            kernel.add_norm(&mut found, &added, &weights);
            for (row, found) in found.chunks(32).enumerate() {
                let sums: Vec<f64> = (0..32).map(|i| f64::from(x[row * 32 + i] + added[row * 32 + i])).collect();
                let mean = sums.iter().sum::<f64>() / 32.0;
                let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / 32.0;
                for i in 0..32 {
                    let expected = (sums[i] - mean) / variance.sqrt() * f64::from(gain[i]) + f64::from(bias[i]);
                    prop_assert!((f64::from(found[i]) - expected).abs() < 1e-4, "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn attention_is_that_of_plain_sums(
        (tokens, qkv) in (1_usize..40).prop_flat_map(|tokens| (Just(tokens), floats(tokens * 3 * 64))),
        width in prop::sample::select(vec![16_usize, 32, 64]),
    ) {
        let heads = Heads { count: 64 / width, width };
        let expected = plain_attention(tokens, heads, &qkv);
        for kernel in kernels() {
            let mut context = vec![f32::NAN; tokens * 64];
            // Twice in the same room: what one text leaves there must not reach the next.
            let mut scratch = AttentionScratch::default();
            kernel.attention(heads, &[9.0; 20 * 3 * 64], &mut [0.0; 20 * 64], &mut scratch);
            kernel.attention(heads, &qkv, &mut context, &mut scratch);
            for (found, expected) in context.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}: {found} {expected}", kernel.name());
            }
        }
    }

    #[test]
    fn dot_is_that_of_plain_sums(
        (a, b) in (0_usize..200).prop_flat_map(|len| (floats(len), floats(len)))
    ) {
        for kernel in kernels() {
            prop_assert!((f64::from(kernel.dot(&a, &b)) - dot(&a, &b)).abs() < 1e-5 * (norm(&a) * norm(&b) + 1.0));
        }
    }

    #[test]
    fn scan_is_exact_whatever_rows_came_and_went(
        query in prop::collection::vec(any::<i8>(), 48),
        rows in prop::collection::vec(prop::collection::vec(0_u8..16, 48), 0..70),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let (mut codes, mut rows) = (Interleaved::new(48), rows);
        rows.iter().for_each(|row| codes.push(row));
        for at in removed.into_iter().take(rows.len()) {
            let at = at.index(rows.len());
            rows.swap_remove(at);
            codes.swap_remove(at);
        }
        prop_assert_eq!(codes.rows(), rows.len());
        let product = |row: &Vec<u8>| query.iter().zip(row).map(|(&q, &code)| i32::from(q) * i32::from(code)).sum();
        let expected: Vec<i32> = rows.iter().map(product).collect();
        for kernel in kernels() {
            let mut found = Vec::new();
            let mut room = [[0; BLOCK_ROWS]; 2];
            while found.len() < rows.len() {
                let count = kernel.scan(&query, &codes, found.len() / BLOCK_ROWS, &mut room);
                found.extend_from_slice(room[..count].as_flattened());
            }
            prop_assert_eq!(found.len(), rows.len().next_multiple_of(BLOCK_ROWS));
            prop_assert_eq!(&found[..rows.len()], &expected, "{}", kernel.name());
        }
    }
}

fn plain_attention(tokens: usize, heads: Heads, qkv: &[f32]) -> Vec<f64> {
    let hidden = heads.count * heads.width;
    let at = |token: usize, part: usize, head: usize, channel: usize| {
        f64::from(qkv[token * 3 * hidden + part * hidden + head * heads.width + channel])
    };
    let mut context = vec![0.0; tokens * hidden];
    for (place, out) in context.iter_mut().enumerate() {
        let (token, head, channel) = (place / hidden, place % hidden / heads.width, place % heads.width);
        let score =
            |other| (0..heads.width).map(|c| at(token, 0, head, c) * at(other, 1, head, c)).sum::<f64>();
        let scores: Vec<f64> = (0..tokens).map(score).collect();
        let top = scores.iter().copied().fold(f64::MIN, f64::max);
        let total: f64 = scores.iter().map(|score| (score - top).exp()).sum();
        *out =
            (0..tokens).map(|other| (scores[other] - top).exp() / total * at(other, 2, head, channel)).sum();
    }
    context
}

/// Cumulative normal distribution, by integrating the density in small steps.
fn phi(x: f64) -> f64 {
    let steps = 2_000;
    let step = x / f64::from(steps);
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let simpson = |i: i32| {
        let from = f64::from(i) * step;
        (density(from) + 4.0 * density(from + step / 2.0) + density(from + step)) * step / 6.0
    };
    0.5 + (0..steps).map(simpson).sum::<f64>()
}

#[test]
fn kernel_is_known_by_its_name() {
    for choice in KernelChoice::ALL {
        assert_eq!(choice.to_string().parse(), Ok(choice));
    }
    assert_eq!("sse9".parse::<KernelChoice>(), Err(KernelError::Unknown("sse9".into())));
    for kernel in kernels() {
        let choice: KernelChoice = kernel.name().parse().unwrap();
        assert_eq!(Kernel::choose(choice), Ok(kernel));
    }
}

#[test]
fn a_kernel_that_the_cpu_lacks_is_refused_by_what_it_needs() {
    let lacking = KernelError::Lacking { kernel: KernelChoice::Vnni, needs: KernelChoice::Vnni.needs() };
    assert!(lacking.to_string().contains("`vnni` needs avx512f"), "{lacking}");
    let fastest = Kernel::choose(KernelChoice::Auto).unwrap();
    assert_eq!(fastest, kernels()[0], "the fastest comes first");
}
