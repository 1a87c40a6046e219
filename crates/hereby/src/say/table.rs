//! Lists in columns, the last one wrapped under itself.

use super::{Line, wrapped};

/// Rows in columns two spaces apart, under a header. The last column is plain text and breaks at
/// `width` when there is one.
pub(crate) fn table(
    header: &[&str],
    rows: Vec<(Vec<Line>, String)>,
    width: Option<usize>,
) -> Vec<Line> {
    let Some((last, heads)) = header.split_last() else {
        return Vec::new();
    };
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let cells = rows
                .iter()
                .filter_map(|(cells, _)| cells.get(at))
                .map(Line::columns);
            cells.chain([head.len()]).max().unwrap_or(0) + 2
        })
        .collect();
    let indent: usize = widths.iter().sum();
    let heads = heads
        .iter()
        .zip(&widths)
        .fold(Line::new(), |line, (head, width)| {
            line.then(Line::new().styled(super::Style::Dim, *head).padded(*width))
        });
    let mut lines = vec![heads.styled(super::Style::Dim, *last)];
    for (cells, text) in rows {
        let cells = cells.into_iter().zip(&widths);
        let begin = cells.fold(Line::new(), |line, (cell, width)| {
            line.then(cell.padded(*width))
        });
        lines.extend(hanging(begin, indent, &text, width));
    }
    lines
}

/// Text behind the beginning of a line, wrapped under where it began.
pub(crate) fn hanging(begin: Line, indent: usize, text: &str, width: Option<usize>) -> Vec<Line> {
    let room = width.map(|width| width.saturating_sub(indent));
    let mut begin = Some(begin);
    let mut lines: Vec<Line> = wrapped(&super::escaped(text), room)
        .into_iter()
        .map(|text| match begin.take() {
            Some(begin) => begin.text(text),
            None => Line::new().text(" ".repeat(indent)).text(text),
        })
        .collect();
    lines.extend(begin);
    lines
}
