//! The identity that Prometheus and Alertmanager give a set of labels.
//!
//! FNV-1a with 64 bits over each label's name and value in the order of the names, a byte 0xff
//! after each of them (`labelSetToFingerprint` in Prometheus' `common/model`). It is no
//! cryptographic hash: whoever may choose labels can make two sets collide.

const OFFSET_BASIS: u64 = 14_695_981_039_346_656_037;
const PRIME: u64 = 1_099_511_628_211;

/// 16 lower-case hexadecimal digits.
///
/// `labels` must come sorted by name (bytewise), each name once, and without empty values: to
/// Prometheus a label without a value is not there.
pub fn of_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut sum = OFFSET_BASIS;
    for (name, value) in labels {
        sum = add(add(sum, name), value);
    }
    format!("{sum:016x}")
}

fn add(sum: u64, text: &str) -> u64 {
    let bytes = text.bytes().chain([0xff]);
    bytes.fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
