//! A row of numbers, written and read by the same description of its places.

use crate::Time;
use std::num::NonZeroU16;

/// A writer or a reader of numbers. One description of a part serves both, so that they cannot
/// differ.
pub(super) struct Codec<'a> {
    written: Vec<u64>,
    /// The numbers that are left to read; `None` while writing.
    to_read: Option<&'a [u64]>,
    wrong: bool,
}

impl Codec<'_> {
    /// Writes or reads the next place. A missing place leaves the value as it is.
    pub(super) fn number(&mut self, value: &mut u64) {
        let Some(numbers) = &mut self.to_read else { return self.written.push(*value) };
        if let Some((first, rest)) = numbers.split_first() {
            *value = *first;
            *numbers = rest;
        }
    }

    /// Writes or reads a part that occupies `places`.
    pub(super) fn part(&mut self, places: usize, describe: impl FnOnce(&mut Self)) {
        let Some(numbers) = self.to_read else {
            let end = self.written.len() + places;
            describe(self);
            debug_assert!(self.written.len() <= end, "the part has outgrown its places");
            return self.written.resize(end, 0);
        };
        let (own, others) = numbers.split_at_checked(places).unwrap_or((numbers, &[]));
        self.to_read = Some(own);
        describe(self);
        self.to_read = Some(others);
    }

    /// Refuses the numbers that are being read as impossible.
    pub(super) fn refuse(&mut self) {
        self.wrong = true;
    }

    pub(super) fn small<T: Copy + Into<u64> + TryFrom<u64>>(&mut self, value: &mut T) {
        let mut wide = (*value).into();
        self.number(&mut wide);
        match T::try_from(wide) {
            Ok(narrow) => *value = narrow,
            Err(_) => self.refuse(),
        }
    }

    pub(super) fn flag(&mut self, value: &mut bool) {
        let mut number = u64::from(*value);
        self.number(&mut number);
        *value = number != 0;
    }

    pub(super) fn time(&mut self, value: &mut Time) {
        let mut micros = value.as_micros();
        self.number(&mut micros);
        *value = Time::from_micros(micros);
    }

    /// Writes or reads a word by its position. An unknown position leaves the value as it is.
    pub(super) fn word<T: Copy + PartialEq>(&mut self, value: &mut T, words: &[T]) {
        let position = words.iter().position(|word| word == value);
        let mut number = position.map_or(u64::MAX, |position| position as u64);
        self.number(&mut number);
        if let Some(word) = usize::try_from(number).ok().and_then(|at| words.get(at)) {
            *value = *word;
        }
    }

    pub(super) fn errno(&mut self, value: &mut Option<NonZeroU16>) {
        let mut number = value.map_or(0, NonZeroU16::get);
        self.small(&mut number);
        *value = NonZeroU16::new(number);
    }
}

pub(super) fn write<T>(mut value: T, describe: fn(&mut Codec<'_>, &mut T)) -> Vec<u64> {
    let mut codec = Codec { written: Vec::with_capacity(super::ALL), to_read: None, wrong: false };
    describe(&mut codec, &mut value);
    codec.written
}

pub(super) fn read<T>(
    numbers: &[u64],
    mut value: T,
    describe: fn(&mut Codec<'_>, &mut T),
) -> Option<T> {
    let mut codec = Codec { written: Vec::new(), to_read: Some(numbers), wrong: false };
    describe(&mut codec, &mut value);
    (!codec.wrong).then_some(value)
}
