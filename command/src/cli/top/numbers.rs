//! Numbers, times and small pictures as a person reads them.

use spillway_figures::grouped;

/// A number of things, which are called `one` or `many`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Tokens that so many answers have used: a dash where there was no answer.
pub(super) fn used(tokens: Option<u64>, answered: u64) -> String {
    match tokens {
        Some(tokens) => grouped(tokens),
        None if answered == 0 => "–".to_owned(),
        None => "unknown".to_owned(),
    }
}

/// A share from 0 to 1 in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A part of a whole in percent; nothing of nothing is a dash.
pub(super) fn part(part: u64, whole: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "it is rounded to a percent")]
    if whole == 0 { "–".to_owned() } else { percent(part as f64 / whole as f64) }
}

/// A span as `9 s`, `2 min`, `2 min 5 s`, `1 h 10 min`; never too short.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A time of day, in UTC as logs have it.
pub(super) fn clock(ms: u64) -> String {
    let seconds = ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Counts by time as a row of bars, two slices to a bar.
pub(super) fn bars(counts: &[u64], most: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |pair: &[u64]| {
        let count = pair.iter().copied().max().unwrap_or_default();
        let step = (count * (BARS.len() as u64 - 1)).div_ceil(most.max(1));
        let bar = usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied();
        if count == 0 { '·' } else { bar.unwrap_or('█') }
    };
    counts.chunks(2).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([used(None, 1), used(Some(0), 1), used(None, 0)], ["unknown", "0", "–"]);
        assert_eq!(
            [counted(1, "try", "tries"), counted(1000, "try", "tries")],
            ["1 try", "1,000 tries"]
        );
        assert_eq!((part(1, 3), part(0, 0)), ("33 %".into(), "–".into()));
        assert_eq!(
            [1, 61_000, 300_000, 4_200_000].map(span),
            ["1 s", "1 min 1 s", "5 min", "1 h 10 min"]
        );
        assert_eq!(clock(1_795_165_261_000), "09:01:01");
        assert_eq!(bars(&[0, 0, 1, 0, 50, 100], 100), "·▂█");
    }
}
