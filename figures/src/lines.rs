//! Lines over one axis: in one panel, or in several below each other where their units differ.

use crate::drawing::{Anchor, Drawing, Point, WIDTH};
use crate::pen::Pen;
use crate::scale::Scale;

/// A chart of lines.
#[derive(Debug)]
pub struct Lines {
    /// Its headline.
    pub title: String,
    /// What is to be seen, for those who do not see it.
    pub words: String,
    /// What there is a line of in each panel.
    pub series: Vec<Series>,
    /// Places on the axis below, and what is written there. 0 is its left end, 1 its right end.
    pub axis: Vec<(f64, String)>,
    /// From the top to the bottom.
    pub panels: Vec<Panel>,
}

/// What lines are of.
#[derive(Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// What its lines are drawn with.
    pub pen: Pen,
}

/// Lines on one scale.
#[derive(Debug)]
pub struct Panel {
    /// What its numbers are.
    pub unit: String,
    /// Where they stand.
    pub scale: Scale,
    /// A line for each of the series: places on the axis, and values.
    pub lines: Vec<Vec<(f64, f64)>>,
}

impl Lines {
    /// The whole file.
    pub fn svg(&self) -> String {
        let legend = Legend::of(&self.series);
        let height = if self.panels.len() == 1 { TALL } else { LOW };
        let first = LEGEND + legend.height();
        let top = |number: usize| first + number as f64 * (NAME + height + GAP);
        let bottom = top(self.panels.len()) - GAP;
        let mut drawing = Drawing::new(&self.title, bottom + 20.0);
        legend.draw(&mut drawing);
        for (number, panel) in self.panels.iter().enumerate() {
            panel.draw(&mut drawing, &self.series, top(number), height);
        }
        for (place, text) in &self.axis {
            drawing.text((across(*place), bottom + 18.0), Anchor::Middle, "soft", text);
        }
        drawing.svg(&self.words)
    }
}

impl Panel {
    fn draw(&self, drawing: &mut Drawing, series: &[Series], top: f64, height: f64) {
        let bottom = top + NAME + height;
        drawing.text((0.0, top + 12.0), Anchor::Start, "soft", &self.scale.named(&self.unit));
        for (place, mark) in self.scale.marks() {
            let y = bottom - place * height;
            drawing.line([(LEFT, y), (RIGHT, y)], "grid");
            drawing.text((LEFT - 8.0, y + 4.5), Anchor::End, "soft", &mark);
        }
        for (line, Series { pen, .. }) in self.lines.iter().zip(series) {
            let point = |(place, value): &(f64, f64)| -> Point {
                (across(*place), bottom - self.scale.place(*value) * height)
            };
            drawing.line(line.iter().map(point), &pen.classes());
            if line.len() <= FEW {
                line.iter().map(point).for_each(|point| drawing.dot(point, pen.colour.class()));
            }
        }
    }
}

/// Which pen is whose: in columns, as many as the longest name leaves room for.
struct Legend<'a> {
    series: &'a [Series],
    columns: usize,
}

impl<'a> Legend<'a> {
    fn of(series: &'a [Series]) -> Self {
        let longest = series.iter().map(|one| one.name.chars().count()).max().unwrap_or_default();
        let width = SAMPLE + 32.0 + LETTER * longest as f64;
        let most = ((WIDTH / width) as usize).max(1);
        // As few rows as that needs, all equally full.
        let rows = series.len().div_ceil(most).max(1);
        Self { series, columns: series.len().div_ceil(rows).max(1) }
    }

    fn height(&self) -> f64 {
        self.series.len().div_ceil(self.columns) as f64 * ROW
    }

    fn draw(&self, drawing: &mut Drawing) {
        let width = WIDTH / self.columns as f64;
        for (number, Series { name, pen }) in self.series.iter().enumerate() {
            let x = (number % self.columns) as f64 * width;
            let y = LEGEND + (number / self.columns) as f64 * ROW;
            drawing.line([(x, y), (x + SAMPLE, y)], &pen.classes());
            drawing.text((x + SAMPLE + 8.0, y + 4.5), Anchor::Start, "name", name);
        }
    }
}

fn across(place: f64) -> f64 {
    LEFT + place * (RIGHT - LEFT)
}

/// Room for the marks of the scale.
const LEFT: f64 = 64.0;
/// Half of what is written at the right end of the axis stands beyond it.
const RIGHT: f64 = WIDTH - 12.0;
/// The middle of the legend's first row.
const LEGEND: f64 = 44.0;
const ROW: f64 = 20.0;
/// How long a line in the legend is.
const SAMPLE: f64 = 34.0;
/// How wide a letter is; few are wider.
const LETTER: f64 = 7.5;
/// Of a panel's name above it.
const NAME: f64 = 26.0;
const TALL: f64 = 260.0;
const LOW: f64 = 112.0;
const GAP: f64 = 20.0;
/// Lines of more points have no dots.
const FEW: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(names: &[&str], panels: usize, points: usize) -> String {
        let series = |(number, name): (usize, &&str)| Series {
            name: (*name).to_owned(),
            pen: Pen::of(number),
        };
        let line: Vec<_> = (0..points).map(|at| (at as f64 / points as f64, at as f64)).collect();
        let panel = |number| Panel {
            unit: format!("unit {number}"),
            scale: Scale::linear([points as f64], 5),
            lines: vec![line.clone(); names.len()],
        };
        Lines {
            title: "Title".to_owned(),
            words: "Words".to_owned(),
            series: names.iter().enumerate().map(series).collect(),
            axis: vec![(0.0, "left".to_owned()), (1.0, "right".to_owned())],
            panels: (0..panels).map(panel).collect(),
        }
        .svg()
    }

    #[test]
    fn each_panel_has_a_line_of_each_series_and_the_legend_names_them() {
        let svg = chart(&["a", "b < c"], 3, 60);
        assert_eq!(svg.matches("class=\"blue line\"").count(), 4, "{svg}");
        assert_eq!(svg.matches("class=\"amber line dashed\"").count(), 4, "{svg}");
        let texts = ["aria-label=\"Words\"", ">unit 0<", ">unit 2<", ">b &lt; c<", ">right<"];
        assert!(texts.iter().all(|text| svg.contains(text)), "{svg}");
        assert!(!svg.contains("<circle"), "no dots where there are many points");
        assert_eq!(chart(&["a", "b"], 1, 4).matches("<circle").count(), 8);
        // One with nothing in it is a file too.
        assert!(chart(&[], 0, 0).ends_with("</svg>\n"));
    }

    #[test]
    fn long_names_stand_in_fewer_columns() {
        let columns = |letters: usize| {
            let names = [(); 4].map(|()| Series { name: "x".repeat(letters), pen: Pen::of(0) });
            Legend::of(&names).columns
        };
        // Three and one would fit too, where there are two and two.
        assert_eq!([12, 20, 28, 200].map(columns), [4, 2, 2, 1]);
    }
}
