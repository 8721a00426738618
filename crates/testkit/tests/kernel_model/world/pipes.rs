//! Operations on pipes.

use super::{Outcome, Piped, World, errno, text};
use crate::machine::Machine;
use crate::op::{Connection, Op, Pipe};
use crate::streams::SMALL;
use std::collections::VecDeque;
use sys::PipeError;
use sys::kernel::{Kernel, Pipe as _};

impl<M: Machine> World<M> {
    pub(super) fn run_on_pipe(&mut self, op: Op) -> Outcome {
        match op {
            Op::NewPipe(slot, capacity) => self.new_pipe(slot, capacity as usize),
            Op::Fill(slot, connection) => self.fill(slot, connection),
            Op::Drain(slot, connection, count) => self.drain(slot, connection, count as usize),
            Op::ReadPipe(slot, count) => self.read_pipe(slot, count as usize),
            Op::ClosePipe(slot) => self.pipes[slot.0].take().map(|_| "ok".to_owned()),
            _ => None,
        }
    }

    fn new_pipe(&mut self, slot: Pipe, capacity: usize) -> Outcome {
        if self.pipes[slot.0].is_some() {
            return None;
        }
        Some(match self.machine.kernel().pipe(&[capacity]) {
            Ok(pipe) => {
                let piped = Piped { pipe, content: VecDeque::new(), is_kept: false };
                self.pipes[slot.0] = Some(piped);
                "ok".to_owned()
            }
            Err(PipeError::Refused(error)) => errno(error),
            Err(PipeError::TooSmall) => "too small".to_owned(),
        })
    }

    fn fill(&mut self, slot: Pipe, source: Connection) -> Outcome {
        let connected = self.connections[source.0].as_ref()?;
        let piped = self.pipes[slot.0].as_mut().filter(|piped| piped.content.is_empty())?;
        Some(match piped.pipe.fill(&connected.socket) {
            Ok(0) => "end".to_owned(),
            Ok(count) => {
                // Whether they are the right bytes shows when they leave the pipe.
                piped.content.extend(self.streams.take_expected(connected.end, count));
                piped.content.resize(count, 0);
                self.streams.amount(connected.end, count)
            }
            Err(error) => errno(error),
        })
    }

    fn drain(&mut self, slot: Pipe, sink: Connection, count: usize) -> Outcome {
        let connected = self.connections[sink.0].as_ref()?;
        let piped = self.pipes[slot.0].as_mut().filter(|piped| !piped.content.is_empty())?;
        let result = piped.pipe.drain(&connected.socket, count.min(piped.content.len()));
        let moved: Vec<u8> = piped.content.drain(..result.unwrap_or(0)).collect();
        self.streams.sent(connected.end, &moved);
        Some(match result {
            Ok(count) if count > SMALL => {
                let rest = if piped.content.is_empty() { "all" } else { "a part" };
                format!("{rest} of the pipe")
            }
            result => text(result),
        })
    }

    fn read_pipe(&mut self, slot: Pipe, count: usize) -> Outcome {
        let piped = self.pipes[slot.0].as_mut()?;
        let mut buffer = vec![0; count];
        Some(match piped.pipe.read(&mut buffer) {
            Ok(count) => {
                let expected: Vec<u8> = piped.content.drain(..count).collect();
                let other = if expected == buffer[..count] { "" } else { " other bytes than sent" };
                format!("{count}{other}")
            }
            Err(error) => errno(error),
        })
    }
}
