//! `toolgate watch`: who is denied what, and why, while it happens.

mod screen;
mod sink;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clap::Args;
use toolgate::config::Config;

use crate::output::{Report, Trouble, bad, columns, counted, doubtful, heading, visible};
use crate::records::Record;
use crate::source::ConfigArgument;
use crate::suggest::suggest;
pub use screen::Frame;
use screen::Screen;

/// How long the table may be behind. A person reads no faster.
const REFRESH: Duration = Duration::from_millis(500);
/// Rows of the table: as many as fit a large screen.
const MOST_ROWS: usize = 40;
/// Different rows that are counted. Clients choose the names in records.
const MOST_KEPT: usize = 10_000;
/// Records that are kept to suggest rules from.
const MOST_RECORDS: usize = 10_000;

/// Shows who is denied what, and why, in a table that it updates
#[derive(Args)]
#[command(after_help = "\
On a terminal the table is redrawn in place as records arrive. Elsewhere each denial is printed as a line when it arrives, \
and the table at the end of the input; with --once, only the table.

Examples:
  kubectl logs -f deploy/gateway | toolgate watch -
  toolgate watch /var/log/envoy.log
  toolgate watch --listen 127.0.0.1:9000 --config toolgate.yaml")]
pub struct Watch {
    /// A log with `toolgate.audit` lines, which is followed; `-` for standard input
    #[arg(required_unless_present = "listen", conflicts_with = "listen")]
    log: Option<PathBuf>,
    /// Be the endpoint of `audit.sink`, on a loopback address
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A configuration: also show the change of its policy that would allow the denied calls
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read what is there, and end
    #[arg(long)]
    once: bool,
}

/// The counts of equal denials.
#[derive(Default)]
struct Table {
    rows: BTreeMap<[String; 4], usize>,
    records: usize,
    denied: Vec<Record>,
}

impl Watch {
    pub fn run(self, show: &dyn Fn(&Frame)) -> Result<Report, Trouble> {
        let config = self.config.clone().map(|config| ConfigArgument { config, plugin: None }.load()).transpose()?;
        let lines = self.lines()?;
        let mut table = Table::default();
        if self.once {
            lines.iter().for_each(|line| _ = table.take(&line));
        } else if std::io::stdout().is_terminal() {
            let mut screen = Screen::default();
            table.drawn(&lines, |table| show(&screen.draw(&table.words(config.as_ref()))));
            show(&screen.erase());
        } else {
            for line in lines {
                if let Some(denied) = table.take(&line) {
                    show(&Frame { before: String::new(), text: denied, after: "" });
                }
            }
        }
        Ok(Report::well(table.words(config.as_ref())))
    }

    /// The lines as they come, from another thread.
    fn lines(&self) -> Result<Receiver<String>, Trouble> {
        let (sender, receiver) = channel();
        if let Some(address) = self.listen {
            sink::listen(address, sender)?;
            return Ok(receiver);
        }
        let path = self.log.clone().unwrap_or_default();
        if path.as_os_str() == "-" {
            std::thread::spawn(move || follow(&mut BufReader::new(std::io::stdin()), &sender, false));
            return Ok(receiver);
        }
        let file = File::open(&path).map_err(|error| Trouble(format!("{}: {error}", path.display())))?;
        let goes_on = !self.once;
        std::thread::spawn(move || follow(&mut BufReader::new(file), &sender, goes_on));
        Ok(receiver)
    }
}

/// Sends lines until the end, or beyond it as a file grows.
fn follow(from: &mut impl BufRead, sender: &Sender<String>, goes_on: bool) {
    /// No line of toolgate's is as long.
    const MOST_BYTES: u64 = 1_000_000;
    let mut line = Vec::new();
    loop {
        match from.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line) {
            Err(_) => return,
            Ok(0) if !goes_on => {
                // The last line may lack its end.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                return;
            }
            Ok(0) => std::thread::sleep(REFRESH),
            // The rest of a line that is being written comes later.
            Ok(_) if line.ends_with(b"\n") || line.len() as u64 >= MOST_BYTES => {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
            Ok(_) => {}
        }
    }
}

impl Table {
    /// Counts a line. If it records a denial, that is returned in words.
    fn take(&mut self, line: &str) -> Option<String> {
        let Some(Ok(record)) = Record::of_line(line) else { return None };
        self.records += 1;
        if record.decision == "allow" {
            return None;
        }
        let row = [record.decision.clone(), record.reason.clone(), record.what(), record.who()];
        let time = record.time.as_deref().map(|time| format!("{time}  ")).unwrap_or_default();
        let words = format!("{}{}\n", visible(&time), row.each_ref().map(|cell| visible(cell)).join("  "));
        if self.rows.len() < MOST_KEPT || self.rows.contains_key(&row) {
            *self.rows.entry(row).or_default() += 1;
        }
        if self.denied.len() < MOST_RECORDS {
            self.denied.push(record);
        }
        Some(words)
    }

    /// Draws the table, and again as records come, until the end of the lines.
    #[allow(clippy::disallowed_methods)] // the command line is where the clock is read
    fn drawn(&mut self, lines: &Receiver<String>, mut draw: impl FnMut(&Self)) {
        draw(self);
        loop {
            let before = self.records;
            // While lines come without a pause, the table is drawn all the same.
            let due = Instant::now() + REFRESH;
            let ended = loop {
                match lines.recv_timeout(due.saturating_duration_since(Instant::now())) {
                    Ok(line) => _ = self.take(&line),
                    Err(RecvTimeoutError::Timeout) => break false,
                    Err(RecvTimeoutError::Disconnected) => break true,
                }
            };
            if ended {
                return;
            }
            if self.records > before {
                draw(self);
            }
        }
    }

    fn words(&self, config: Option<&Config>) -> String {
        let denied: usize = self.rows.values().sum();
        let mut text = format!("{}\n", heading(&format!("{}, {denied} denied", counted(self.records, "record"))));
        let mut sorted: Vec<_> = self.rows.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if !sorted.is_empty() {
            let titles = ["times", "decision", "reason", "what", "who"].map(str::to_owned).to_vec();
            let row = |(row, count): &(&[String; 4], &usize)| {
                std::iter::once(count.to_string()).chain(row.iter().cloned()).collect::<Vec<_>>()
            };
            let rows: Vec<_> = std::iter::once(titles).chain(sorted.iter().take(MOST_ROWS).map(row)).collect();
            text += "\n";
            text += &columns(&rows, |row, column, cell| match (row, column) {
                (1.., 1) if cell == "deny" => bad(cell),
                (1.., 1) => doubtful(cell),
                _ => cell.to_owned(),
            });
        }
        if sorted.len() > MOST_ROWS {
            text += &format!("and {} more\n", sorted.len() - MOST_ROWS);
        }
        match config {
            Some(config) if !self.denied.is_empty() => {
                let (changes, others) = suggest(config, &self.denied);
                text + "\nto allow it:\n" + &crate::suggest::words(&changes, others)
            }
            _ => text,
        }
    }
}
