//! Quantities formatted for people: short, and with a unit.

/// A size in powers of 1024, with two to three digits: `0 B`, `1.5 KiB`, `12 MiB`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn bytes(amount: u64) -> String {
    scaled(amount as f64)
}

/// Bytes per second; a dash if the rate is unknown.
pub(crate) fn rate(per_second: Option<f64>) -> String {
    match per_second {
        Some(rate) if rate >= 0.5 => format!("{}/s", scaled(rate)),
        Some(_) => "0 B/s".to_owned(),
        None => "-".to_owned(),
    }
}

fn scaled(mut amount: f64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    // From here on, rounding would print 1024 instead of 1.0 of the next unit.
    const LARGEST: f64 = 1023.5;
    if amount < LARGEST {
        return format!("{amount:.0} B");
    }
    let mut unit = "B";
    for next in UNITS {
        if amount < LARGEST {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    if amount < 9.95 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// A duration of `amount` seconds in its two largest units, or in one below a minute: `2h05m`,
/// `45s`, `0.9ms`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative and huge values saturate"
)]
pub(crate) fn seconds(amount: f64) -> String {
    let micros = amount * 1e6;
    if micros < 1.0 {
        return "0s".to_owned();
    }
    if micros < 999.5 {
        return format!("{micros:.0}us");
    }
    let millis = micros / 1e3;
    if millis < 9.95 {
        return format!("{millis:.1}ms");
    }
    if millis < 999.5 {
        return format!("{millis:.0}ms");
    }
    match amount.round() as u64 {
        whole @ ..60 => format!("{whole}s"),
        whole @ 60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        whole @ 3600..86_400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        whole => format!("{}d{:02}h", whole / 86_400, whole % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_two_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_189, "10 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (12 << 20, "12 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (amount, expected) in cases {
            assert_eq!(bytes(amount), expected, "{amount}");
        }
    }

    #[test]
    fn rates_are_per_second() {
        let cases =
            [(None, "-"), (Some(0.2), "0 B/s"), (Some(0.6), "1 B/s"), (Some(2048.0), "2.0 KiB/s")];
        for (amount, expected) in cases {
            assert_eq!(rate(amount), expected, "{amount:?}");
        }
    }

    #[test]
    fn durations_keep_their_largest_units() {
        let cases = [
            (0.0, "0s"),
            (-1.0, "0s"),
            (0.000_022, "22us"),
            (0.000_999_7, "1.0ms"),
            (0.0123, "12ms"),
            (0.9994, "999ms"),
            (0.9996, "1s"),
            (59.4, "59s"),
            (59.5, "1m00s"),
            (185.0, "3m05s"),
            (7500.0, "2h05m"),
            (273_600.0, "3d04h"),
        ];
        for (amount, expected) in cases {
            assert_eq!(seconds(amount), expected, "{amount}");
        }
    }
}
