//! The standard normal distribution, as far as intervals need it.

/// The share of it that lies below `z`.
pub(super) fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / core::f64::consts::SQRT_2)
}

/// The `z` that this share, above 0 and below 1, lies below; found by halving, to about 1e-12.
/// Shares beyond those at ±8 are answered with ±8.
pub(super) fn quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::{below, quantile};

    #[test]
    fn the_tables_in_the_back_of_every_textbook_agree() {
        for (z, share) in [
            (-1.959_963_984_540_054, 0.025),
            (-1.0, 0.158_655_253_931_457_05),
            (0.0, 0.5),
            (1.644_853_626_951_472_2, 0.95),
            (3.090_232_306_167_813, 0.999),
        ] {
            assert!((below(z) - share).abs() < 1e-12, "{z}");
            assert!((quantile(share) - z).abs() < 1e-9, "{share}");
        }
        assert_eq!(quantile(0.0), -8.0);
        assert_eq!(quantile(1.0), 8.0);
    }
}
