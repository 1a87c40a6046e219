//! A strip of characters that shows where values lie on a logarithmic axis: the fuller, the more.

/// How many characters a strip has.
const CELLS: usize = 24;

/// From nothing to the fullest cell of all.
const LEVELS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is shorter stands in the first cell.
const LEAST_MS: i64 = 1_000;

/// An axis from the least to the greatest value.
pub(super) struct Axis {
    low_ms: i64,
    high_ms: i64,
}

impl Axis {
    /// Of these values; none of none.
    pub(super) fn of(values_ms: impl Iterator<Item = i64> + Clone) -> Option<Axis> {
        let low_ms = values_ms.clone().min()?.max(LEAST_MS);
        let high_ms = values_ms.max()?.max(low_ms + 1);
        Some(Axis { low_ms, high_ms })
    }

    pub(super) fn low_ms(&self) -> i64 {
        self.low_ms
    }

    pub(super) fn high_ms(&self) -> i64 {
        self.high_ms
    }

    /// Where these values lie. A cell with one value is never drawn as empty.
    pub(super) fn strip(&self, values_ms: &[i64]) -> String {
        let mut counts = [0_usize; CELLS];
        let (low, high) = (self.low_ms as f64, self.high_ms as f64);
        for ms in values_ms {
            let place = ((*ms as f64).max(low) / low).ln() / (high / low).ln();
            let cell = (place * CELLS as f64) as usize;
            if let Some(count) = counts.get_mut(cell.min(CELLS - 1)) {
                *count += 1;
            }
        }
        let fullest = counts.iter().copied().max().unwrap_or(0).max(1);
        let level = |count: usize| (count * (LEVELS.len() - 1)).div_ceil(fullest);
        let drawn = counts.iter().filter_map(|count| LEVELS.get(level(*count)));
        drawn.collect()
    }
}
