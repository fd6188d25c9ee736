//! `toolgate`: the decision core on the command line, the same code that decides in Envoy.
//!
//! Every command reads files, asks the core and returns a [`Report`]. Only this file prints.

mod check;
mod client;
mod diff;
mod doctor;
mod explain;
mod init;
mod manifest;
mod matrix;
mod mcp;
mod output;
mod records;
mod replay;
mod schema;
mod source;
mod suggest;
mod test;
mod tools;
mod version;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use toolgate_report::{ask, likely, summary};

use output::{Report, Trouble};

/// Checks, explains and tests toolgate's configuration, with the code that decides in Envoy.
#[derive(Parser)]
#[command(name = "toolgate", version = toolgate::version::LINE, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Arguments {
    /// When to colour the output; `NO_COLOR` is respected
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 success; 1 negative result (faults, a refused request, a failed case, a changed decision, drift); \
2 error (an unreadable file, a wrong argument).

To get from a server's tools to a tested policy:
  toolgate init tools.json --resource URL --issuer URL --cases cases.yaml > toolgate.yaml
  toolgate check toolgate.yaml
  toolgate matrix toolgate.yaml --tools tools.json
  toolgate test toolgate.yaml cases.yaml";

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Colour {
    /// If the output is a terminal
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Explain(explain::Explain),
    Doctor(doctor::Doctor),
    Test(test::Test),
    Matrix(matrix::Matrix),
    Replay(replay::Replay),
    Suggest(suggest::Suggest),
    Watch(watch::Watch),
    Init(init::Init),
    Manifest(manifest::Manifest),
    Diff(diff::Diff),
    Schema(schema::Schema),
    Version(version::Version),
    /// Prints a completion script, such as `toolgate completions bash > /etc/bash_completion.d/toolgate`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints a page of the manual, such as `toolgate man check | man -l -`
    Man {
        /// The command; without it, the first page
        command: Option<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.color {
        Colour::Auto => {}
        Colour::Always => anstream::ColorChoice::Always.write_global(),
        Colour::Never => anstream::ColorChoice::Never.write_global(),
    }
    let done = match arguments.command {
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Matrix(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Suggest(command) => command.run(),
        Command::Watch(command) => command.run(&|frame| {
            // What moves the cursor is not a colour, which may be turned off.
            let _ = std::io::stdout().write_all(frame.before.as_bytes());
            let _ = anstream::stdout().write_all(output::printable(&frame.text).as_bytes());
            let _ = std::io::stdout().write_all(frame.after.as_bytes());
            let _ = std::io::stdout().flush();
        }),
        Command::Init(command) => command.run(),
        Command::Manifest(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Schema(command) => Ok(command.run()),
        Command::Version(command) => command.run(),
        Command::Completions { shell } => Ok(completions(shell)),
        Command::Man { command } => manual(command.as_deref()),
    };
    // A reader may close the pipe early. That is not an error.
    match done {
        Ok(report) => {
            let _ = anstream::stdout().write_all(output::printable(&report.text).as_bytes());
            let _ = anstream::stderr().write_all(output::printable(&report.notes).as_bytes());
            ExitCode::from(u8::from(!report.is_well))
        }
        Err(trouble) => {
            let trouble = output::printable(&trouble.to_string());
            let _ = writeln!(anstream::stderr(), "{}: {trouble}", output::bad("error"));
            ExitCode::from(2)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "toolgate", &mut script);
    Report::well(String::from_utf8_lossy(&script).into_owned())
}

fn manual(command: Option<&str>) -> Result<Report, Trouble> {
    let mut all = Arguments::command();
    all.build();
    let page = match command {
        None => Some(&all),
        Some(name) => all.find_subcommand(name),
    };
    let page = page.ok_or_else(|| Trouble(format!("no command `{}`", command.unwrap_or_default())))?;
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut text).map_err(|error| Trouble(error.to_string()))?;
    Ok(Report::well(String::from_utf8_lossy(&text).into_owned()))
}
