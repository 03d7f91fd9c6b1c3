//! What a number does to another: a line for each gateway.

use std::fmt::Write;

use super::{Drawing, Scale, WIDTH, class, number};

/// One line.
pub(crate) struct Line {
    /// Its gateway, and what it does where that has two lines.
    pub(crate) name: String,
    /// The second of a gateway's lines is dashed.
    pub(crate) dashed: bool,
    /// Its points: the place on the axis below, and the value.
    pub(crate) points: Vec<(usize, f64)>,
}

/// The lines over these places.
pub(crate) fn lines(
    title: &str,
    unit: &str,
    scale: Scale,
    places: &[String],
    all: &[Line],
) -> String {
    let legend = TOP - 18.0 + all.len().div_ceil(2) as f64 * LEGEND;
    let bottom = legend + 18.0 + HEIGHT;
    let drawn = match scale {
        Scale::Linear(_) => unit.to_owned(),
        Scale::Logarithmic(..) => format!("{unit}, logarithmic scale"),
    };
    let mut drawing = Drawing::new(title, &drawn, bottom + 24.0);
    for mark in scale.marks() {
        let y = bottom - scale.place(mark) * HEIGHT;
        drawing.line((LEFT, y), (RIGHT, y), "grid");
        let text = if mark < 1000.0 { mark.to_string() } else { number(mark) };
        drawing.text(LEFT - 8.0, y + 4.0, "end", "quiet", &text);
    }
    let across = (RIGHT - LEFT - 2.0 * MARGIN) / (places.len().max(2) - 1) as f64;
    let x = |place: usize| LEFT + MARGIN + place as f64 * across;
    for (place, text) in places.iter().enumerate() {
        drawing.text(x(place), bottom + 20.0, "middle", "quiet", text);
    }
    for (number, line) in all.iter().enumerate() {
        let class = class(&line.name);
        let dashed = if line.dashed { " dashed" } else { "" };
        let points = line.points.iter().map(|(place, value)| {
            format!("{:.1},{:.1}", x(*place), bottom - scale.place(*value) * HEIGHT)
        });
        let points: Vec<String> = points.collect();
        _ = writeln!(
            drawing.shapes,
            r#"<polyline points="{}" class="{class} line{dashed}"/>"#,
            points.join(" ")
        );
        for point in &points {
            let (x, y) = point.split_once(',').unwrap_or_default();
            _ = writeln!(drawing.shapes, r#"<circle cx="{x}" cy="{y}" r="4" class="{class}"/>"#);
        }
        let (left, y) = ((number % 2) as f64 * WIDTH / 2.0, TOP + (number / 2) as f64 * LEGEND);
        drawing.line((left, y - 5.0), (left + 34.0, y - 5.0), &format!("{class} line{dashed}"));
        drawing.text(left + 42.0, y, "start", "", &line.name);
    }
    let words = all.iter().map(|line| {
        let values = line.points.iter().map(|(_, value)| number(*value)).collect::<Vec<_>>();
        format!("{} {}", line.name, values.join(", "))
    });
    let words = words.collect::<Vec<_>>().join("; ");
    drawing.svg(&format!("{title}, {unit}, for {}: {words}", places.join(", ")))
}

const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH;
const MARGIN: f64 = 40.0;
const TOP: f64 = 62.0;
const LEGEND: f64 = 20.0;
const HEIGHT: f64 = 260.0;
