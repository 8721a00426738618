//! The messages of a publisher. Names, notes and reasons from the store are escaped here.

mod failure;
mod fault;
mod interrupt;
mod refusal;
mod result;
mod step;
mod warning;
mod words;

pub use failure::{Change, FailureLine};
pub use fault::Fault;
pub use interrupt::InterruptLine;
pub use refusal::RefusalLine;
pub use result::ResultLine;
pub use step::StepLine;
pub use warning::WarningLine;

use std::fmt;

/// One line for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// About a step of a trial.
    Step(StepLine),
    /// A fault ends a trial.
    GoesBack {
        /// The revision on trial.
        revision: u64,
        /// The reason.
        fault: Fault,
    },
    /// About a decision.
    Result(ResultLine),
    /// The store answers again.
    StoreBack,
    /// Something that does not end the command.
    Warning(WarningLine),
    /// The request is refused.
    Refusal(RefusalLine),
    /// The command cannot go on.
    Failure(FailureLine),
    /// About Ctrl-C.
    Interrupt(InterruptLine),
}

impl Line {
    /// The last line of a command that has taken an ended trial away with this revision: something has changed.
    pub(super) fn after_clearing(self, revision: u64) -> Self {
        let cause = match self {
            Self::Failure(FailureLine::NothingChanged { error }) => error,
            Self::Failure(FailureLine::TextRemoved) => {
                "clean-ups of other publishers removed the text each time".to_owned()
            }
            Self::Interrupt(InterruptLine::Unchanged) => "interrupted".to_owned(),
            Self::Refusal(line) => line.to_string(),
            line => return line,
        };
        FailureLine::OnlyCleared { revision, cause }.into()
    }

    /// Whether the line belongs to standard error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Step(_) | Self::Result(_) | Self::StoreBack => false,
            Self::GoesBack { .. }
            | Self::Warning(_)
            | Self::Refusal(_)
            | Self::Failure(_)
            | Self::Interrupt(_) => true,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(line) => line.fmt(f),
            Self::GoesBack { revision, fault } => {
                write!(f, "revision {revision} goes back: {fault}")
            }
            Self::Result(line) => line.fmt(f),
            Self::StoreBack => f.write_str("the store answers again"),
            Self::Warning(line) => write!(f, "warning: {line}"),
            Self::Refusal(line) => write!(f, "error: {line}"),
            Self::Failure(line) => write!(f, "error: {line}"),
            Self::Interrupt(line) => line.fmt(f),
        }
    }
}

impl From<StepLine> for Line {
    fn from(line: StepLine) -> Self {
        Self::Step(line)
    }
}

impl From<ResultLine> for Line {
    fn from(line: ResultLine) -> Self {
        Self::Result(line)
    }
}

impl From<WarningLine> for Line {
    fn from(line: WarningLine) -> Self {
        Self::Warning(line)
    }
}

impl From<RefusalLine> for Line {
    fn from(line: RefusalLine) -> Self {
        Self::Refusal(line)
    }
}

impl From<FailureLine> for Line {
    fn from(line: FailureLine) -> Self {
        Self::Failure(line)
    }
}

impl From<InterruptLine> for Line {
    fn from(line: InterruptLine) -> Self {
        Self::Interrupt(line)
    }
}
