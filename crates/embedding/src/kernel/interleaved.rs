//! 4-bit codes of many rows, interleaved so that a scan needs no sum across lanes.
//!
//! Rows lie in blocks of 16. Of each eight dimensions a block has one line of 64 bytes: four bytes of its first row,
//! four of its second, and so on. The low halves of a row's four bytes are its first four codes, the high halves the
//! other four. So one instruction adds four products to the sum of each of 16 rows.

use super::linear::Line;

/// Rows of a block.
pub(crate) const BLOCK_ROWS: usize = 16;
/// Dimensions of a line.
pub(super) const DEPTH: usize = 8;
/// Bytes of a row in a line.
const ROW_BYTES: usize = DEPTH / 2;

/// Sixteen rows, eight dimensions.
pub(super) type BlockLine = Line<u8, { BLOCK_ROWS * ROW_BYTES }>;

/// Codes of rows of one width. Beyond the last row a block holds codes that mean nothing.
#[derive(Debug)]
pub(crate) struct Interleaved {
    lines_per_block: usize,
    rows: usize,
    lines: Vec<BlockLine>,
}

impl Interleaved {
    /// No rows yet; each will have `width` codes, a multiple of 16.
    pub(crate) fn new(width: usize) -> Self {
        assert!(width.is_multiple_of(2 * DEPTH), "a scan reads two lines at once");
        Self { lines_per_block: width / DEPTH, rows: 0, lines: Vec::new() }
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row at the end: `width` codes below 16. O(width).
    pub(crate) fn push(&mut self, codes: &[u8]) {
        let (eights, rest) = codes.as_chunks::<DEPTH>();
        assert!(eights.len() == self.lines_per_block && rest.is_empty(), "a row has the width of all");
        self.rows += 1;
        let blocks = self.rows.div_ceil(BLOCK_ROWS);
        self.lines.resize(blocks * self.lines_per_block, Line([0; BLOCK_ROWS * ROW_BYTES]));
        for (place, eight) in eights.iter().enumerate() {
            let bytes = self.bytes(self.rows - 1, place);
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = (eight[at] & 0xf) | (eight[at + ROW_BYTES] << 4);
            }
        }
    }

    /// Moves the last row to the place of `row`, which it takes out. O(width).
    pub(crate) fn swap_remove(&mut self, row: usize) {
        let last = self.rows - 1;
        for place in 0..self.lines_per_block {
            *self.bytes(row, place) = *self.bytes(last, place);
        }
        self.rows = last;
        self.lines.truncate(last.div_ceil(BLOCK_ROWS) * self.lines_per_block);
    }

    /// Blocks from `first` on, at most `most` of them.
    pub(super) fn blocks(&self, first: usize, most: usize) -> &[BlockLine] {
        let lines = &self.lines[first * self.lines_per_block..];
        &lines[..lines.len().min(most * self.lines_per_block)]
    }

    /// The bytes of a row in the line of dimensions `8 · place..`.
    fn bytes(&mut self, row: usize, place: usize) -> &mut [u8; ROW_BYTES] {
        let line = &mut self.lines[row / BLOCK_ROWS * self.lines_per_block + place];
        &mut line.0.as_chunks_mut().0[row % BLOCK_ROWS]
    }
}
