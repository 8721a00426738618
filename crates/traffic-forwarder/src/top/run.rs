//! The loop: draw, wait for a key, an answer, a signal or the next second, and again.

use super::ask::{act, ask};
use super::draw::{Palette, draw};
use super::layout::Layout;
use super::model::{Act, Answered, Effect, Model, Question};
use super::terminal::{Read, Terminal, events};
use crate::console::connection::Client;
use crate::console::failure::Failure;
use crate::console::reach::Whom;
use crate::console::screen::Screen;
use crate::exit::Exit;
use api::Done;
use ratatui::crossterm::event::{Event, KeyEventKind};
use ratatui::layout::{Position, Rect, Size};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Between two questions.
const PERIOD: Duration = Duration::from_secs(1);
/// Who has not answered for so long is said not to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What comes back from the admin interface.
enum News {
    Answered(Box<Answered>),
    Acted(Act, Result<Done, Failure>),
}

/// Shows the process until somebody leaves.
pub(crate) async fn run(whom: &Whom) -> Result<Exit, Failure> {
    let client = Arc::new(Client::new(whom)?);
    // Who is not there at first is told as by any other command.
    let model = Model::new(client.status().await?);
    let mut signals = Signals::new().map_err(Failure::Terminal)?;
    let mut terminal = Terminal::open()?;
    let events = events()?;
    let mut top = Top::new(client, model);
    top.resize(terminal.size());
    top.run(&mut terminal, events, &mut signals).await.map_err(Failure::Terminal)?;
    Ok(Exit::Done)
}

struct Top {
    client: Arc<Client>,
    model: Model,
    palette: Palette,
    sender: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
    /// What is being asked, and since when.
    asking: Option<(Question, SystemTime)>,
    /// What was asked last: another question does not wait for the next second.
    asked: Option<Question>,
}

impl Top {
    fn new(client: Arc<Client>, model: Model) -> Self {
        let (sender, news) = unbounded_channel();
        let palette = Palette { colours: Screen::now().colours };
        Self { client, model, palette, sender, news, asking: None, asked: None }
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
                    // All that was typed meanwhile is drawn at once.
                    let more = std::iter::from_fn(|| events.try_recv().ok());
                    let events: Vec<_> = std::iter::once(event).chain(more).collect();
                    if events.into_iter().any(|event| self.event(&event)) {
                        return Ok(());
                    }
                }
                Some(news) = self.news.recv() => self.take(news),
                _ = seconds.tick() => self.tick(),
                () = signals.any() => return Ok(()),
            }
        }
    }

    /// Returns whether that was the last one.
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
            // The next draw reads the size itself.
            _ => {}
        }
        false
    }

    fn resize(&mut self, size: Size) {
        if let Some(layout) = Layout::of(Rect::from((Position::ORIGIN, size))) {
            self.model.set_layout(layout);
        }
    }

    fn tick(&mut self) {
        match &self.asking {
            Some((_, since)) if since.elapsed().unwrap_or_default() >= PATIENCE => {
                self.model.is_absent_since(*since);
            }
            None if !self.model.paused => self.ask(),
            _ => {}
        }
    }

    fn ask_if_other(&mut self) {
        if self.asking.is_none() && self.asked.as_ref() != Some(&self.model.question()) {
            self.ask();
        }
    }

    /// One question at a time, however fast somebody scrolls.
    fn ask(&mut self) {
        let (client, sender) = (Arc::clone(&self.client), self.sender.clone());
        let question = self.model.question();
        self.asked = Some(question.clone());
        self.asking = Some((question.clone(), SystemTime::now()));
        tokio::spawn(async move {
            // Nobody reads it after the end.
            let _ = sender.send(News::Answered(Box::new(ask(&client, question).await)));
        });
    }

    fn act(&self, what: Act) {
        let (client, sender) = (Arc::clone(&self.client), self.sender.clone());
        let seen = self.model.status.clone();
        tokio::spawn(async move {
            let result = act(&client, &what, &seen).await;
            let _ = sender.send(News::Acted(what, result));
        });
    }

    fn take(&mut self, news: News) {
        match news {
            News::Answered(answered) => {
                self.asking = None;
                self.model.take(*answered, SystemTime::now());
            }
            News::Acted(act, result) => {
                self.model.acted(&act, result, SystemTime::now());
                // What it changed is shown without waiting for the next second.
                self.asked = None;
            }
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The signals that ask to end.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let [hangup, interrupt, terminate] =
            [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        Ok(Self([signal(hangup)?, signal(interrupt)?, signal(terminate)?]))
    }

    async fn any(&mut self) {
        let [hangup, interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
