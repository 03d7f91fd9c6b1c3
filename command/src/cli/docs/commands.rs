//! The reference of the command, from its own help texts.

use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// The text of `docs/cli.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(
        "# The command\n\n<!-- Printed by `spillway docs` from the command's own help. -->\n",
    );
    let mut command = Cli::command();
    command.build();
    add(&mut text, &command, "spillway");
    text
}

fn add(text: &mut String, command: &Command, name: &str) {
    let help = command.clone().render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n")));
    let visible = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(visible) {
        add(text, sub, &format!("{name} {}", sub.get_name()));
    }
}
