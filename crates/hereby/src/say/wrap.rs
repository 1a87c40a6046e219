//! How wide text is on a terminal, and where it is broken.
//!
//! Widths follow the East Asian Width property (UAX #11) for the blocks people write in; a width
//! that is off by one in a rare script costs a ragged edge, nothing more.

/// Columns that a text without line feeds takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    match u32::from(character) {
        // Combining marks, zero-width spaces and joiners, variation selectors.
        0x0300..=0x036f
        | 0x0483..=0x0489
        | 0x0591..=0x05bd
        | 0x0610..=0x061a
        | 0x064b..=0x065f
        | 0x200b..=0x200d
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f
        | 0xfeff => 0,
        // Hangul, CJK, kana, full-width forms, emoji.
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xa960..=0xa97c
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text in lines of at most `room` columns, broken at spaces; a longer word is cut. Line feeds
/// of the text stay. Without a room nothing is broken.
pub(crate) fn wrapped(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room.map(|room| room.max(20)) else {
        return text.lines().map(str::to_owned).collect();
    };
    text.lines().flat_map(|line| broken(line, room)).collect()
}

fn broken(line: &str, room: usize) -> Vec<String> {
    if columns(line) <= room {
        return vec![line.to_owned()];
    }
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split(' ') {
        let gap = usize::from(!current.is_empty());
        if columns(&current) + gap + columns(word) <= room {
            if gap == 1 {
                current.push(' ');
            }
            current.push_str(word);
            continue;
        }
        if !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
        for character in word.chars() {
            if columns(&current) + width(character) > room {
                lines.push(std::mem::take(&mut current));
            }
            current.push(character);
        }
    }
    lines.push(current);
    lines
}
