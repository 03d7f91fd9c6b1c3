//! Shapes and texts as SVG, with the one style that all charts have.

use std::fmt::Write;

/// A drawing as wide as a page's column, with a title at its top.
pub(crate) struct Drawing {
    height: f64,
    title: String,
    shapes: String,
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    pub(crate) fn new(title: &str, height: f64) -> Self {
        let mut drawing = Self { height, title: title.to_owned(), shapes: String::new() };
        drawing.text((0.0, 18.0), Anchor::Start, "title", title);
        drawing
    }

    pub(crate) fn text(&mut self, (x, y): Point, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.shape(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    pub(crate) fn bar(&mut self, (x, y): Point, width: f64, height: f64, class: &str) {
        self.shape(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" class="{class}"/>"#
        ));
    }

    pub(crate) fn line(&mut self, points: impl IntoIterator<Item = Point>, class: &str) {
        let points: Vec<String> =
            points.into_iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.shape(format_args!(r#"<polyline points="{points}" class="{class}"/>"#));
    }

    pub(crate) fn dot(&mut self, (x, y): Point, class: &str) {
        self.shape(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" class="{class}"/>"#));
    }

    fn shape(&mut self, shape: std::fmt::Arguments<'_>) {
        _ = writeln!(self.shapes, "{shape}");
    }

    /// The whole file. `words` say what is to be seen for those who do not see it.
    pub(crate) fn svg(&self, words: &str) -> String {
        let (width, height) = (WIDTH + 2.0 * MARGIN, self.height + 2.0 * MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-{MARGIN} -{MARGIN} {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n\
             <rect x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{width}\" height=\"{height}\" class=\"paper\"/>\n\
             {}</svg>\n",
            escaped(words),
            escaped(&self.title),
            self.shapes
        )
    }
}

/// From the left, and from the top.
pub(crate) type Point = (f64, f64);

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

pub(crate) const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;

/// The paper is drawn too: a page may be dark where the reader's scheme is light.
const STYLE: &str = "
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --soft: #59636e; --faint: #d1d9e0;
  --blue: #0969da; --amber: #d08700; --green: #1f8a5f; --violet: #a657a8; --grey: #818b98 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --faint: #3d444d;
    --blue: #4493f8; --amber: #d29922; --green: #3fb68b; --violet: #c884ca; --grey: #9198a1 }
}
text { font: 13px system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif; fill: var(--ink) }
.paper { fill: var(--paper) }
.title { font-size: 16px; font-weight: 600 }
.soft { fill: var(--soft) }
.grid { stroke: var(--faint) }
.blue { fill: var(--blue); stroke: var(--blue) }
.amber { fill: var(--amber); stroke: var(--amber) }
.green { fill: var(--green); stroke: var(--green) }
.violet { fill: var(--violet); stroke: var(--violet) }
.grey { fill: var(--grey); stroke: var(--grey) }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.dashed { stroke-dasharray: 7 3 }
.dotted { stroke-dasharray: 2 3 }
.dash-dotted { stroke-dasharray: 10 3 2 3 }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_a_chart_does_not_end_it() {
        let svg = Drawing::new("a < b & c", 10.0).svg("\"quoted\"");
        assert_eq!(svg.matches("a &lt; b &amp; c</t").count(), 2, "{svg}");
        assert!(svg.contains("aria-label=\"&quot;quoted&quot;\""), "{svg}");
    }
}
