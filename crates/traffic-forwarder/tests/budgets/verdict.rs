//! Comparison of measured figures with their limits.

use std::fmt::{self, Write as _};

use crate::budget::{Budget, Limit};

/// One measured figure of a history.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// Sum over all operations.
    pub(crate) count: i64,
    /// `None`: shown without a limit.
    pub(crate) limit: Option<Limit>,
}

/// Figures of one measurement.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) operations: u32,
    pub(crate) figures: Vec<Figure>,
    /// Command for looking at the counted calls or instructions.
    pub(crate) hint: String,
}

impl Verdict {
    pub(crate) fn is_kept(&self) -> bool {
        self.figures.iter().all(|figure| self.keeps(figure))
    }

    /// Prints the figures beside their limits.
    ///
    /// # Panics
    ///
    /// If a figure is outside its limit.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "`--nocapture` shows the figures")]
    pub(crate) fn announce(&self, budget: &Budget) {
        let table = format!("{}: per {}\n{self}", budget.history, budget.operation);
        assert!(
            self.is_kept(),
            "bench/budgets.toml does not match (enter improved figures there, too)\n\
             {table}{}",
            self.hint
        );
        println!("{table}");
    }

    fn per_operation(&self, figure: &Figure) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let count = figure.count as f64;
        count / f64::from(self.operations)
    }

    fn keeps(&self, figure: &Figure) -> bool {
        match figure.limit {
            Some(Limit::Exactly(number)) => {
                figure.count == i64::from(number) * i64::from(self.operations)
            }
            Some(Limit::AtMost(number)) => self.per_operation(figure) <= number,
            None => true,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figure in &self.figures {
            let limit = figure.limit.map_or("no budget".to_owned(), |limit| limit.to_string());
            let measured = self.per_operation(figure);
            write!(f, "  {:<16} {measured:>10.3}   {limit}", figure.name)?;
            f.write_str(if self.keeps(figure) { "\n" } else { "   <-- NOT KEPT\n" })?;
        }
        f.write_char('\n')
    }
}

#[test]
fn exact_figures_must_match_and_ceilings_must_hold() {
    let verdict = |count, limit| {
        let figure = Figure { name: "f".into(), count, limit: Some(limit) };
        Verdict { operations: 10, figures: vec![figure], hint: String::new() }.is_kept()
    };
    assert_eq!([19, 20, 21].map(|n| verdict(n, Limit::Exactly(2))), [false, true, false]);
    assert_eq!([19, 20, 21].map(|n| verdict(n, Limit::AtMost(2.0))), [true, true, false]);
}
