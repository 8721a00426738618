//! A scrollable window on a long list. Only the rows around the window are known.

use super::scroll::Moves;

/// Identity of rows across answers.
pub(super) trait Row {
    fn has_same_id(&self, other: &Self) -> bool;
}

/// A sorted and filtered list with its visible window. Row indexes count from the first row of the
/// whole list.
#[derive(Debug)]
pub(super) struct List<T> {
    /// The sort orders, as the admin interface spells them.
    sorts: &'static [&'static str],
    sort: usize,
    filter: String,
    /// The number of rows on the screen.
    height: usize,
    /// Index of the first visible row.
    top: usize,
    /// Index of the selected row.
    cursor: usize,
    page: Page<T>,
}

/// A contiguous part of the list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The number of rows in the whole list.
    pub(super) total: usize,
    /// Index of the first row of this part.
    pub(super) offset: usize,
    pub(super) rows: Vec<T>,
}

/// The query for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageQuery {
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

    /// Queries the visible rows, and as many before and after them, so that scrolling shows known
    /// rows at once.
    pub(super) fn query(&self) -> PageQuery {
        PageQuery {
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

    /// The number of rows in the whole list.
    pub(super) fn total(&self) -> usize {
        self.page.total
    }

    /// The received rows.
    pub(super) fn known(&self) -> &[T] {
        &self.page.rows
    }

    /// The visible rows, `None` if not received yet, each with a flag that marks the selected one.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Option<&T>, bool)> {
        let end = self.page.total.min(self.top + self.height);
        (self.top..end).map(|place| (self.row(place), place == self.cursor))
    }

    /// The selected row, if received.
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

    /// Sorts by another order, and selects the first row.
    pub(super) fn sort_by(&mut self, sort: &str) {
        self.sort = self.sorts.iter().position(|word| *word == sort).unwrap_or(self.sort);
        (self.top, self.cursor) = (0, 0);
    }

    /// Selects the next or previous sort order, cyclically.
    pub(super) fn sort_by_neighbour(&mut self, step: isize) {
        let count = self.sorts.len();
        let next = (self.sort + count).saturating_add_signed(step) % count;
        self.sort_by(self.sorts[next]);
    }

    pub(super) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        // The known rows belong to the previous filter.
        self.page = Page { total: 0, offset: 0, rows: Vec::new() };
        (self.top, self.cursor) = (0, 0);
    }

    /// Clamps the cursor to the list, and scrolls it into view.
    fn show_cursor(&mut self) {
        self.cursor = self.cursor.min(self.page.total.saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(self.height);
        self.top = self.top.clamp(lowest, self.cursor);
        // Leave no empty lines at the bottom while there are rows above.
        self.top = self.top.min(self.page.total.saturating_sub(self.height));
    }
}

/// Scrolling moves the cursor.
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
    /// Stores an answer. The selection follows its row while that stays on the screen; at the top
    /// of the list, the first row stays selected whichever it is.
    pub(super) fn take(&mut self, page: Page<T>) {
        let held = (self.cursor > 0).then(|| self.chosen()).flatten();
        let stays = held.and_then(|held| {
            let place = page.rows.iter().position(|row| row.has_same_id(held))? + page.offset;
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
        fn has_same_id(&self, other: &Self) -> bool {
            self == other
        }
    }

    /// A hundred rows on a screen of ten.
    fn hundred() -> List<u32> {
        let mut list = List::new(&["rate", "age", "id"]);
        list.set_height(10);
        answer(&mut list, 0..100);
        list
    }

    fn answer(list: &mut List<u32>, all: impl Iterator<Item = u32>) {
        let (PageQuery { offset, limit, .. }, all) = (list.query(), all.collect::<Vec<_>>());
        let rows = all.iter().skip(offset).take(limit).copied().collect();
        list.take(Page { total: all.len(), offset, rows });
    }

    fn shown(list: &List<u32>) -> Vec<Option<u32>> {
        list.shown().map(|(row, _)| row.copied()).collect()
    }

    #[test]
    fn only_the_rows_around_the_screen_are_queried() {
        let mut list = hundred();
        assert_eq!((list.query().offset, list.query().limit), (0, 30));
        list.go(Move::PageDown);
        assert_eq!(list.chosen(), Some(&10));
        assert_eq!(shown(&list), (1..=10).map(Some).collect::<Vec<_>>(), "already received");
        list.go(Move::Last);
        assert_eq!((list.query().offset, list.chosen()), (80, None), "not received yet");
        answer(&mut list, 0..100);
        assert_eq!(shown(&list), (90..100).map(Some).collect::<Vec<_>>());
        list.go(Move::First);
        answer(&mut list, 0..100);
        assert_eq!(list.chosen(), Some(&0));
    }

    #[test]
    fn the_selection_follows_its_row_while_that_is_on_the_screen() {
        let mut list = hundred();
        list.step(5);
        answer(&mut list, (0..100).map(|row| row ^ 1));
        assert_eq!(list.chosen(), Some(&5), "the row moved by one");
        answer(&mut list, (0..100).rev());
        assert_eq!(list.chosen(), Some(&95), "the row left the screen: the index stays");
        list.go(Move::First);
        answer(&mut list, 0..100);
        assert_eq!(list.chosen(), Some(&0), "at the top the first row stays selected");
    }

    #[test]
    fn a_shrinking_list_leaves_no_empty_screen() {
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
    fn sort_orders_are_cyclic() {
        let mut list = hundred();
        list.sort_by_neighbour(-1);
        assert_eq!(list.query().sort, "id");
        list.sort_by_neighbour(1);
        assert_eq!(list.query().sort, "rate");
        list.sort_by("age");
        list.sort_by("none");
        assert_eq!(list.query().sort, "age");
    }
}
