//! Tables for people: aligned columns, written page by page.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

pub(super) use crate::telemetry::view::grouped;

/// Where a cell's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column of a table of `T`s.
pub(super) struct Column<T> {
    title: &'static str,
    align: Align,
    cell: fn(&T) -> String,
}

impl<T> Column<T> {
    /// A column of words.
    pub(super) const fn text(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, align: Align::Left, cell }
    }

    /// A column of numbers.
    pub(super) const fn number(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, align: Align::Right, cell }
    }
}

/// A table in the making.
pub(super) struct Table<'a, T> {
    columns: &'a [Column<T>],
    widths: Vec<usize>,
    begun: bool,
}

impl<'a, T> Table<'a, T> {
    /// A table without rows.
    pub(super) fn new(columns: &'a [Column<T>]) -> Self {
        Self { columns, widths: columns.iter().map(|column| column.title.width()).collect(), begun: false }
    }

    /// Whether no row was written yet.
    pub(super) fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Writes rows below those already written, the header before the first. Columns widen where later rows need
    /// it, and never narrow again.
    pub(super) fn write(&mut self, rows: &[T], out: &mut impl Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| self.columns.iter().map(|column| (column.cell)(row)).collect()).collect();
        for row in &cells {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        if !self.begun {
            self.begun = true;
            self.line(self.columns.iter().map(|column| column.title), out)?;
        }
        cells.iter().try_for_each(|row| self.line(row.iter().map(String::as_str), out))
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, out: &mut impl Write) -> io::Result<()> {
        let mut line = String::new();
        for ((cell, column), width) in cells.zip(self.columns).zip(&self.widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width - cell.width());
            match column.align {
                Align::Left => line.extend([cell, &padding]),
                Align::Right => line.extend([&padding, cell]),
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// Text with spaces behind it, up to a width in columns of a terminal.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A measured value with one digit behind the point: `1,234.5`.
pub(super) fn decimal(value: f64) -> String {
    let tenths = (value * 10.0).round() as u64;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// A value, or `-` where there is none.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_widen_from_page_to_page() {
        let columns = [
            Column::text("NAME", |row: &(&str, u64)| row.0.to_owned()),
            Column::number("PACKETS", |row| grouped(row.1)),
            Column::text("STATE", |_| "up".to_owned()),
        ];
        let mut table = Table::new(&columns);
        let mut out = Vec::new();
        assert!(table.is_empty());
        table.write(&[("müßig", 1), ("b", 1_234)], &mut out).expect("writes");
        table.write(&[], &mut out).expect("writes");
        table.write(&[("longer-name", 12_345_678)], &mut out).expect("writes");
        assert!(!table.is_empty());
        let expected = "\
NAME   PACKETS  STATE
müßig        1  up
b        1,234  up
longer-name  12,345,678  up
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(grouped(number), text);
        }
        for (value, text) in [(0.0, "0.0"), (0.04, "0.0"), (9.96, "10.0"), (1234.56, "1,234.6")] {
            assert_eq!(decimal(value), text);
        }
    }
}
