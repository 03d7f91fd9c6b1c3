//! Charts as SVG, written out: a few bars and lines on a scale are less code than a plotting
//! library's setup, and none of these follows the reader's light or dark scheme.

mod bars;
mod lines;
mod scale;

use std::fmt::Write;

pub(crate) use bars::bars;
pub(crate) use lines::{Line, lines};
pub(crate) use scale::Scale;

use crate::gateways::{BARE, SPILLWAY};

/// A drawing with a title and a line below it, as wide as a page's column.
struct Drawing {
    height: f64,
    shapes: String,
}

impl Drawing {
    fn new(title: &str, subtitle: &str, height: f64) -> Self {
        let mut drawing = Self { height, shapes: String::new() };
        drawing.text(0.0, 18.0, "start", "title", title);
        drawing.text(0.0, 38.0, "start", "quiet", subtitle);
        drawing
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        _ = writeln!(
            self.shapes,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{}</text>"#,
            escaped(text)
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        _ = writeln!(
            self.shapes,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" class="{class}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    /// The whole file. `words` say what is to be seen for those who do not see it.
    fn svg(&self, words: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-16 -8 {} {}\" width=\"{}\" \
             height=\"{}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n{}</svg>\n",
            WIDTH + 32.0,
            self.height + 16.0,
            WIDTH + 32.0,
            self.height + 16.0,
            escaped(words),
            self.shapes
        )
    }
}

/// The colour of a gateway: the two that matter have their own.
fn class(name: &str) -> &'static str {
    if name.starts_with(SPILLWAY) {
        "ours"
    } else if name.starts_with(BARE) {
        "bare"
    } else {
        "peer"
    }
}

/// Three digits that mean something, with separated thousands.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

const WIDTH: f64 = 760.0;

const STYLE: &str = "
text { font: 13px -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #59636e }
.grid { stroke: #d1d9e0 }
.ours { fill: #0969da; stroke: #0969da }
.bare { fill: #818b98; stroke: #818b98 }
.peer { fill: #d8a657; stroke: #d8a657 }
.line { fill: none; stroke-width: 2.5 }
.dashed { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .ours { fill: #4493f8; stroke: #4493f8 }
  .bare { fill: #9198a1; stroke: #9198a1 }
  .peer { fill: #bb8a3c; stroke: #bb8a3c }
  .line { fill: none }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        let all = [1.234, 45.67, 999.6, 1234.0, 1_234_567.0].map(number);
        assert_eq!(all, ["1.23", "45.7", "1,000", "1,234", "1,234,567"]);
    }

    #[test]
    fn what_is_written_in_a_chart_does_not_end_it() {
        let svg = Drawing::new("a < b", "", 10.0).svg("\"quoted\"");
        assert!(svg.contains("a &lt; b") && svg.contains("&quot;quoted&quot;"), "{svg}");
    }
}
