//! Where a number stands between two ends.

/// From numbers to places.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scale {
    /// From nothing to this.
    Linear(f64),
    /// From one number to another; each step multiplies.
    Logarithmic(f64, f64),
}

impl Scale {
    /// In powers of ten around these numbers.
    pub(crate) fn logarithmic(all: impl Iterator<Item = f64> + Clone) -> Self {
        let least = all.clone().fold(f64::MAX, f64::min).max(1e-3);
        let most = all.fold(least, f64::max);
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        Self::Logarithmic(10f64.powf(low), 10f64.powf(high.max(low + 1.0)))
    }

    /// From nothing to the next round number above these.
    pub(crate) fn linear(all: impl Iterator<Item = f64>) -> Self {
        let most = all.fold(1e-3, f64::max);
        let step = step(most);
        Self::Linear((most / step).ceil() * step)
    }

    /// 0 at the low end, 1 at the high one.
    pub(crate) fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear(most) => value / most,
            Self::Logarithmic(low, high) => (value.max(low) / low).ln() / (high / low).ln(),
        }
    }

    /// Where the grid stands.
    pub(crate) fn marks(self) -> Vec<f64> {
        match self {
            Self::Linear(most) => {
                let step = step(most);
                (0..=(most / step).round() as u32).map(|times| f64::from(times) * step).collect()
            }
            Self::Logarithmic(low, high) => {
                let decades = (high / low).log10().round() as i32;
                (0..=decades).map(|decade| low * 10f64.powi(decade)).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten: four to ten of them reach that far.
fn step(most: f64) -> f64 {
    let decade = 10f64.powf(most.log10().floor());
    match most / decade {
        parts if parts < 2.0 => decade / 5.0,
        parts if parts < 5.0 => decade / 2.0,
        _ => decade,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_scale_has_powers_of_ten_around_its_numbers() {
        let scale = Scale::logarithmic([30.0, 4000.0].into_iter());
        assert_eq!(scale.marks(), [10.0, 100.0, 1000.0, 10_000.0]);
        assert!((scale.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_linear_scale_starts_at_nothing() {
        let scale = Scale::linear([30.0, 73.0].into_iter());
        assert_eq!(scale.marks(), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]);
        assert!((scale.place(40.0) - 0.5).abs() < 1e-9);
    }
}
