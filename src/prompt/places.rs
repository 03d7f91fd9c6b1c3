//! Where the body of an operation names models.
//!
//! A place is written as a dotted path: `session.model`. `[]` means each element of an array, and `*`
//! each property of an object: `tools[].model`. In a form the first name is that of a part; what follows
//! is looked for in the part's value, read as JSON.

/// Where the body of an operation names models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The place that names the model of the request.
    pub model: &'static str,
    /// Places that name further models.
    pub others: &'static [&'static str],
}

impl Places {
    /// The model stands in `model`, and nowhere else.
    pub const MODEL: Self = Self { model: "model", others: &[] };

    /// The ways to all of them, from the outermost object on.
    pub(super) fn ways(&self) -> Vec<Way> {
        let others = self.others.iter().map(|path| Way { rest: path, is_model: false });
        [Way { rest: self.model, is_model: true }].into_iter().chain(others).collect()
    }
}

/// What is left of the way to a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// The path from here on. Empty: this is the place.
    pub(super) rest: &'static str,
    /// Whether it leads to the model of the request.
    pub(super) is_model: bool,
}

/// One step of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To the property of this name.
    Name(&'static str),
    /// To each property.
    AnyName,
    /// To each element.
    Each,
}

impl Way {
    /// Whether this is the place.
    pub(super) const fn has_ended(self) -> bool {
        self.rest.is_empty()
    }

    /// The next step, and the way after it.
    pub(super) fn step(self) -> (Step, Self) {
        let after = |rest: &'static str| Self { rest: rest.trim_start_matches('.'), ..self };
        if let Some(rest) = self.rest.strip_prefix("[]") {
            return (Step::Each, after(rest));
        }
        let end = self.rest.find(['.', '[']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        (if name == "*" { Step::AnyName } else { Step::Name(name) }, after(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_path_is_walked_step_by_step() {
        let steps = |path| {
            let (mut way, mut steps) = (Way { rest: path, is_model: true }, Vec::new());
            while !way.has_ended() {
                let (step, next) = way.step();
                steps.push(step);
                way = next;
            }
            steps
        };
        assert_eq!(steps("model"), [Step::Name("model")]);
        assert_eq!(steps("a.b"), [Step::Name("a"), Step::Name("b")]);
        assert_eq!(steps("tools[].model"), [Step::Name("tools"), Step::Each, Step::Name("model")]);
        assert_eq!(steps("x.*[]"), [Step::Name("x"), Step::AnyName, Step::Each]);
    }
}
