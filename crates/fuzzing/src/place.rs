//! Small choices taken from the front of an input; at its end they are all 0.

/// What is left of an input.
pub(crate) struct Choices<'d>(pub(crate) &'d [u8]);

impl<'d> Choices<'d> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from(self.byte()) | u16::from(self.byte()) << 8
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.word()) % end.max(1)
    }

    /// At most `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> &'d [u8] {
        let (taken, left) = self.0.split_at(len.min(self.0.len()));
        self.0 = left;
        taken
    }

    /// A text of up to 255 bytes.
    pub(crate) fn text(&mut self) -> String {
        let len = self.byte();
        String::from_utf8_lossy(self.bytes(len.into())).into_owned()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
