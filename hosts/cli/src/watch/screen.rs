//! A text on a terminal that is drawn again in the place of the one before.

use terminal_size::{Height, Width, terminal_size};

/// Without a terminal that tells its size: what terminals have had since 1978.
const USUAL: (u16, u16) = (80, 24);
/// Nothing is shown until the end of the frame, so that it does not flicker, and lines do not go on below: characters that
/// take two columns are cut by the terminal. Terminals that know neither ignore it.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?2026l";

/// The bytes for the terminal: control sequences, then text, then control sequences.
pub struct Frame {
    pub before: String,
    pub text: String,
    pub after: &'static str,
}

/// The part of the terminal that shows the text.
#[derive(Default)]
pub struct Screen {
    rows: usize,
    size: Option<(u16, u16)>,
}

impl Screen {
    /// Draws a text in the place of the last one, as much of it as fits.
    pub fn draw(&mut self, text: &str) -> Frame {
        let size = terminal_size().map_or(USUAL, |(Width(width), Height(height))| (width, height));
        let before = format!("{BEGIN}{}", self.erased(size));
        let text = fitting(text, usize::from(size.0), usize::from(size.1));
        self.rows = text.lines().count();
        self.size = Some(size);
        Frame { before, text, after: END }
    }

    /// Removes the last text: what comes next takes its place.
    pub fn erase(&mut self) -> Frame {
        let before = self.size.map(|size| self.erased(size)).unwrap_or_default();
        *self = Self::default();
        Frame { before, text: String::new(), after: "" }
    }

    fn erased(&self, size: (u16, u16)) -> String {
        match (self.size, self.rows) {
            // Terminals differ in where the rows of the last text are after a change of size.
            (Some(own), _) if own != size => "\u{1b}[H\u{1b}[2J".to_owned(),
            (_, 0) => "\r\u{1b}[J".to_owned(),
            (_, rows) => format!("\r\u{1b}[{rows}A\u{1b}[J"),
        }
    }
}

/// The first lines, with a word about the others. The last row stays empty, for the cursor.
fn fitting(text: &str, width: usize, height: usize) -> String {
    let rows = height.saturating_sub(1).max(2);
    let lines: Vec<&str> = text.lines().collect();
    let shown = if lines.len() > rows { rows - 1 } else { rows };
    let mut out: String = lines.iter().take(shown).map(|line| format!("{}\n", cut(line, width))).collect();
    if lines.len() > rows {
        out += &format!("... {} more lines\n", lines.len() - shown);
    }
    out
}

/// The line without what is beyond the right edge, colours not counted.
fn cut(line: &str, width: usize) -> String {
    let (mut shown, mut in_colour) = (0, false);
    let mut keep = |c: char| {
        let starts = c == '\u{1b}';
        let is_colour = in_colour || starts;
        in_colour = starts || (in_colour && c != 'm');
        shown += usize::from(!is_colour);
        is_colour || shown <= width
    };
    line.chars().filter(|c| keep(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_ends_with_the_number_of_the_other_lines() {
        let text = |lines: usize| "x\n".repeat(lines);
        for (lines, height, shown) in [
            (3, 24, text(3)),
            (23, 24, text(23)),
            (24, 24, format!("{}... 2 more lines\n", text(22))),
            (5, 0, format!("{}... 4 more lines\n", text(1))),
            (0, 24, String::new()),
        ] {
            assert_eq!(fitting(&text(lines), 80, height), shown, "{lines} lines in {height}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_keeps_its_colours() {
        for (line, shown) in [
            ("abcd", "abcd"),
            ("abcde", "abcd"),
            ("a\u{1b}[1;31mbcde\u{1b}[0mf", "a\u{1b}[1;31mbcd\u{1b}[0m"),
            ("", ""),
        ] {
            assert_eq!(cut(line, 4), shown);
        }
    }
}
