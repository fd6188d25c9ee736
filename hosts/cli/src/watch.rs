//! `toolgate watch`: who is denied what, and why, while it happens.

mod sink;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use clap::Args;
use toolgate::config::Config;

use crate::output::{Report, Trouble, bad, columns, counted, doubtful, heading};
use crate::records::Record;
use crate::source::ConfigArgument;
use crate::suggest::suggest;

/// How long the table may be behind. A person reads no faster.
const REFRESH: Duration = Duration::from_millis(500);
/// Rows of the table: as many as fit a screen.
const MOST_ROWS: usize = 40;
/// Different rows that are counted. Clients choose the names in records.
const MOST_KEPT: usize = 10_000;
/// Records that are kept to suggest rules from.
const MOST_RECORDS: usize = 10_000;

/// Shows who is denied what, and why, in a table that it updates
#[derive(Args)]
#[command(after_help = "\
On a terminal the table is updated as lines arrive; elsewhere it is printed once, at the end.

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
    pub fn run(self, show: &dyn Fn(&str)) -> Result<Report, Trouble> {
        let config = self.config.clone().map(|config| ConfigArgument { config, plugin: None }.load()).transpose()?;
        let lines = self.lines()?;
        let is_live = std::io::stdout().is_terminal() && !self.once;
        let mut table = Table::default();
        loop {
            let mut is_new = false;
            let ended = loop {
                match lines.recv_timeout(REFRESH) {
                    Ok(line) => is_new |= table.take(&line),
                    Err(RecvTimeoutError::Timeout) => break false,
                    Err(RecvTimeoutError::Disconnected) => break true,
                }
                // While lines come without a pause, the table is drawn all the same.
                if is_live && is_new && table.records % 1000 == 0 {
                    break false;
                }
            };
            if ended {
                return Ok(Report::well(table.words(config.as_ref())));
            }
            if is_live && is_new {
                // New lines push the last table up: nothing is cleared that was there before.
                show(&format!("\n{}", table.words(config.as_ref())));
            }
        }
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
    /// Counts a line. Whether it is a record.
    fn take(&mut self, line: &str) -> bool {
        let Some(Ok(record)) = Record::of_line(line) else { return false };
        self.records += 1;
        if record.decision != "allow" {
            let row = [record.decision.clone(), record.reason.clone(), record.what(), record.who()];
            if self.rows.len() < MOST_KEPT || self.rows.contains_key(&row) {
                *self.rows.entry(row).or_default() += 1;
            }
            if self.denied.len() < MOST_RECORDS {
                self.denied.push(record);
            }
        }
        true
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
