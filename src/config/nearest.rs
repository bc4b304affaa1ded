//! What somebody probably meant who wrote an unknown name.

use strsim::osa_distance;

#[cfg(test)]
mod tests;

/// Beyond this many slips a suggestion is a guess, however long the name.
const MAX_SLIPS: usize = 3;

/// The known name that is the fewest slips away from `name`: characters too many, missing, wrong, or swapped
/// with their neighbour; letter case does not count. None if that would be more than a third of the name's characters
/// (but one always passes) or more than three. Of equally near names, the first.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = (length / 3).clamp(1, MAX_SLIPS);
    let name = name.to_ascii_lowercase();
    known
        // The distance takes time in proportion to both lengths, and a name from outside may have any.
        .filter(|known| known.chars().count().abs_diff(length) <= limit)
        .map(|known| (osa_distance(&name, &known.to_ascii_lowercase()), known))
        .filter(|&(slips, _)| slips <= limit)
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, known)| known)
}
