//! Medians, ranges, and numbers as people read them.

/// What several repetitions of one figure gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// Smallest of the samples.
    pub(crate) low: f64,
    /// The one in the middle; of an even number, the mean of the two in the middle.
    pub(crate) median: f64,
    /// Largest of the samples.
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of some values; `None` if there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { low, median, high })
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark stay far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

const _: () = assert!(usize::BITS == 64, "`wide` and `size` lose nothing on 64-bit platforms");

/// A size as a number of the same width.
pub(crate) fn wide(size: usize) -> u64 {
    size as u64
}

/// The reverse of [`wide`].
#[expect(clippy::cast_possible_truncation, reason = "the width is asserted above")]
pub(crate) fn size(number: u64) -> usize {
    number as usize
}

/// A figure with three significant digits, or all digits before the point, with thin groups:
/// `46,900`, `12.3`, `0.213`.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size == 0.0 || size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    if size >= 1000.0 { grouped(&plain) } else { plain }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_even_and_none() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { low: 1.0, median: 2.0, high: 3.0 });
        assert!((Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median - 2.5).abs() < 1e-9);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn figures_keep_three_digits() {
        for (value, text) in [
            (46_912.4, "46,912"),
            (1_234_567.0, "1,234,567"),
            (-1000.0, "-1,000"),
            (123.4, "123"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.2134, "0.213"),
            (0.0, "0"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
