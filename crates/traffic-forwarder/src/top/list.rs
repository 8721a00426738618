//! A long list of which only a part is known: the rows around those that are shown.

use super::scroll::Moves;

/// Whether two rows, of different answers, are of the same forward or session.
pub(super) trait Row {
    fn is_same(&self, other: &Self) -> bool;
}

/// A list, how it is sorted and filtered, and which of its rows are shown. Places count from the
/// first of all rows.
#[derive(Debug)]
pub(super) struct List<T> {
    /// The words by which it can be sorted.
    sorts: &'static [&'static str],
    sort: usize,
    filter: String,
    /// How many rows fit on the screen.
    height: usize,
    /// The place of the first row that is shown.
    top: usize,
    /// The place of the row that is chosen.
    cursor: usize,
    page: Page<T>,
}

/// Some rows of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// How many there are in all.
    pub(super) total: usize,
    /// The place of the first of these.
    pub(super) offset: usize,
    pub(super) rows: Vec<T>,
}

/// What a page is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) sort: &'static str,
    pub(super) filter: String,
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl<T> List<T> {
    pub(super) fn new(sorts: &'static [&'static str]) -> Self {
        let page = Page { total: 0, offset: 0, rows: Vec::new() };
        Self { sorts, sort: 0, filter: String::new(), height: 1, top: 0, cursor: 0, page }
    }

    /// What is to be asked: what is shown, and as much again on both sides, so that a key shows the
    /// next rows at once.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            sort: self.sort(),
            filter: self.filter.clone(),
            offset: self.top.saturating_sub(self.height),
            limit: self.height * 3,
        }
    }

    pub(super) fn sort(&self) -> &'static str {
        self.sorts.get(self.sort).copied().unwrap_or_default()
    }

    pub(super) fn sorts(&self) -> &'static [&'static str] {
        self.sorts
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    /// How many rows there are in all.
    pub(super) fn total(&self) -> usize {
        self.page.total
    }

    /// The rows that are shown, as far as they are known, and whether one is chosen.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Option<&T>, bool)> {
        let end = self.page.total.min(self.top + self.height);
        (self.top..end).map(|place| (self.row(place), place == self.cursor))
    }

    /// The row that is chosen.
    pub(super) fn chosen(&self) -> Option<&T> {
        self.row(self.cursor)
    }

    fn row(&self, place: usize) -> Option<&T> {
        self.page.rows.get(place.checked_sub(self.page.offset)?)
    }

    pub(super) fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.show_cursor();
    }

    /// Sorts by another word, and goes to the first row.
    pub(super) fn sort_by(&mut self, sort: &str) {
        self.sort = self.sorts.iter().position(|word| *word == sort).unwrap_or(self.sort);
        (self.top, self.cursor) = (0, 0);
    }

    /// Sorts by the next word, or by the one before.
    pub(super) fn sort_by_neighbour(&mut self, step: isize) {
        let count = self.sorts.len();
        let next = (self.sort + count).saturating_add_signed(step) % count;
        self.sort_by(self.sorts[next]);
    }

    pub(super) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        // What is known is of another question.
        self.page = Page { total: 0, offset: 0, rows: Vec::new() };
        (self.top, self.cursor) = (0, 0);
    }

    /// The choice is a row, and is shown.
    fn show_cursor(&mut self) {
        self.cursor = self.cursor.min(self.page.total.saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(self.height);
        self.top = self.top.clamp(lowest, self.cursor);
        // No empty lines below the last row as long as there are rows above the first.
        self.top = self.top.min(self.page.total.saturating_sub(self.height));
    }
}

/// What moves is the choice.
impl<T> Moves for List<T> {
    fn height(&self) -> usize {
        self.height
    }

    fn step(&mut self, lines: isize) {
        self.cursor = self.cursor.saturating_add_signed(lines);
        self.show_cursor();
    }
}

impl<T: Row> List<T> {
    /// Takes an answer. The choice stays with its row as long as that is on the screen; at the first
    /// place it stays there.
    pub(super) fn take(&mut self, page: Page<T>) {
        let held = (self.cursor > 0).then(|| self.chosen()).flatten();
        let stays = held.and_then(|held| {
            let place = page.rows.iter().position(|row| row.is_same(held))? + page.offset;
            (self.top..self.top + self.height).contains(&place).then_some(place)
        });
        self.cursor = stays.unwrap_or(self.cursor);
        self.page = page;
        self.show_cursor();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::scroll::Move;

    impl Row for u32 {
        fn is_same(&self, other: &Self) -> bool {
            self == other
        }
    }

    /// A hundred rows, ten of which fit on the screen.
    fn hundred() -> List<u32> {
        let mut list = List::new(&["rate", "age", "id"]);
        list.set_height(10);
        answer(&mut list, 0..100);
        list
    }

    fn answer(list: &mut List<u32>, all: impl Iterator<Item = u32>) {
        let (Wanted { offset, limit, .. }, all) = (list.wanted(), all.collect::<Vec<_>>());
        let rows = all.iter().skip(offset).take(limit).copied().collect();
        list.take(Page { total: all.len(), offset, rows });
    }

    fn shown(list: &List<u32>) -> Vec<Option<u32>> {
        list.shown().map(|(row, _)| row.copied()).collect()
    }

    #[test]
    fn only_the_rows_around_the_screen_are_asked_for() {
        let mut list = hundred();
        assert_eq!((list.wanted().offset, list.wanted().limit), (0, 30));
        list.go(Move::PageDown);
        assert_eq!(list.chosen(), Some(&10));
        assert_eq!(shown(&list), (1..=10).map(Some).collect::<Vec<_>>(), "known already");
        list.go(Move::Last);
        assert_eq!((list.wanted().offset, list.chosen()), (80, None), "not known yet");
        answer(&mut list, 0..100);
        assert_eq!(shown(&list), (90..100).map(Some).collect::<Vec<_>>());
        list.go(Move::First);
        answer(&mut list, 0..100);
        assert_eq!(list.chosen(), Some(&0));
    }

    #[test]
    fn the_choice_stays_with_its_row_while_that_is_on_the_screen() {
        let mut list = hundred();
        list.step(5);
        answer(&mut list, (0..100).map(|row| row ^ 1));
        assert_eq!(list.chosen(), Some(&5), "it has moved by a row");
        answer(&mut list, (0..100).rev());
        assert_eq!(list.chosen(), Some(&95), "its row is elsewhere: the place stays");
        list.go(Move::First);
        answer(&mut list, 0..100);
        assert_eq!(list.chosen(), Some(&0), "at the first place the choice is what is first");
    }

    #[test]
    fn a_list_that_shrinks_leaves_no_empty_screen() {
        let mut list = hundred();
        list.go(Move::Last);
        answer(&mut list, 0..100);
        answer(&mut list, 0..3);
        answer(&mut list, 0..3);
        assert_eq!(shown(&list), [Some(0), Some(1), Some(2)]);
        assert_eq!(list.chosen(), Some(&2));
        answer(&mut list, 0..0);
        assert_eq!((list.chosen(), shown(&list)), (None, vec![]));
        list.set_height(4);
        answer(&mut list, 0..100);
        assert_eq!(shown(&list).len(), 4);
    }

    #[test]
    fn sorts_follow_each_other_in_a_ring() {
        let mut list = hundred();
        list.sort_by_neighbour(-1);
        assert_eq!(list.wanted().sort, "id");
        list.sort_by_neighbour(1);
        assert_eq!(list.wanted().sort, "rate");
        list.sort_by("age");
        list.sort_by("none");
        assert_eq!(list.wanted().sort, "age");
    }
}
