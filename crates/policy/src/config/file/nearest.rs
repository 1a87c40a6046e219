//! What somebody probably meant.

/// The most candidates that are looked at for one mistake.
const CANDIDATES_MAX: usize = 2_000;
/// The longest word that is compared, in bytes.
const WORD_BYTES_MAX: usize = 64;
/// The most letters in which a word that was meant differs.
const LETTERS_MAX: usize = 3;
/// Further than any two words.
const FAR: usize = 1_000_000;

/// The candidate that differs least from `word`: by one letter in three at most (one where it is
/// shorter), and never by more than three. The first of several.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let allowed = (word.len() / 3).clamp(1, LETTERS_MAX);
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed)
        .filter_map(|candidate| {
            let distance = distance(word.as_bytes(), candidate.as_bytes(), allowed)?;
            Some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, left out, changed, or swapped with their neighbour (optimal
/// string alignment), if no more than `most`: only cells so near the diagonal are looked at.
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(FAR);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![FAR; b.len() + 1];
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        let first = i.saturating_sub(most);
        for (j, &y) in b.iter().enumerate().skip(first).take(i + most + 1 - first) {
            let mut least = (cell(&last, j) + usize::from(x != y))
                .min(cell(&last, j + 1) + 1)
                .min(cell(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                least = least.min(cell(&before, j - 1) + 1);
            }
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = least;
            }
        }
        before = core::mem::replace(&mut last, row);
    }
    Some(cell(&last, b.len())).filter(|distance| *distance <= most)
}
