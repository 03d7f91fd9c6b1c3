//! Where a number stands between two ends.

use crate::numbers::mark;

/// From numbers to places, with round numbers as marks.
#[derive(Debug, Clone, Copy)]
pub enum Scale {
    /// From nothing to `most`, with a mark at each `step`.
    Linear {
        /// The high end, a multiple of `step`.
        most: f64,
        /// 1, 2 or 5 times a power of ten.
        step: f64,
    },
    /// From `least` to `most`, powers of ten; equal distances multiply equally.
    Logarithmic {
        /// The low end.
        least: f64,
        /// The high end.
        most: f64,
    },
}

impl Scale {
    /// From nothing to the next mark that is no less than all of these, in no more than so many
    /// steps.
    pub fn linear(all: impl IntoIterator<Item = f64>, steps: u32) -> Self {
        let most = all.into_iter().fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most / f64::from(steps.max(1)));
        Self::Linear { most: (most / step).ceil() * step, step }
    }

    /// In powers of ten around these numbers. What is less than a thousandth stands at the low end.
    pub fn logarithmic(all: impl IntoIterator<Item = f64>) -> Self {
        let (least, most) = all
            .into_iter()
            .fold((f64::MAX, 0.0), |(least, most), it| (it.min(least), it.max(most)));
        let least = if least > most { 1.0 } else { least.max(1e-3) };
        let (low, high) = (least.log10().floor(), most.max(least).log10().ceil());
        Self::Logarithmic { least: 10f64.powf(low), most: 10f64.powf(high.max(low + 1.0)) }
    }

    /// 0 at the low end, 1 at the high one.
    pub(crate) fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear { most, .. } => value / most,
            Self::Logarithmic { least, most } => {
                (value.max(least) / least).ln() / (most / least).ln()
            }
        }
    }

    /// Where the grid stands, and what is written there.
    pub(crate) fn marks(self) -> Vec<(f64, String)> {
        let values: Vec<f64> = match self {
            Self::Linear { most, step } => {
                (0..=(most / step).round() as u32).map(|times| f64::from(times) * step).collect()
            }
            Self::Logarithmic { least, most } => {
                let decades = (most / least).log10().round() as i32;
                (0..=decades).map(|decade| least * 10f64.powi(decade)).collect()
            }
        };
        values.into_iter().map(|value| (self.place(value), mark(value))).collect()
    }

    /// What stands at the scale: the unit, and what a reader must know of the distances.
    pub(crate) fn named(self, unit: &str) -> String {
        match self {
            Self::Linear { .. } => unit.to_owned(),
            Self::Logarithmic { .. } => format!("{unit}, logarithmic scale"),
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not less.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * decade);
    steps.into_iter().find(|step| *step >= least).unwrap_or(10.0 * decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(scale: Scale) -> Vec<String> {
        scale.marks().into_iter().map(|(_, mark)| mark).collect()
    }

    #[test]
    fn a_logarithmic_scale_has_powers_of_ten_around_its_numbers() {
        let scale = Scale::logarithmic([30.0, 4000.0]);
        assert_eq!(marks(scale), ["10", "100", "1,000", "10,000"]);
        assert!((scale.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(marks(Scale::logarithmic([100.0])), ["100", "1,000"]);
        assert_eq!(marks(Scale::logarithmic([0.0])), ["0.001", "0.01"]);
        assert_eq!(marks(Scale::logarithmic([])), ["1", "10"]);
    }

    #[test]
    fn a_linear_scale_starts_at_nothing_and_ends_at_a_mark() {
        let scale = Scale::linear([30.0, 73.0], 10);
        assert_eq!(marks(scale), ["0", "10", "20", "30", "40", "50", "60", "70", "80"]);
        assert!((scale.place(40.0) - 0.5).abs() < 1e-9);
        assert_eq!(marks(Scale::linear([100.4], 5)), ["0", "50", "100", "150"]);
        assert_eq!(marks(Scale::linear([], 5)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(marks(Scale::linear([1e6], 2)), ["0", "500,000", "1,000,000"]);
    }

    #[test]
    fn steps_are_round_numbers() {
        let steps = [0.01, 0.3, 1.0, 3.0, 24.0, 70.0].map(round_step);
        assert_eq!(steps, [0.01, 0.5, 1.0, 5.0, 50.0, 100.0]);
    }
}
