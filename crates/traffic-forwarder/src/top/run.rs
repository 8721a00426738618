//! The event loop: draws, then waits for a key, an answer, a signal or the next tick.

use super::ask::{act, ask};
use super::draw::{Palette, draw};
use super::layout::Layout;
use super::model::{Act, Answered, Effect, Model, Question};
use super::terminal::{Read, Terminal, events, report_keys_again};
use crate::console::args::ConnectArgs;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::console::signals::Signals;
use crate::exit::Exit;
use api::Done;
use ratatui::crossterm::event::{Event, KeyEventKind};
use ratatui::layout::{Position, Rect, Size};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Interval between status requests.
const PERIOD: Duration = Duration::from_secs(1);
/// A request pending for this long counts as unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A result from a request task.
enum Arrival {
    Answered(Box<Answered>),
    Acted(Act, Result<Done, CommandError>),
}

/// Runs until the user quits or a signal arrives.
pub(crate) async fn run(connect: &ConnectArgs) -> Result<Exit, CommandError> {
    let admin = Arc::new(AdminApi::new(connect)?);
    // If the process is down at the start, the command fails like any other.
    let model = Model::new(admin.status().await?);
    let mut signals = Signals::new().map_err(CommandError::Terminal)?;
    let mut terminal = Terminal::open()?;
    let events = events()?;
    let mut top = Top::new(admin, model);
    top.resize(terminal.size());
    top.run(&mut terminal, events, &mut signals).await.map_err(CommandError::Terminal)?;
    Ok(Exit::Done)
}

struct Top {
    admin: Arc<AdminApi>,
    model: Model,
    palette: Palette,
    arrivals_sender: UnboundedSender<Arrival>,
    arrivals: UnboundedReceiver<Arrival>,
    /// The pending query and the time of its request.
    pending: Option<(Question, SystemTime)>,
    /// The last query. A different one is sent at once, not at the next tick.
    last_query: Option<Question>,
}

impl Top {
    fn new(admin: Arc<AdminApi>, model: Model) -> Self {
        let (arrivals_sender, arrivals) = unbounded_channel();
        let palette = Palette { colours: Screen::now().colours };
        Self { admin, model, palette, arrivals_sender, arrivals, pending: None, last_query: None }
    }

    async fn run(
        &mut self,
        terminal: &mut Terminal,
        mut events: UnboundedReceiver<Read>,
        signals: &mut Signals,
    ) -> io::Result<()> {
        let mut seconds = every(PERIOD);
        loop {
            self.ask_if_other();
            if terminal.fit()? {
                self.resize(terminal.size());
            }
            terminal
                .get()
                .draw(|frame| draw(frame, &self.model, self.palette, SystemTime::now()))?;
            self.model.is_drawn(Instant::now());
            tokio::select! {
                event = events.recv() => {
                    let Some(event) = event else { return Ok(()) };
                    // Handle all queued events before the next draw.
                    let more = std::iter::from_fn(|| events.try_recv().ok());
                    let events: Vec<_> = std::iter::once(event).chain(more).collect();
                    if events.iter().any(|(_, event)| matches!(event, Event::Resize(..))) {
                        report_keys_again()?;
                    }
                    if events.into_iter().any(|event| self.event(&event)) {
                        return Ok(());
                    }
                }
                Some(arrival) = self.arrivals.recv() => self.take(arrival),
                _ = seconds.tick() => self.tick(),
                () = signals.any() => return Ok(()),
            }
        }
    }

    /// Handles an event. Returns true if the loop should end.
    fn event(&mut self, (read, event): &Read) -> bool {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                match self.model.key(*key, *read) {
                    Some(Effect::Quit) => return true,
                    Some(Effect::Do(act)) => self.act(act),
                    None => {}
                }
            }
            Event::Paste(text) => self.model.paste(text, SystemTime::now()),
            // A resize takes effect at the next draw.
            _ => {}
        }
        false
    }

    fn resize(&mut self, size: Size) {
        let has_fleet = self.model.status.fleet.is_some();
        if let Some(layout) = Layout::of(Rect::from((Position::ORIGIN, size)), has_fleet) {
            self.model.set_layout(layout);
        }
    }

    fn tick(&mut self) {
        match &self.pending {
            Some((_, since)) if since.elapsed().unwrap_or_default() >= ANSWER_TIMEOUT => {
                self.model.is_absent_since(*since);
            }
            None if !self.model.paused => self.ask(),
            _ => {}
        }
    }

    fn ask_if_other(&mut self) {
        if self.pending.is_none() && self.last_query.as_ref() != Some(&self.model.question()) {
            self.ask();
        }
    }

    /// Only one query is pending at a time, however fast the user scrolls.
    fn ask(&mut self) {
        let (admin, sender) = (Arc::clone(&self.admin), self.arrivals_sender.clone());
        let question = self.model.question();
        self.last_query = Some(question.clone());
        self.pending = Some((question.clone(), SystemTime::now()));
        tokio::spawn(async move {
            // Fails only after the loop has ended.
            let _ = sender.send(Arrival::Answered(Box::new(ask(&admin, question).await)));
        });
    }

    fn act(&self, what: Act) {
        let (admin, sender) = (Arc::clone(&self.admin), self.arrivals_sender.clone());
        let seen = self.model.status.clone();
        tokio::spawn(async move {
            let result = act(&admin, &what, &seen).await;
            let _ = sender.send(Arrival::Acted(what, result));
        });
    }

    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Answered(answered) => {
                self.pending = None;
                self.model.take(*answered, SystemTime::now());
            }
            Arrival::Acted(act, result) => {
                self.model.acted(&act, result, SystemTime::now());
                // Query the effect of the operation at once.
                self.last_query = None;
            }
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
