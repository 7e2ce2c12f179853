//! Tables for people: columns as wide as their widest cell, in terminal columns, not characters.

use unicode_width::UnicodeWidthStr;

/// On which side a column's cells line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells, perhaps with a heading.
#[derive(Debug, Default)]
pub struct Table {
    headings: Vec<String>,
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            headings: columns.iter().map(|(heading, _)| (*heading).to_owned()).collect(),
            aligns: columns.iter().map(|(_, align)| *align).collect(),
            rows: Vec::new(),
        }
    }

    /// A table with headings that come from elsewhere.
    pub fn with_headings(columns: impl IntoIterator<Item = (String, Align)>) -> Self {
        let (headings, aligns) = columns.into_iter().unzip();
        Self { headings, aligns, rows: Vec::new() }
    }

    /// Names and values, without a heading.
    pub fn facts() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        // A control character of a tag would move the cursor, and a line break the columns.
        let clean = |cell: String| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.rows.push(cells.into_iter().map(Into::into).map(clean).collect());
    }

    /// Adds a name with its value.
    #[expect(clippy::needless_pass_by_value, reason = "what is shown is mostly made for it on the spot")]
    pub fn fact(&mut self, name: &str, value: impl ToString) {
        self.row([name.to_owned(), value.to_string()]);
    }

    /// Adds a name with its value, if there is one.
    pub fn fact_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As text, every line ended; nothing for no rows.
    pub fn render(&self, colour: bool) -> String {
        self.page(&mut Vec::new(), true, colour)
    }

    /// The same for one of several pages: columns are at least `widths` wide, which grow, and only the first is `headed`.
    pub fn page(&self, widths: &mut Vec<usize>, headed: bool, colour: bool) -> String {
        let mut text = String::new();
        if self.rows.is_empty() {
            return text;
        }
        self.widen(widths);
        if headed && !self.headings.is_empty() {
            let line = self.line(&self.headings, widths);
            let (strong, plain) = if colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
            text.extend([strong, &line, plain, "\n"]);
        }
        for row in &self.rows {
            text.push_str(&self.line(row, widths));
            text.push('\n');
        }
        text
    }

    fn widen(&self, widths: &mut Vec<usize>) {
        for row in std::iter::once(&self.headings).chain(&self.rows) {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - cell.width());
            if i > 0 {
                line.push_str("  ");
            }
            match self.aligns.get(i) {
                Some(Align::Right) => line.extend([padding.as_str(), cell]),
                _ => line.extend([cell.as_str(), &padding]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_every_script() {
        let mut table = Table::new(&[("title", Align::Left), ("size", Align::Right), ("by", Align::Left)]);
        table.row(["茉莉花", "9 B", "江南小组"]);
        table.row(["Für Elise", "10.5 MB", "Clara\nMonte"]);
        let expected = "title         size  by\n茉莉花         9 B  江南小组\nFür Elise  10.5 MB  Clara Monte\n";
        assert_eq!(table.render(false), expected);
    }

    #[test]
    fn an_empty_table_is_nothing() {
        assert_eq!(Table::new(&[("title", Align::Left)]).render(true), "");
    }
}
