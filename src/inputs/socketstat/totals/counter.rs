//! A counter whose value per connection is remembered from gather to gather.

use super::super::field::{Field, Width};
use super::super::socket::TcpInfo;

#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    field: &'static Field,
    /// The offset of its value in the words of a socket. The value takes one or two words.
    word: usize,
    /// Whether any socket had it so far.
    told: bool,
}

/// Writes the value of each counter to `values`.
pub(super) fn read(counters: &mut [Counter], tcp: &TcpInfo<'_>, values: &mut [u64]) {
    for (place, (counter, value)) in counters.iter_mut().zip(values).enumerate() {
        *value = counter.read(place, tcp);
    }
}

/// Subtracts the values `before`. If a counter has decreased, this is another connection, and nothing is subtracted.
pub(super) fn subtract(counters: &[Counter], before: &[u32], values: &mut [u64]) {
    let went_back = |(counter, value): (&Counter, &u64)| counter.growth(before, *value) > counter.most() / 2;
    if counters.iter().zip(&*values).any(went_back) {
        return;
    }
    for (counter, value) in counters.iter().zip(values) {
        *value = counter.growth(before, *value);
    }
}

impl Counter {
    /// A counter whose value is at the offset `word`.
    pub(super) const fn new(field: &'static Field, word: usize) -> Self {
        Self { field, word, told: false }
    }

    /// The number of words of its value.
    pub(super) const fn words(&self) -> usize {
        if matches!(self.field.width, Width::U64) { 2 } else { 1 }
    }

    /// Whether any socket had it so far.
    pub(super) const fn is_told(&self) -> bool {
        self.told
    }

    /// The largest value, after which it wraps to 0.
    const fn most(&self) -> u64 {
        match self.field.width {
            Width::U8 => u8::MAX as u64,
            Width::U16 => u16::MAX as u64,
            Width::U32 => u32::MAX as u64,
            Width::U64 => u64::MAX,
        }
    }

    /// The value for a socket; 0 if the source does not have it. `place` is the place of the counter among all
    /// counters.
    fn read(&mut self, place: usize, tcp: &TcpInfo<'_>) -> u64 {
        let value = match tcp {
            TcpInfo::Unknown => None,
            TcpInfo::Raw(info) => self.field.read(info),
            TcpInfo::Printed(values) => values.get(place).map(|value| value.unwrap_or(0)),
        };
        self.told |= value.is_some();
        value.unwrap_or(0).min(self.most())
    }

    /// Adds a value to the words of a socket.
    pub(super) fn push(&self, value: u64, words: &mut Vec<u32>) {
        let [low, high] = [value & u64::from(u32::MAX), value >> 32];
        for half in [low, high].into_iter().take(self.words()) {
            words.push(u32::try_from(half).unwrap_or(u32::MAX));
        }
    }

    /// By how much it has grown since it was `before`. It may have wrapped.
    fn growth(&self, before: &[u32], now: u64) -> u64 {
        let word = |at| before.get(at).copied().map_or(0, u64::from);
        let before =
            if self.words() == 2 { word(self.word) | word(self.word + 1) << 32 } else { word(self.word) };
        now.wrapping_sub(before) & self.most()
    }
}
