//! Where the targets of each level are in a set. Most sets have their backups behind the other targets: a
//! choice among those reads no backup.

use std::ops::Range;

/// The targets of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    number: u16,
    /// From the first to the last. Targets of other levels may be between them.
    positions: Range<usize>,
}

/// The levels of a set, from the level of each target by position.
pub fn levels(of: impl Iterator<Item = u16>) -> Box<[Level]> {
    let mut levels: Vec<Level> = Vec::new();
    for (position, number) in of.enumerate() {
        match levels.iter_mut().find(|level| level.number == number) {
            Some(level) => level.positions.end = position + 1,
            None => levels.push(Level { number, positions: position..position + 1 }),
        }
    }
    levels.into_boxed_slice()
}

/// The positions between which all targets of a level are.
pub(super) fn positions(levels: &[Level], number: u16) -> Range<usize> {
    let level = levels.iter().find(|level| level.number == number);
    level.map_or(0..0, |level| level.positions.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_reaches_from_its_first_to_its_last_target() {
        let levels = levels([0, 0, 2, 1, 2].into_iter());
        let found = [0, 1, 2, 3].map(|number| positions(&levels, number));
        assert_eq!(found, [0..2, 3..4, 2..5, 0..0]);
    }
}
