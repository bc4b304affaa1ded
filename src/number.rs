//! Unsigned decimal numbers, as the tables of ss and netstat print them.

/// Reads plain digits. `None` for anything else, a sign too, and from 2^64 on.
#[must_use]
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number.checked_mul(10)?.checked_add(u64::from(digit)))?
    })
}

#[cfg(test)]
mod tests;
