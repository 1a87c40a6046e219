//! A file that only grows, on a disk that keeps for certain only what was synced.

use crate::dice::Dice;

/// Bytes that a power cut takes or leaves together.
const SECTOR: usize = 512;

/// The file's bytes, and how many of them are certain.
#[derive(Clone, Debug, Default)]
pub struct Image {
    bytes: Vec<u8>,
    synced: usize,
}

impl Image {
    /// The bytes as a reader sees them now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes at the end.
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes everything written so far certain.
    pub fn sync(&mut self) {
        self.synced = self.bytes.len();
    }

    /// Cuts the file.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.synced = self.synced.min(length);
    }

    /// Changes one byte behind everybody's back.
    pub fn rot(&mut self, at: usize) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte ^= 1;
        }
    }

    /// The power goes. Of what was not synced any part may be left: nothing, all, a beginning, or
    /// a longer file with holes where sectors never arrived. What is left is certain from then on.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        let tail = self.bytes.len().saturating_sub(self.synced);
        match dice.below(4) {
            0 => self.bytes.truncate(self.synced),
            1 => {}
            2 => self.bytes.truncate(self.synced + dice.index(tail + 1)),
            _ => {
                self.bytes.truncate(self.synced + dice.index(tail + 1));
                let mut from = self.synced;
                while from < self.bytes.len() {
                    let end = (from / SECTOR + 1)
                        .saturating_mul(SECTOR)
                        .min(self.bytes.len());
                    if dice.once_in(3)
                        && let Some(sector) = self.bytes.get_mut(from..end)
                    {
                        sector.fill(0);
                    }
                    from = end;
                }
            }
        }
        self.sync();
    }
}
