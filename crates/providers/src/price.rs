//! What a call costs, by the configured rates.

use serde::{Deserialize, Serialize};
use tidegate_domain::analysis::Usage;

/// Prices of a model, in millionths of a US dollar for a million tokens. A price of $0.05 is 50 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Of tokens of the prompt.
    pub input_microusd_per_mtok: u64,
    /// Of tokens of the answer.
    pub output_microusd_per_mtok: u64,
}

impl Prices {
    /// What so many tokens cost: exact arithmetic, rounded up once, so that no call is free that has a price.
    pub fn usage(self, input_tokens: u64, output_tokens: u64) -> Usage {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let input = part(input_tokens, self.input_microusd_per_mtok);
        let whole = input.saturating_add(part(output_tokens, self.output_microusd_per_mtok));
        let cost_microusd = u64::try_from(whole.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Usage { input_tokens, output_tokens, cost_microusd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_times_price_rounded_up_once() {
        let prices = Prices { input_microusd_per_mtok: 50_000, output_microusd_per_mtok: 400_000 };
        assert_eq!(prices.usage(2_000_000, 1_000_000).cost_microusd, 500_000);
        assert_eq!(prices.usage(1200, 300).cost_microusd, 180);
        assert_eq!(prices.usage(1, 0).cost_microusd, 1);
        assert_eq!(prices.usage(0, 0).cost_microusd, 0);
        assert_eq!(Prices::default().usage(9, 9).cost_microusd, 0);
    }

    #[test]
    fn no_number_overflows() {
        let prices = Prices { input_microusd_per_mtok: u64::MAX, output_microusd_per_mtok: u64::MAX };
        assert_eq!(prices.usage(u64::MAX, u64::MAX).cost_microusd, u64::MAX);
    }
}
