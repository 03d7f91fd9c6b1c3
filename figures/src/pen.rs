//! How what is drawn is told apart.

/// What something is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pen {
    /// Its colour.
    pub colour: Colour,
    /// How its lines are dashed. With a pen of its own each, lines can be told apart without colour.
    pub dash: Dash,
}

/// A colour, of which light and dark pages have one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Blue.
    Blue,
    /// Amber.
    Amber,
    /// Green.
    Green,
    /// Violet.
    Violet,
    /// Grey.
    Grey,
}

/// How a line is dashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// In long dashes.
    Dashed,
    /// In dots.
    Dotted,
    /// In long dashes with a dot between them.
    DashDotted,
}

impl Pen {
    /// The pens in their order; the fifth is the first again.
    pub fn of(number: usize) -> Self {
        let (colour, dash) = match number % 4 {
            0 => (Colour::Blue, Dash::Solid),
            1 => (Colour::Amber, Dash::Dashed),
            2 => (Colour::Green, Dash::Dotted),
            _ => (Colour::Violet, Dash::DashDotted),
        };
        Self { colour, dash }
    }

    /// The classes of a line.
    pub(crate) fn classes(self) -> String {
        let dash = match self.dash {
            Dash::Solid => "",
            Dash::Dashed => " dashed",
            Dash::Dotted => " dotted",
            Dash::DashDotted => " dash-dotted",
        };
        format!("{} line{dash}", self.colour.class())
    }
}

impl Colour {
    /// The class of a shape that is filled.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Violet => "violet",
            Self::Grey => "grey",
        }
    }
}
