//! Numbers and charts as people read them.
//!
//! The command and the benchmarks print the same kinds of numbers and draw the same kinds of charts.
//! They are written in one way, here. A chart is a file of SVG that needs nothing besides: it has its
//! own style, for light and dark pages, and words for those who do not see it.
//!
//! It is written out: a few bars and lines on a scale are less code than a plotting library's setup,
//! and no library's charts follow the reader's light or dark scheme.

mod bars;
mod drawing;
mod lines;
mod numbers;
mod pen;
mod scale;

pub use bars::{Bar, bars};
pub use lines::{Lines, Panel, Series};
pub use numbers::{grouped, rounded};
pub use pen::{Colour, Dash, Pen};
pub use scale::Scale;
