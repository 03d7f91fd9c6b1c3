//! A page of the documentation as what it says: files to write and commands to run.
//!
//! A file stands in a block behind `<!-- file: NAME -->`. A command is a line with `$ ` in a `console`
//! block, and the lines behind it are what it prints, with `...` for what is left out. A block
//! behind `<!-- background -->` starts what goes on running.

use std::fs;

/// What a page has its reader do, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To write a file.
    File {
        /// Its name.
        name: String,
        /// What stands in it.
        text: String,
    },
    /// To run a command.
    Run {
        /// The command, for a shell.
        command: String,
        /// What it prints.
        prints: String,
    },
    /// To start something that goes on.
    Start {
        /// The command, for a shell.
        command: String,
    },
}

/// The steps of a page below `docs`.
pub fn steps(page: &str) -> Vec<Step> {
    let path = crate::find::workspace().join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut steps = Vec::new();
    let mut lines = text.lines();
    let mut mark = String::new();
    while let Some(line) = lines.next() {
        if let Some(block) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (block, mark.strip_prefix("<!-- file: ")) {
                (_, Some(name)) => steps.push(Step::File {
                    name: name.trim_end_matches(" -->").to_owned(),
                    text: inside.join("\n") + "\n",
                }),
                ("console", None) => commands(&inside, mark == "<!-- background -->", &mut steps),
                _ => {}
            }
        }
        mark = line.to_owned();
    }
    steps
}

fn commands(lines: &[&str], background: bool, steps: &mut Vec<Step>) {
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) if background => {
                steps.push(Step::Start { command: command.to_owned() });
            }
            (Some(command), _) => {
                steps.push(Step::Run { command: command.to_owned(), prints: String::new() });
            }
            (None, Some(Step::Run { prints, .. })) => {
                prints.push_str(line);
                prints.push('\n');
            }
            (None, _) => {}
        }
    }
}

/// Whether a command printed what a page says, with `...` for anything.
pub fn prints(page: &str, printed: &str) -> bool {
    let mut rest = printed;
    page.split("...").map(|part| part.trim_matches('\n')).all(|part| {
        let found = rest.find(part);
        found.is_some_and(|at| {
            rest = &rest[at + part.len()..];
            true
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_may_be_anything() {
        assert!(prints("a\n...\nc\n", "a\nb\nc\n"));
        assert!(prints("a:...: c", "a:1:2: c"));
        assert!(!prints("a\n...\nd\n", "a\nb\nc\n"));
        assert!(!prints("c\n...\na\n", "a\nb\nc\n"));
    }
}
