//! A bar for each gateway, on a logarithmic scale: they differ by factors of a hundred.

use std::fmt::Write;

use super::{Drawing, Scale, WIDTH, class, number};

/// The bars, in the order given.
pub(crate) fn bars(title: &str, unit: &str, all: &[(String, f64)]) -> String {
    let scale = Scale::logarithmic(all.iter().map(|(_, value)| *value));
    let bottom = TOP + all.len() as f64 * ROW;
    let mut drawing = Drawing::new(title, &format!("{unit}, logarithmic scale"), bottom + 24.0);
    for mark in scale.marks() {
        let x = LEFT + scale.place(mark) * (RIGHT - LEFT);
        drawing.line((x, TOP - 6.0), (x, bottom), "grid");
        drawing.text(x, bottom + 18.0, "middle", "quiet", &short(mark));
    }
    for (place, (name, value)) in all.iter().enumerate() {
        let y = TOP + place as f64 * ROW;
        let wide = (scale.place(*value) * (RIGHT - LEFT)).max(1.0);
        drawing.text(LEFT - 10.0, y + ROW * 0.62, "end", "", name);
        _ = writeln!(
            drawing.shapes,
            r#"<rect x="{LEFT:.1}" y="{:.1}" width="{wide:.1}" height="{:.1}" class="{}"/>"#,
            y + 4.0,
            ROW - 10.0,
            class(name)
        );
        drawing.text(LEFT + wide + 8.0, y + ROW * 0.62, "start", "", &number(*value));
    }
    let words = all.iter().map(|(name, value)| format!("{name} {}", number(*value)));
    drawing.svg(&format!("{title}, {unit}: {}", words.collect::<Vec<_>>().join(", ")))
}

fn short(mark: f64) -> String {
    if mark < 10.0 { mark.to_string() } else { number(mark).trim_end_matches(".0").to_owned() }
}

const LEFT: f64 = 170.0;
/// A value of seven digits has its place right of the longest bar.
const RIGHT: f64 = WIDTH - 80.0;
const TOP: f64 = 60.0;
const ROW: f64 = 30.0;
