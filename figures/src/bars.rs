//! Bars below each other, each with its name and its number.

use crate::drawing::{Anchor, Drawing, WIDTH};
use crate::numbers::rounded;
use crate::pen::Colour;
use crate::scale::Scale;

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Its number.
    pub value: f64,
    /// Its colour.
    pub colour: Colour,
}

/// A chart of these bars, in their order.
pub fn bars(title: &str, unit: &str, scale: Scale, all: &[Bar]) -> String {
    let bottom = TOP + all.len() as f64 * ROW;
    let mut drawing = Drawing::new(title, bottom + 20.0);
    drawing.text((0.0, 38.0), Anchor::Start, "soft", &scale.named(unit));
    for (place, mark) in scale.marks() {
        let x = LEFT + place * (RIGHT - LEFT);
        drawing.line([(x, TOP - 6.0), (x, bottom)], "grid");
        drawing.text((x, bottom + 18.0), Anchor::Middle, "soft", &mark);
    }
    for (row, bar) in all.iter().enumerate() {
        let y = TOP + row as f64 * ROW;
        let width = (scale.place(bar.value) * (RIGHT - LEFT)).max(1.0);
        drawing.text((LEFT - 10.0, y + ROW * 0.62), Anchor::End, "name", &bar.name);
        drawing.bar((LEFT, y + 4.0), width, ROW - 10.0, bar.colour.class());
        let at = (LEFT + width + 8.0, y + ROW * 0.62);
        drawing.text(at, Anchor::Start, "number", &rounded(bar.value));
    }
    let words: Vec<String> =
        all.iter().map(|bar| format!("{} {}", bar.name, rounded(bar.value))).collect();
    drawing.svg(&format!("{title}, {unit}: {}", words.join(", ")))
}

const LEFT: f64 = 170.0;
/// A value of seven digits has its place right of the longest bar.
const RIGHT: f64 = WIDTH - 80.0;
const TOP: f64 = 60.0;
const ROW: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bar_has_its_name_and_its_number() {
        let bar = |name: &str, value| Bar { name: name.to_owned(), value, colour: Colour::Blue };
        let all = [bar("a & b", 10.0), bar("c", 1000.0)];
        let svg = bars("Time", "ms", Scale::logarithmic([10.0, 1000.0]), &all);
        let label = "aria-label=\"Time, ms: a &amp; b 10.0, c 1,000\"";
        for wanted in [label, ">Time</title>", ">ms, logarithmic scale<", ">a &amp; b<", ">1,000<"]
        {
            assert!(svg.contains(wanted), "{wanted} in {svg}");
        }
        // The least is still seen.
        assert!(svg.contains("width=\"1.0\"") && svg.contains("width=\"510.0\""), "{svg}");
    }
}
