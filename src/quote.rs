//! Text from outside, made fit for one line of an error message.

/// How many bytes of a foreign text an error shows.
const SHOWN: usize = 200;

/// `text` in double quotes with control characters escaped, cut at 200 bytes; what is cut off is marked by `...`.
pub(crate) fn quote(text: &[u8]) -> String {
    let shown = text.get(..SHOWN).unwrap_or(text);
    let cut = if shown.len() < text.len() { "..." } else { "" };
    format!("{:?}{cut}", String::from_utf8_lossy(shown))
}
